"""What a script of faults can speak of: the devices and buses of one simulation."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.simulator.device import SimulatedDevice
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.unit import Unit


@dataclass(frozen=True, slots=True)
class Stage:
    """The parts of a simulation by name.

    Args:
        devices: each from its profile.
        units: device → what answers for it on the wire; two devices may share one.
        bus_of: device → bus.
        servers: bus → where it can be reached.
    """

    devices: Mapping[str, SimulatedDevice]
    units: Mapping[str, Unit]
    bus_of: Mapping[str, str]
    servers: Mapping[str, TcpServer | RtuServer]
