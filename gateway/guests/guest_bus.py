"""A seat on a running gateway's bus: what `agent.modbus.bus.Bus` does, asked through the gateway."""

import asyncio
from collections.abc import Mapping

from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint
from agent.modbus.identity import Identity
from agent.modbus.pdu import BadReply, BusDown
from agent.profile import Link as UnitLink
from gateway.guests.find import Host
from gateway.guests.words import Answer, Choice, Question, Where, told, understood

_ANSWER_S = 90.0
"""Longer than the gateway lets a guest wait for its turn."""

_DEFAULT_LINK = UnitLink()


class GuestBus:
    """Asks units through a gateway; a gateway that ends takes the seat with it.

    Args:
        host: the gateway, from `find_host`.
        links: what each unit's port allows; the time-outs count here, the pauses are the gateway's own.
    """

    def __init__(self, host: Host, links: Mapping[int, UnitLink]) -> None:
        self._host = host
        self._timeout_ms = {u: host.line.timeout_ms or link.timeout_ms for u, link in links.items()}
        self._default_timeout_ms = host.line.timeout_ms or _DEFAULT_LINK.timeout_ms
        self._reader, self._writer = host.reader, host.writer
        self.requests = 0
        self.errors = 0

    @property
    def endpoint(self) -> Endpoint:
        """As the gateway opened it: speed and framing are its choice."""
        return self._host.endpoint

    @property
    def opened(self) -> int:
        """1, and 0 once the seat is lost: there is no opening it again."""
        return int(self.is_open)

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    async def sit_down(self) -> Answer:
        """Ask for the seat; the answer says so where it is taken.

        Raises:
            BusDown: the gateway is gone.
        """
        return await self._hear(told(Choice(bus=self._host.line.bus)))

    async def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> bytes:
        """The data bytes of a read's reply, checked by the gateway.

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: as the gateway's bus met them; BusDown also where
                the gateway has ended, or has no time for guests.
        """
        read = Where(table=span.table, start=span.start, count=span.count)
        answer = await self._ask(unit, timeout_ms, read)
        return bytes.fromhex(answer.data or "")

    async def identify(self, unit: int, *, timeout_ms: float | None = None) -> Identity:
        """What the unit says of itself (function 43/14).

        Raises:
            UnitSilent, UnitRefused, BadReply, BusDown: as `fetch` does.
        """
        answer = await self._ask(unit, timeout_ms, None)
        if answer.nameplate is None:
            raise BadReply(f"{self._host} answered something else")
        return answer.nameplate.identity()

    def probe_timeout_ms(self, unit: int) -> float:
        """The unit's whole time-out: a guest knows nothing of how fast it has lately been."""
        return self._timeout_ms.get(unit, self._default_timeout_ms)

    def close(self) -> None:
        """Leave; the gateway keeps its line."""
        self._writer.close()

    async def _ask(self, unit: int, timeout_ms: float | None, read: Where | None) -> Answer:
        timeout_ms = timeout_ms or self.probe_timeout_ms(unit)
        self.requests += 1
        answer = await self._hear(told(Question(unit=unit, timeout_ms=timeout_ms, read=read)))
        if (error := answer.error_or_none()) is not None:
            self.errors += 1
            raise error
        return answer

    async def _hear(self, words: bytes) -> Answer:
        if not self.is_open:
            raise BusDown(f"{self._host} has ended")
        answer = None
        try:
            self._writer.write(words)
            async with asyncio.timeout(_ANSWER_S):
                answer = understood(Answer, await self._reader.readuntil())
        except TimeoutError:
            raise BusDown(f"{self._host} does not answer") from None
        except (ConnectionError, asyncio.IncompleteReadError):
            raise BusDown(f"{self._host} has ended") from None
        except (asyncio.LimitOverrunError, ValueError):
            raise BusDown(f"{self._host} speaks another language; is it of this version?") from None
        finally:
            if answer is None:  # what may still come would be taken for the next question's answer
                self._writer.close()
        return answer
