"""A bus: one line, one owner task, one request in flight, and the pauses that its units want.

BusError
 ├─ UnitSilent    no reply in time: this unit only, try the next
 ├─ UnitRefused   the unit answered with an exception code: the profile is wrong, or it is busy
 ├─ BadReply      something came that is not the reply: nothing was used of it
 └─ BusDown       no link: nobody on this bus can be asked; the bus itself waits before it tries again
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from agent.device import BusLine
from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.exchange import RtuExchange, TcpExchange
from agent.modbus.identity import BASIC, FIRST_REGULAR, REGULAR, Identity, Page, page_of
from agent.modbus.late import LateReplies
from agent.modbus.link import Link
from agent.modbus.pdu import (
    Ask,
    BadReply,
    BusDown,
    BusError,
    UnitRefused,
    UnitSilent,
    identifying,
    reading,
    words_of,
)
from agent.profile import Link as UnitLink

__all__ = ["BadReply", "Bus", "BusDown", "BusError", "UnitRefused", "UnitSilent", "open_bus"]

_DEAF = 3
"""Time-outs in a row, of whichever of its units, after which a TCP connection is held to be dead."""

_PROBE_MARGIN_MS = 100
_FASTEST_S = 0.001
"""A reply is at least so slow: behind a serial server the bytes may have gone faster than the URL says."""

_DEFAULT_LINK = UnitLink()


@dataclass(slots=True)
class UnitCounts:
    """What has become of the requests to one unit since the bus was made."""

    requests: int = 0
    timeouts: int = 0
    bad_replies: int = 0
    """Damaged, mislabelled, too short, too long or in pieces."""
    refusals: int = 0
    """Exception codes of whatever kind."""
    dropped_bytes: int = 0
    """Bytes that came during or after its requests and were no reply."""


@dataclass(slots=True)
class _Unit:
    timeout_s: float
    gap_s: float
    is_ours: bool
    counts: UnitCounts = field(default_factory=UnitCounts)
    slowest_s: float = 0.0
    """Until a reply, without the time of its bytes on a serial line."""
    """Of its lately slowest reply, from the request on, without the time of the bytes on a serial line."""


class Bus:
    """Asks units on one line. Owned by one task: reads are never concurrent.

    Args:
        endpoint: the line.
        timeout_ms: the site's own time-out for this bus, before the units' own ones.
        links: what each unit's port allows.
        late: on a serial line, the replies that may still come to the bus that was here before.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timeout_ms: int | None,
        links: Mapping[int, UnitLink],
        late: LateReplies | None = None,
    ) -> None:
        self.late = late or LateReplies()
        self._link = Link(endpoint, self.late)
        self._timeout_ms = timeout_ms
        self._silence_s = endpoint.silence_ms / 1_000 if endpoint.is_rtu else 0.0
        self._byte_s = endpoint.byte_ms / 1_000 if endpoint.is_rtu else 0.0
        self._byte_s = endpoint.byte_ms / 1_000 if endpoint.is_rtu else 0.0
        self._units = {unit: self._unit(link, is_ours=True) for unit, link in links.items()}
        self._connect_delay_s = max((link.connect_delay_ms for link in links.values()), default=0) / 1_000
        self._free_s = 0.0
        self._last = self._unit(_DEFAULT_LINK, is_ours=False)
        self._timeouts = 0
        self.requests = 0
        self.errors = 0
        self.busy_s = 0.0
        """Time in which the line was in use, failures and the pauses between requests included."""

    @property
    def endpoint(self) -> Endpoint:
        return self._link.endpoint

    @property
    def opened(self) -> int:
        """How often the link was opened."""
        return self._link.opened

    @property
    def is_open(self) -> bool:
        return self._link.is_open

    @property
    def counts(self) -> Mapping[int, UnitCounts]:
        """By unit, what has become of its requests; also of units that the bus was not made for."""
        return {number: unit.counts for number, unit in self._units.items()}

    async def read(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> Sequence[int]:
        """The registers of `span`, or its bits one each.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: see the module.
        """
        return words_of(span, await self.fetch(unit, span, timeout_ms=timeout_ms))

    def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> Coroutine[Any, Any, bytes]:
        """The same as the data bytes of the reply, checked.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: see the module.
        """
        return self._ask(reading(unit, span), timeout_ms)

    async def identify(self, unit: int, *, timeout_ms: float | None = None) -> Identity:
        """What the unit says of itself (function 43/14): basic objects, and regular ones where it has them.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: see the module; most devices refuse with code 1.
        """
        objects, has_regular = await self._objects(unit, BASIC, 0, timeout_ms)
        if has_regular:
            with suppress(UnitRefused):  # it claims to have more than it tells
                objects |= (await self._objects(unit, REGULAR, FIRST_REGULAR, timeout_ms))[0]
        return Identity.of(objects)

    async def _objects(
        self, unit: int, stream: int, first: int, timeout_ms: float | None
    ) -> tuple[dict[int, bytes], bool]:
        objects: dict[int, bytes] = {}
        page: Page | None = None
        at: int | None = first
        while at is not None:  # ends: each page goes on with a higher object than the one before, of 256
            data = await self._ask(identifying(unit, stream, at), timeout_ms)
            try:
                page = page_of(data, stream, at, goes_on=page is not None)
            except BadReply as error:
                self._note(error)
                raise
            objects |= page.objects
            at = page.next_object
        return objects, page is not None and page.has_regular

    async def _ask(self, ask: Ask, timeout_ms: float | None) -> bytes:
        unit = self._units.get(ask.unit)
        if unit is None:
            unit = self._units[ask.unit] = self._unit(_DEFAULT_LINK, is_ours=False)
        started_s = time.monotonic()
        line = self._link.exchange
        if line is None or not line.is_open:
            line = await self._connect(started_s)
            started_s = time.monotonic()
        gap_s = unit.gap_s
        if (
            unit is not self._last and self._last.gap_s > gap_s
        ):  # the unit that spoke last wants its pause too
            gap_s = self._last.gap_s
        if gap_s and (wait_s := self._free_s + gap_s - started_s) > 0:
            await asyncio.sleep(wait_s)
            line = await self._link.line(time.monotonic())
        if line.dropped:
            self._count_dropped(line)
        self._last = unit
        self.requests += 1
        unit.counts.requests += 1
        try:
            data = await line.ask(ask, timeout_ms / 1_000 if timeout_ms else unit.timeout_s)
        except BusError as error:
            self._note(error)
            raise
        finally:
            ended_s = time.monotonic()
            self.busy_s += ended_s - started_s
            self._free_s = line.heard_s or ended_s
            if line.dropped:
                self._count_dropped(line)
        self._timeouts = 0
        took_s = self._free_s - line.sent_s
        if self._byte_s:
            took_s = max(_FASTEST_S, took_s - self._byte_s * ask.rtu_bytes)
        if took_s < unit.slowest_s:
            took_s = max(took_s, 0.99 * unit.slowest_s)
        unit.slowest_s = took_s
        return data

    def probe_timeout_ms(self, unit: int) -> float:
        """Long enough for a reply as slow as this unit (else any unit here) has lately been, with a margin.

        The time of the bytes on a serial line comes on top, as with every time-out of `fetch`.
        So a dead unit costs the others little; whoever probes should at times wait the full time-out.
        """
        own = self._units.get(unit) or self._unit(_DEFAULT_LINK, is_ours=False)
        full_ms = 1_000 * own.timeout_s
        slowest_s = own.slowest_s or max((other.slowest_s for other in self._units.values()), default=0.0)
        return min(full_ms, 4_000 * slowest_s + _PROBE_MARGIN_MS) if slowest_s else full_ms

    def close(self) -> None:
        """Close the link; the next read opens it again."""
        self._link.close()

    def _unit(self, link: UnitLink, *, is_ours: bool) -> _Unit:
        timeout_s = (self._timeout_ms or link.timeout_ms) / 1_000
        return _Unit(timeout_s, max(self._silence_s, link.gap_ms / 1_000), is_ours)

    async def _connect(self, now_s: float) -> TcpExchange | RtuExchange:
        line = await self._link.line(now_s)
        self._timeouts = 0
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)
        return line

    def _count_dropped(self, line: TcpExchange | RtuExchange) -> None:
        self._last.counts.dropped_bytes += line.dropped
        line.dropped = 0

    def _note(self, error: BusError) -> None:
        """Count a failed request of the unit that was asked last, and judge the line by it."""
        counts = self._last.counts
        if isinstance(error, UnitRefused):
            counts.refusals += 1
            self._timeouts = 0
            self.errors += not error.about_address
            return
        self.errors += 1
        if isinstance(error, UnitSilent):
            counts.timeouts += 1
            self._timeouts += self._last.is_ours  # of a stranger's silence nothing follows
            if self._timeouts >= _DEAF and self._last.is_ours:
                if self.endpoint.scheme == "rtu":
                    self._link.close_if_moved()
                else:
                    self._link.close()
        elif isinstance(error, BadReply):
            counts.bad_replies += 1
            self._timeouts = 0


def open_bus(line: BusLine, links: Mapping[int, UnitLink], late: LateReplies | None = None) -> Bus:
    """The bus of a site file's line; the link itself opens with the first read.

    Args:
        line: the bus's address and time-out.
        links: what each unit's port allows.
        late: of the bus that was on this line before, see `Bus.late`.

    Raises:
        ValueError: the URL is none.
    """
    return Bus(parse_url(line.url), line.timeout_ms, links, late)
