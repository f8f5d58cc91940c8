"""Opens a line so that it never has two masters: oneself, through a running gateway, or not at all."""

from collections.abc import Callable, Mapping

from agent.device import BusLine
from agent.modbus.bus import Bus, open_bus
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.pdu import BusDown
from agent.profile import Link
from gateway.guests.find import Host, LineHeld, find_host
from gateway.guests.guest_bus import GuestBus
from gateway.guests.holders import lock_holder


async def open_shared_bus(
    line: BusLine, links: Mapping[int, Link], tell: Callable[[str], None]
) -> Bus | GuestBus:
    """The bus, or a seat on that of the running gateway which holds the line; `tell` gets a word about that.

    Raises:
        ValueError: the URL is none.
        LineHeld: somebody holds the line; the message says who, and what to do.
    """
    endpoint = parse_url(line.url)
    host = await find_host(endpoint)
    if host is not None:
        return await _seat(host, endpoint, links, tell)
    if endpoint.scheme == "rtu" and (holder := lock_holder(endpoint.path)) is not None:
        raise LineHeld(f"{endpoint.path} is held by {holder}; try again when it has ended")
    return open_bus(line, links)


async def _seat(
    host: Host, endpoint: Endpoint, links: Mapping[int, Link], tell: Callable[[str], None]
) -> GuestBus:
    bus = GuestBus(host, links)
    why = await _refusal(host, bus)
    if why is not None:
        bus.close()
        raise LineHeld(f"{host} holds this line: {why}")
    tell(f"through {host}, between its own polls of {host.line.bus}")
    if host.endpoint.is_rtu and _settings(host.endpoint) != _settings(endpoint):
        tell(f"as that gateway has opened it: {host.line.url}")
    return bus


async def _refusal(host: Host, bus: GuestBus) -> str | None:
    if not host.welcome:
        return f"only root and user {host.peer.uid} may ask through it; call this as one of them"
    try:
        answer = await bus.sit_down()
    except BusDown as gone:
        return f"{gone}; try again"
    return None if answer.error is None else f"{answer.why}; try again later"


def _settings(endpoint: Endpoint) -> tuple[object, ...]:
    return endpoint.is_rtu, endpoint.baudrate, endpoint.parity, endpoint.stopbits, endpoint.bytesize
