"""A site's devices as servers on this machine, and the site file that finds them there."""

import asyncio
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.clock import SystemClock
from agent.device import Device
from agent.modbus.endpoint import Endpoint, parse_url
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import Fault
from agent.simulator.line import Speed
from agent.simulator.motion import Motion
from agent.simulator.play import Play, Told
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.shared import SharedUnit
from agent.simulator.stage import Stage
from agent.simulator.unit import Unit
from gateway.config import SiteConfig

_MOVE_S = 1.0
_STEP_S = 0.1
_TURNAROUND_MS = 5.0  # what the better meters need


class Simulation:
    """The devices of a site and their servers, one for each bus; a serial line is as fast as the file says.

    Args:
        site: whose devices.

    Attributes:
        stage: what a script of faults can speak of here.
        urls: bus → where it is served, once started.
    """

    def __init__(self, site: SiteConfig) -> None:
        self.site = site
        self.urls: dict[str, str] = {}
        devices = {d.id: SimulatedDevice(d.profile, _serial(d)) for d in site.devices}
        self._motions = {d.id: _motion(d, devices[d.id]) for d in site.devices}
        units: dict[str, Unit] = {}
        servers: dict[str, TcpServer | RtuServer] = {}
        for bus in site.buses:
            members = [d for d in site.devices if d.bus == bus.id]
            by_number = {
                d.unit: _answering([devices[e.id] for e in members if e.unit == d.unit]) for d in members
            }
            units |= {d.id: by_number[d.unit] for d in members}
            servers[bus.id] = _server(parse_url(bus.url), by_number)
        self.stage = Stage(devices, units, {d.id: d.bus for d in site.devices}, servers)
        for name, motion in self._motions.items():
            devices[name].set(**motion.values(0.0))

    async def start(self, ports: Path) -> None:
        """Open a free loopback port or a pseudo terminal for each bus.

        `ports` is a folder for links to the pseudo terminals: an unplugged one comes back at the same path.

        Raises:
            OSError: none to be had, or no link can be made there.
        """
        for bus in self.site.buses:
            server, endpoint = self.stage.servers[bus.id], parse_url(bus.url)
            if isinstance(server, RtuServer):
                path = await server.start((ports / f"{self.site.id}.{bus.id}.port").absolute())
                query = f"?baudrate={endpoint.baudrate}&parity={endpoint.parity}&stopbits={endpoint.stopbits}"
                self.urls[bus.id] = f"rtu://{path}{query}"
            else:
                query = f"?baudrate={endpoint.baudrate}" if endpoint.is_rtu else ""
                self.urls[bus.id] = f"{endpoint.scheme}://127.0.0.1:{await server.start()}{query}"

    async def run(self, faults: Sequence[Fault], tell: Callable[[Told], None]) -> None:
        """Let the values move and the faults come and go, until cancelled.

        Raises:
            OSError: a port that a fault had closed was taken meanwhile.
        """
        loop = asyncio.get_running_loop()
        start_s, moved_s = loop.time(), -math.inf
        play = Play(faults, self.stage, tell)
        while True:
            elapsed_s = loop.time() - start_s
            await play.step(round(elapsed_s * 1_000))
            if elapsed_s - moved_s >= _MOVE_S:
                moved_s = elapsed_s
                self._move(play, elapsed_s)
            await asyncio.sleep(_STEP_S)

    async def close(self) -> None:
        """Stop all servers."""
        for server in self.stage.servers.values():
            await server.close()

    def _move(self, play: Play, elapsed_s: float) -> None:
        for name, motion in self._motions.items():
            values = play.values(name, motion.values(elapsed_s), round(elapsed_s * 1_000))
            self.stage.devices[name].set(**values)

    def entries(self) -> list[dict[str, Any]]:
        """Where each device is served."""
        return [
            {"device": d.id, "profile": d.profile.name, "url": self.urls[d.bus], "unit": d.unit}
            for d in self.site.devices
        ]


def _answering(devices: Sequence[SimulatedDevice]) -> Unit:
    """What answers for devices at one unit id."""
    return devices[0] if len(devices) == 1 else SharedUnit(devices)


def _server(endpoint: Endpoint, units: Mapping[int, Unit]) -> TcpServer | RtuServer:
    match endpoint.scheme:
        case "rtu":
            return RtuServer(units, speed=_speed(endpoint))
        case "rtu+tcp":
            return TcpServer(units, rtu=True, speed=_speed(endpoint))
        case _:
            return TcpServer(units)


def _speed(endpoint: Endpoint) -> Speed:
    bits = round(endpoint.byte_ms * endpoint.baudrate / 1_000)
    return Speed(endpoint.baudrate, bits, _TURNAROUND_MS)


def _serial(device: Device) -> str:
    """The site file's, else one of its own that any device has room for."""
    return device.serial or f"SIM{zlib.crc32(device.id.encode()) % 10_000_000:07}"


def _motion(device: Device, simulated: SimulatedDevice) -> Motion:
    return Motion(
        device.id,
        simulated.free_points,
        device.rated_kw or device.rated_kwp or 10.0,
        started_s=SystemClock().utc_ms() / 1_000,
        timezone=device.timezone,
    )


def write_moved_site(path: Path, urls: Mapping[str, str], target: Path) -> None:
    """Write the site file at `path` with other bus URLs to `target`.

    Raises:
        OSError: it cannot be read or written.
    """
    text = moved_site(path.read_text(encoding="utf-8"), urls, path.parent, target.parent)
    target.write_text(text, encoding="utf-8")
    own_profiles, there = path.parent / "profiles", target.parent / "profiles"
    if own_profiles.is_dir() and not there.exists():
        there.symlink_to(own_profiles.resolve())


def moved_site(text: str, urls: Mapping[str, str], folder: Path, target: Path) -> str:
    """The site file with other bus URLs; all else stays as it is written.

    Where the copy goes to another folder, relative paths in it become absolute.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    replacements: list[tuple[int, int, str]] = []
    for bus in _items(_child(root, "buses")):
        identifier, url = _child(bus, "id"), _child(bus, "url")
        if isinstance(identifier, ScalarNode) and isinstance(url, ScalarNode):
            replacements.append(_replacement(url, urls[identifier.value]))
    if folder.resolve() != target.resolve():
        replacements += [_replacement(node, str(folder.resolve() / node.value)) for node in _paths(root)]
    for start, end, new in sorted(replacements, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _replacement(node: ScalarNode, value: str) -> tuple[int, int, str]:
    return node.start_mark.index, node.end_mark.index, f'"{value}"'


def _child(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _items(node: Node | None) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []


def _paths(root: Node) -> list[ScalarNode]:
    """Values that are paths beside the site file: `*_file`, `rules`, `calendar`."""
    found: list[ScalarNode] = []
    if isinstance(root, MappingNode):
        for key, value in root.value:
            if isinstance(value, ScalarNode):
                if key.value.endswith("_file") or key.value == "calendar":
                    found.append(value)
            elif key.value == "rules":
                found += [item for item in _items(value) if isinstance(item, ScalarNode)]
            else:
                found += _paths(value)
    elif isinstance(root, SequenceNode):
        for item in root.value:
            found += _paths(item)
    return found
