"""A site's devices as servers on this machine, and the site file that finds them there."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.device import Device
from agent.modbus.endpoint import parse_url
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import RtuServer, TcpServer
from agent.simulator.troubles import Trouble, apply
from gateway.config import SiteConfig

STEP_S = 1.0


@dataclass(slots=True)
class Simulation:
    """The servers of a site, one for each bus."""

    site: SiteConfig
    devices: dict[str, SimulatedDevice] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    _servers: list[TcpServer | RtuServer] = field(default_factory=list)
    _motions: list[Motion] = field(default_factory=list)

    def prepare(self) -> None:
        """Make the devices, with first values in their registers."""
        for device in self.site.devices:
            simulated = SimulatedDevice(device.profile)
            self.devices[device.id] = simulated
            self._motions.append(_motion(device, simulated))
        self._move(0.0)

    async def start(self) -> None:
        """Open a free loopback port or a pseudo terminal for each bus."""
        for bus in self.site.buses:
            units = {d.unit: self.devices[d.id] for d in self.site.devices if d.bus == bus.id}
            endpoint = parse_url(bus.url)
            if endpoint.scheme == "rtu":
                line = RtuServer(units)
                query = f"?baudrate={endpoint.baudrate}&parity={endpoint.parity}&stopbits={endpoint.stopbits}"
                self.urls[bus.id] = f"rtu://{await line.start()}{query}"
                self._servers.append(line)
            else:
                server = TcpServer(units, rtu=endpoint.is_rtu)
                self.urls[bus.id] = f"{endpoint.scheme}://127.0.0.1:{await server.start()}"
                self._servers.append(server)

    async def run(self, troubles: tuple[Trouble, ...]) -> None:
        """Let the values move and the faults come and go, until cancelled."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while True:
            elapsed_s = loop.time() - start_s
            self._move(elapsed_s)
            apply(troubles, self.devices, round(elapsed_s * 1_000))
            await asyncio.sleep(STEP_S)

    async def close(self) -> None:
        """Stop all servers."""
        for server in self._servers:
            await server.close()

    def _move(self, elapsed_s: float) -> None:
        for motion in self._motions:
            self.devices[motion.device].set(**motion.values(elapsed_s))

    def entries(self) -> list[dict[str, Any]]:
        """Where each device is served."""
        return [
            {"device": d.id, "profile": d.profile.name, "url": self.urls[d.bus], "unit": d.unit}
            for d in self.site.devices
        ]


def _motion(device: Device, simulated: SimulatedDevice) -> Motion:
    return Motion(device.id, simulated.profile.points, device.rated_kw or device.rated_kwp or 10.0)


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
    root = YAML(typ="safe", pure=True).compose(StringIO(text))
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
