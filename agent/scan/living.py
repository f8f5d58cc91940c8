"""Which units of a line are there: one cheap read each, and any reply counts, a refusal too."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from agent.modbus.address import Span, Table
from agent.modbus.pdu import BadReply, BusDown, UnitRefused, UnitSilent
from agent.scan.line import Pace
from agent.scan.paced import Paced

PROBE = Span(Table.HOLDING, 0, 1)
SECOND_PROBE = Span(Table.INPUT, 0, 1)

_NO_SUCH_UNIT = (10, 11)
"""What a gateway says of a unit that is not there (Modbus Application Protocol V1.1b3, 7)."""

_BUSY_TIMES = 5
_LEAST_MS = 150.0
_LATE_MS = 200.0
_GATEWAY_MS = 5_000.0
_HANG_UPS = 4

Told = Callable[[int, int, int], None]
"""Called with units asked, units to ask and units found."""


@dataclass(slots=True)
class Living:
    """Outcome of a search on one line.

    Args:
        units: that answered, lowest first.
        missing: how many a gateway says are not there.
        garbled: that sent something which is no reply: another baud rate, two units with one id, noise.
    """

    units: list[int] = field(default_factory=list)
    missing: int = 0
    garbled: list[int] = field(default_factory=list)


async def living(
    line: Paced, units: Sequence[int], pace: Pace, told: Told, *, thorough: bool = False
) -> Living:
    """Ask each unit once (`thorough`: a silent one in a second way, too).

    A gateway asks its own line one unit after another, and needs its own time-out for each that is
    missing. So after a silence a unit that is known to live is asked: its reply shows that the
    gateway is done, and how long that took.

    Raises:
        BusDown: the line cannot be opened, or breaks with unit after unit.
    """
    search = _Search(line, pace)
    for number, unit in enumerate(units, 1):
        await search.ask(unit, PROBE)
        if thorough and unit not in search.found.units:
            await search.ask(unit, SECOND_PROBE)
        told(number, len(units), len(search.found.units))
    search.found.units.sort()
    search.found.garbled = [unit for unit in search.found.garbled if unit not in search.found.units]
    return search.found


class _Search:
    def __init__(self, line: Paced, pace: Pace) -> None:
        self._line = line
        self._probe_ms = pace.probe_ms
        self._hung_up = 0
        self.found = Living()

    async def ask(self, unit: int, span: Span) -> None:
        """Note whether the unit answers; once more where only the gateway was slow."""
        if await self._answers(unit, span, self._wait_ms()):
            self.found.units.append(unit)

    def _wait_ms(self) -> float:
        if self._knows_no_times():
            return self._probe_ms
        return min(self._probe_ms, max(_LEAST_MS, _BUSY_TIMES * self._line.slowest_ms))

    def _knows_no_times(self) -> bool:
        return not self.found.units or self._line.endpoint.is_rtu or self._line.is_lent

    async def _answers(self, unit: int, span: Span, wait_ms: float) -> bool:
        try:
            await self._line.fetch(unit, span, timeout_ms=wait_ms)
        except UnitRefused as refused:
            self.found.missing += refused.code in _NO_SUCH_UNIT
            return refused.code not in _NO_SUCH_UNIT
        except BadReply:
            self.found.garbled.append(unit)
            return False
        except BusDown:  # some hang up on a unit id that is not theirs
            self._hung_up += 1
            if self._hung_up > _HANG_UPS or not self._line.opened:
                raise
            return False
        except UnitSilent:
            late_ms = await self._gateway_was_late_ms()
            if late_ms is None:
                return False
            self._probe_ms = max(self._probe_ms, wait_ms + 2 * late_ms)
            return await self._answers(unit, span, wait_ms + 2 * late_ms) if wait_ms < _GATEWAY_MS else False
        self._hung_up = 0
        return True

    async def _gateway_was_late_ms(self) -> float | None:
        """How long the line was still busy with a silent unit; None where it was not."""
        if self._knows_no_times():
            return None
        usual_ms = self._line.slowest_ms
        self._line.slowest_ms = 0.0
        with suppress(UnitRefused, UnitSilent, BadReply, BusDown):  # it is asked for the time that it takes
            await self._line.fetch(self.found.units[0], PROBE, timeout_ms=_GATEWAY_MS)
        took_ms, self._line.slowest_ms = self._line.slowest_ms, usual_ms
        return took_ms if took_ms > usual_ms + _LATE_MS else None
