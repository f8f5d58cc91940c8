"""Whether two addresses mean the same wire, however they spell it."""

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from agent.modbus.endpoint import Endpoint

_RESOLVE_S = 3.0


@dataclass(frozen=True, slots=True)
class Wire:
    """A serial port by its device number, or a socket by every address that its name has."""

    places: frozenset[str]
    port: int

    def is_same(self, other: "Wire") -> bool:
        return self.port == other.port and not self.places.isdisjoint(other.places)


async def wire_of(endpoint: Endpoint) -> Wire:
    """What the address leads to now: links are followed, names resolved."""
    if endpoint.scheme == "rtu":
        return Wire(frozenset({_serial_port(endpoint.path)}), 0)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await loop.getaddrinfo(endpoint.host, endpoint.port)
    except (OSError, TimeoutError):  # a name that nobody knows can still be written twice
        return Wire(frozenset({endpoint.host.lower()}), endpoint.port)
    return Wire(frozenset(str(address[0]) for *_, address in found), endpoint.port)


def _serial_port(path: str) -> str:
    try:
        state = Path(path).stat()
    except OSError:
        return os.path.realpath(path)
    return f"char {state.st_rdev}" if stat.S_ISCHR(state.st_mode) else os.path.realpath(path)
