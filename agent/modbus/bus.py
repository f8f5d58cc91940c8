"""A bus: one line, one owner task, one request in flight, and the pauses that its units want.

BusError
 ├─ UnitSilent    no reply in time: this unit only, try the next
 ├─ UnitRefused   the unit answered with an exception code: the profile is wrong, or it is busy
 ├─ BadReply      something came that is not the reply: nothing was used of it
 └─ BusDown       no link: nobody on this bus can be asked; the bus itself waits before it tries again
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from agent.device import BusLine
from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.identity import BASIC, FIRST_REGULAR, REGULAR, Identity, Page, page_of
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
"""Time-outs in a row, of whichever units, after which a TCP connection is held to be dead."""

_PROBE_MARGIN_MS = 100

_DEFAULT_LINK = UnitLink()


class Bus:
    """Asks units on one line. Owned by one task: reads are never concurrent.

    Args:
        endpoint: the line.
        timeout_ms: the site's own time-out for this bus, before the units' own ones.
        links: what each unit's port allows.
    """

    def __init__(self, endpoint: Endpoint, timeout_ms: int | None, links: Mapping[int, UnitLink]) -> None:
        self._link = Link(endpoint)
        self._timeout_s = {u: (timeout_ms or link.timeout_ms) / 1_000 for u, link in links.items()}
        self._default_timeout_s = (timeout_ms or _DEFAULT_LINK.timeout_ms) / 1_000
        silence_s = endpoint.silence_ms / 1_000 if endpoint.is_rtu else 0.0
        self._silence_s = silence_s
        self._gap_s = {u: max(silence_s, link.gap_ms / 1_000) for u, link in links.items()}
        self._connect_delay_s = max((link.connect_delay_ms for link in links.values()), default=0) / 1_000
        self._free_s = 0.0
        self._unit = -1
        self._slowest_s: dict[int, float] = {}
        self._timeouts = 0
        self.requests = 0
        self.errors = 0
        self.busy_s = 0.0
        """Time in which the line was in use, failures and the pauses after them included."""

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

    async def read(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> Sequence[int]:
        """The registers of `span`, or its bits one each.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: see the module.
        """
        return words_of(span, await self.fetch(unit, span, timeout_ms=timeout_ms))

    async def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> bytes:
        """The same as the data bytes of the reply, checked.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: see the module.
        """
        return await self._ask(reading(unit, span), timeout_ms)

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
        unit = ask.unit
        timeout_s = timeout_ms / 1_000 if timeout_ms else self._timeout_s.get(unit, self._default_timeout_s)
        now_s = time.monotonic()
        if not self._link.is_open:
            await self._connect(now_s)
        gap_s = self._gap_s.get(unit, self._silence_s)
        if unit != self._unit:  # the unit that spoke last wants its pause too
            gap_s = max(gap_s, self._gap_s.get(self._unit, 0.0))
            self._unit = unit
        if gap_s and (wait_s := self._free_s + gap_s - now_s) > 0:
            await asyncio.sleep(wait_s)
        started_s = time.monotonic() if gap_s else now_s
        line = await self._link.line(started_s)
        self.requests += 1
        try:
            data = await line.ask(ask, timeout_s)
        except BusError as error:
            self._note(error)
            raise
        finally:
            self._free_s = time.monotonic()
            self.busy_s += self._free_s - started_s
        self._timeouts = 0
        took_s = self._free_s - started_s
        self._slowest_s[unit] = max(took_s, 0.99 * self._slowest_s.get(unit, 0.0))
        return data

    def probe_timeout_ms(self, unit: int) -> float:
        """Long enough for a reply as slow as this unit (else any unit here) has lately been, with a margin.

        So a dead unit costs the others little; whoever probes should at times wait the full time-out.
        """
        full_ms = 1_000 * self._timeout_s.get(unit, self._default_timeout_s)
        slowest_s = self._slowest_s.get(unit) or max(self._slowest_s.values(), default=0.0)
        return min(full_ms, 4_000 * slowest_s + _PROBE_MARGIN_MS) if slowest_s else full_ms

    def close(self) -> None:
        """Close the link; the next read opens it again."""
        self._link.close()

    async def _connect(self, now_s: float) -> None:
        await self._link.line(now_s)
        self._timeouts = 0
        if self._connect_delay_s:
            await asyncio.sleep(self._connect_delay_s)

    def _note(self, error: BusError) -> None:
        if isinstance(error, UnitRefused):
            self._timeouts = 0
            self.errors += not error.about_address
            return
        self.errors += 1
        if isinstance(error, UnitSilent):
            self._timeouts += 1
            if self._timeouts >= _DEAF and self.endpoint.scheme != "rtu":
                self._link.close()
        elif isinstance(error, BadReply):
            self._timeouts = 0


def open_bus(line: BusLine, links: Mapping[int, UnitLink]) -> Bus:
    """The bus of a site file's line; the link itself opens with the first read.

    Raises:
        ValueError: the URL is none.
    """
    return Bus(parse_url(line.url), line.timeout_ms, links)
