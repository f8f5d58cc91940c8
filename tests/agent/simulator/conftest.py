"""A small stage for scripts of faults: a battery over TCP, two meters on a serial line."""

import pytest

from agent.document import parse
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault_file import read_faults
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.stage import Stage
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()


@pytest.fixture
def stage():
    names = {"bat-1": "sunspec-storage", "meter-1": "eastron-sdm630", "meter-2": "eastron-sdm630"}
    devices = {name: SimulatedDevice(SHELF.find(profile)) for name, profile in names.items()}
    servers = {
        "lan": TcpServer({1: devices["bat-1"]}),
        "line": RtuServer({1: devices["meter-1"], 2: devices["meter-2"]}),
    }
    return Stage(devices, devices, {"bat-1": "lan", "meter-1": "line", "meter-2": "line"}, servers)


@pytest.fixture
def script(stage):
    """The faults of a script's lines, each `key: value, ...`."""

    def read(*lines):
        text = "version: 1\nfaults:\n" + "".join(f"  - {{{line}}}\n" for line in lines)
        return read_faults(parse(text, "faults.yaml"), stage)

    return read
