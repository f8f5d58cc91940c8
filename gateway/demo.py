"""The demo's world: a village behind real Modbus servers, a site file that fits it, and its script of faults.

The gateway beside it is the whole product on its embedded defaults and knows nothing of this
module: it reads the site file and polls sockets and a serial line like any other.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.reading import Text, Value
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault_file import read_faults
from agent.simulator.play import Play, Told
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.stage import Stage
from agent.simulator.village import Village
from gateway.profiles import ProfileShelf, read_document, shipped_configs

_STEP_S = 0.25

BUSES: dict[str, dict[str, tuple[int, str]]] = {
    "lan-inverters": {"inv-1": (1, "sunspec-inverter"), "inv-2": (2, "sunspec-inverter")},
    "lan-battery": {"bat-1": (1, "sunspec-storage")},
    "lan-charger-1": {"charger-1": (1, "alfen-ng9xx")},
    "lan-charger-2": {"charger-2": (1, "alfen-ng9xx")},
    "lan-charger-3": {"charger-3": (1, "alfen-ng9xx")},
    "rs485-1": {
        "meter-main": (1, "eastron-sdm630"),
        "meter-hall": (2, "eastron-sdm630"),
        "meter-clinic": (3, "eastron-sdm630"),
        "meter-pump": (4, "eastron-sdm630"),
        "weather-1": (5, "sma-sunny-sensorbox"),
    },
}
"""Bus → device → unit and profile. `rs485-1` is a serial line (a pseudo terminal), the rest are TCP."""

_DETAILS = {
    "inv-1": "rated_kw: 50, rated_kwp: 55, tilt_deg: 15, azimuth_deg: 180",
    "inv-2": "rated_kw: 50, rated_kwp: 52, tilt_deg: 15, azimuth_deg: 180",
    "bat-1": "rated_kw: 100, rated_kwh: 215",
    "charger-1": "rated_kw: 22",
    "charger-2": "rated_kw: 22",
    "charger-3": "rated_kw: 22",
    "meter-main": "role: main_meter, class: 1",
    "meter-hall": "role: sub_meter, parent: meter-main, party: hall, class: 1",
    "meter-clinic": "role: sub_meter, parent: meter-main, party: clinic, class: 1",
    "meter-pump": "role: sub_meter, parent: meter-main, party: waterworks, class: 1",
}

_SITE = """\
version: 1
site:
  id: village-hall
  name: {{en: Village hall, zh: 村部光储充站}}
  location: {{latitude: 29.79, longitude: 120.44}}
  timezone: Asia/Shanghai
  remoteness: rural
  cell: {{county: demo-county, town: demo-town, village: demo-village}}
  users_served: 120
  transformer_kva: 400
  export_permit_kw: 100
  contract_kw: 200
buses:
{buses}
devices:
{devices}
mqtt: {{embedded: "127.0.0.1:0"}}
teams:
  - id: station
    name: {{en: Supply station, zh: 供电所}}
    members: [{{id: zhang, name: Zhang, role: inspector}}, {{id: li, name: Li, role: operator}}]
  - id: steward
    name: {{en: Enterprise steward, zh: 电管家}}
    kinds: [inspection, preventive, metering]
    members: [{{id: wang, name: Wang, role: inspector}}]
console: {{listen: "127.0.0.1:{port}"}}
"""


class DemoWorld:
    """The village and its servers; what happens in it is in `configs/faults/demo.yaml`.

    Args:
        speed: how many times faster than real time the village's day runs.
        tell: called with what the script says, as it happens.
    """

    def __init__(self, *, speed: float, tell: Callable[[Text], None]) -> None:
        self.village = Village()
        self._speed = speed
        self._tell = tell
        shelf = ProfileShelf()
        names = {name: profile for members in BUSES.values() for name, (_, profile) in members.items()}
        self.devices = {
            name: SimulatedDevice(shelf.find(profile), f"SIM-{name}") for name, profile in names.items()
        }
        self._servers: dict[str, TcpServer | RtuServer] = {}
        for bus, members in BUSES.items():
            units = {unit: self.devices[name] for name, (unit, _) in members.items()}
            self._servers[bus] = RtuServer(units) if bus.startswith("rs485") else TcpServer(units)
        bus_of = {name: bus for bus, members in BUSES.items() for name in members}
        stage = Stage(self.devices, self.devices, bus_of, self._servers)
        script = read_faults(read_document(shipped_configs() / "faults" / "demo.yaml"), stage)
        self._play = Play(script, stage, self._told)
        self.show(0.0)

    @property
    def requests(self) -> int:
        """How many requests the simulated devices were asked."""
        return sum(device.requests for device in self.devices.values())

    @property
    def sun_elevation_deg(self) -> float:
        """The village's own sun: its day is not the gateway's."""
        return self.village.sky.sun_elevation_deg

    async def start(self, folder: Path, *, port: int) -> Path:
        """Open all servers and write the site file into `folder`; returns its path.

        Raises:
            OSError: no socket or no pseudo terminal to be had.
        """
        urls = {bus: await self._open(server) for bus, server in self._servers.items()}
        buses = "\n".join(f'  - {{id: {bus}, url: "{url}"}}' for bus, url in urls.items())
        devices = "\n".join(
            f"  - {{id: {name}, profile: {profile}, bus: {bus}, unit: {unit}, every: 1s{_details(name)}}}"
            for bus, members in BUSES.items()
            for name, (unit, profile) in members.items()
        )
        path = folder / "site.yaml"
        path.write_text(_SITE.format(buses=buses, devices=devices, port=port), encoding="utf-8")
        return path

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()

    async def run(self) -> None:
        """Let the village live and play the script, until cancelled.

        Raises:
            OSError: a port that a fault had closed was taken meanwhile.
        """
        started_s = last_s = time.monotonic()
        while True:
            await asyncio.sleep(_STEP_S)
            now_s = time.monotonic()
            await self._play.step(round((now_s - started_s) * 1_000))
            self.village.advance((now_s - last_s) * self._speed)
            last_s = now_s
            self.show(now_s - started_s)

    def show(self, elapsed_s: float) -> None:
        """Put what the village is, so long after the start, into the devices' registers."""
        elapsed_ms = round(elapsed_s * 1_000)
        for name, inverter in self.village.inverters.items():  # one with a fault feeds nothing in
            inverter.fault = self._play.values(name, {"state": "running"}, elapsed_ms)["state"] == "fault"
        for name, values in self.village.readings().items():
            device = self.devices[name]
            device.set(**self._play.values(name, _known(device, values), elapsed_ms))

    def _told(self, told: Told) -> None:
        text = told.fault.says if told.begins else told.fault.ends
        if text is not None:
            self._tell(text)

    async def _open(self, server: TcpServer | RtuServer) -> str:
        if isinstance(server, RtuServer):
            return f"rtu://{await server.start()}?baudrate=115200"
        return f"tcp://127.0.0.1:{await server.start()}"


def _known(device: SimulatedDevice, values: Mapping[str, Value]) -> dict[str, Value]:
    """What of the village's readings this model of device can show."""
    names = set(device.names)
    return {point: value for point, value in values.items() if point in names}


def _details(name: str) -> str:
    return f", {_DETAILS[name]}" if name in _DETAILS else ""
