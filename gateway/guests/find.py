"""Finds the running gateway that holds a line: every gateway of this machine is asked which lines it has."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agent.modbus.endpoint import Endpoint, parse_url
from gateway.failure import Failure
from gateway.guests.door import DOOR, Peer, peer_of
from gateway.guests.wires import wire_of
from gateway.guests.words import MAX_WORDS, Hello, Line, understood

_HELLO_S = 5.0
_SOCKETS = Path("/proc/net/unix")


@dataclass(frozen=True, slots=True)
class Host:
    """A gateway that holds the line, with an open way to it."""

    site: str
    peer: Peer
    line: Line
    endpoint: Endpoint
    welcome: bool
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __str__(self) -> str:
        return f"the running gateway of site {self.site} (pid {self.peer.pid})"


class LineHeld(Failure):
    """Another process is the master of this line, and does not lend it."""


async def find_host(endpoint: Endpoint) -> Host | None:
    """The gateway of this machine that holds the line, None where none does.

    Raises:
        LineHeld: a gateway does not say which lines it has.
    """
    for name in _doors():
        host = await _visit(name, endpoint)
        if host is not None:
            return host
    return None


def _doors() -> list[str]:
    try:
        table = _SOCKETS.read_text()
    except OSError:
        return []
    names = {line.rpartition(" ")[2] for line in table.splitlines()}
    return sorted(name[1:] for name in names if name.startswith("@" + DOOR))


async def _visit(name: str, endpoint: Endpoint) -> Host | None:
    try:
        reader, writer = await asyncio.open_unix_connection("\0" + name, limit=MAX_WORDS)
    except OSError:  # it has just ended
        return None
    host = None
    try:
        async with asyncio.timeout(_HELLO_S):
            hello = understood(Hello, await reader.readuntil())
        held = await _line_of(hello, endpoint)
        if held is not None:
            line, own = held
            host = Host(hello.site, peer_of(writer), line, own, hello.welcome, reader, writer)
    except TimeoutError:
        raise LineHeld(
            f"a gateway (pid {peer_of(writer).pid}) does not say which lines it holds; "
            "is it frozen? this one may be among them"
        ) from None
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return None  # it has just ended, or it is no gateway
    finally:
        if host is None:
            writer.close()
    return host


async def _line_of(hello: Hello, endpoint: Endpoint) -> tuple[Line, Endpoint] | None:
    wanted = await wire_of(endpoint)
    for line in hello.lines:
        own = parse_url(line.url)
        if own.port == endpoint.port and wanted.is_same(await wire_of(own)):
            return line, own
    return None
