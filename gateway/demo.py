"""The demo's world: a village behind real Modbus servers, a site file that fits it, and a script of faults.

The gateway beside it is the whole product on its embedded defaults and knows nothing of this
module: it reads the site file and polls sockets and a serial line like any other.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.reading import Text
from agent.simulator.device import SimulatedDevice
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.village import Village
from gateway.profiles import ProfileShelf

_STEP_S = 0.25
_WARMING_K = 32.0

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


@dataclass(frozen=True, slots=True)
class Scene:
    """A turn of the script, by real seconds since the start so that it is seen at any speed."""

    at_s: float
    text: Text
    play: Callable[["DemoWorld"], None]


def _warm(world: "DemoWorld") -> None:
    world.warming = True


def _cool(world: "DemoWorld") -> None:
    world.warming = False


def _trip(world: "DemoWorld") -> None:
    world.village.inverters["inv-2"].fault = True


def _die(world: "DemoWorld") -> None:
    world.devices["inv-2"].dead = True


def _mend(world: "DemoWorld") -> None:
    world.devices["inv-2"].dead = False
    world.village.inverters["inv-2"].fault = False


SCRIPT = (
    Scene(8, Text("the cooling of a battery module fails", "一个电池模组的冷却失效"), _warm),
    Scene(12, Text("inverter 2 trips with a fault", "2 号逆变器故障停机"), _trip),
    Scene(50, Text("inverter 2 goes silent", "2 号逆变器失去响应"), _die),
    Scene(300, Text("the battery module cools down again", "电池模组恢复冷却"), _cool),
    Scene(330, Text("inverter 2 is repaired", "2 号逆变器修复"), _mend),
)


class DemoWorld:
    """The village and its servers.

    Args:
        speed: how many times faster than real time the village's day runs.
        tell: called with each scene of the script as it is played.
    """

    def __init__(self, *, speed: float, tell: Callable[[Scene], None]) -> None:
        self.village = Village()
        self.warming = False
        self.devices: dict[str, SimulatedDevice] = {}
        self._speed = speed
        self._tell = tell
        self._servers: dict[str, TcpServer | RtuServer] = {}
        shelf = ProfileShelf()
        for bus, members in BUSES.items():
            units = {}
            for name, (unit, profile) in members.items():
                self.devices[name] = units[unit] = SimulatedDevice(shelf.find(profile))
            self._servers[bus] = RtuServer(units) if bus.startswith("rs485") else TcpServer(units)
        self.show()

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
        """Let the village live and play the script, until cancelled."""
        started = last = time.monotonic()
        scenes = list(SCRIPT)
        while True:
            await asyncio.sleep(_STEP_S)
            now = time.monotonic()
            while scenes and now - started >= scenes[0].at_s:
                scene = scenes.pop(0)
                scene.play(self)
                self._tell(scene)
            self._drift(now - last)
            self.village.advance((now - last) * self._speed)
            last = now
            self.show()

    def _drift(self, real_s: float) -> None:
        target_k, per_s = (_WARMING_K, 2.0) if self.warming else (0.0, 1.0)
        excess_k = self.village.module_excess_k
        step_k = min(abs(target_k - excess_k), per_s * real_s)
        self.village.module_excess_k = excess_k + (step_k if target_k > excess_k else -step_k)

    def show(self) -> None:
        """Put what the village is now into the devices' registers."""
        for name, values in self.village.readings().items():
            device = self.devices[name]
            device.set(**_known(device, values))

    async def _open(self, server: TcpServer | RtuServer) -> str:
        if isinstance(server, RtuServer):
            return f"rtu://{await server.start()}?baudrate=115200"
        return f"tcp://127.0.0.1:{await server.start()}"


def _known(
    device: SimulatedDevice, values: Mapping[str, float | str | bool]
) -> dict[str, float | str | bool]:
    """What of the village's readings this model of device can show."""
    names = set(device.names)
    return {point: value for point, value in values.items() if point in names}


def _details(name: str) -> str:
    return f", {_DETAILS[name]}" if name in _DETAILS else ""
