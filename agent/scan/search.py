"""The whole search on one line: its settings, its living units, what they are, and which are the same."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.clock import Clock
from agent.modbus.endpoint import Endpoint
from agent.modbus.pdu import BusDown
from agent.modbus.reader import Reader
from agent.profile import Profile
from agent.scan.found import Unit, is_same
from agent.scan.line import Pace
from agent.scan.living import Living, living
from agent.scan.paced import Asked, Paced
from agent.scan.recognise import recognise

_FIRST_UNITS = 5
"""With so many of the likeliest ids all settings of a line are tried, before every id is on each."""
_ALIKE = 100
"""Of so many ids asked, each with the same refusals: a device is taken to answer to any id."""

Open = Callable[[Endpoint], Awaitable[tuple[Reader, bool]]]
"""Opens a line; True beside it where somebody else is its master and lends it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where a search is: on which line, doing what, how far, and how many units it has found."""

    line: Endpoint
    doing: Literal["asking", "identifying"]
    done: int
    total: int
    found: int


@dataclass(slots=True)
class Outcome:
    """What was found.

    Args:
        missing: unit ids of which a gateway says that nobody is there.
        garbled: line and unit id where something came that is no reply.
        asked: which ids have been asked on which line.
    """

    units: list[Unit] = field(default_factory=list)
    missing: int = 0
    garbled: list[tuple[Endpoint, int]] = field(default_factory=list)
    asked: list[tuple[Endpoint, Sequence[int]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Search:
    """A search, ready to run.

    Args:
        open_line: opens a line; one at a time is open.
        settings: of the line, tried in order.
        units: ids to ask, in order.
        pace: how gently.
        profiles: that a unit may turn out to be.
        thorough: all settings even when units were found, and a second probe.
        told: called with each step.
        seen: called with the units known so far on a line, each time one was added or got one more id.
    """

    open_line: Open
    settings: Sequence[Endpoint]
    units: Sequence[int]
    pace: Pace
    profiles: Sequence[Profile]
    clock: Clock
    thorough: bool
    told: Callable[[Step], None]
    seen: Callable[[Sequence[Unit]], None] = lambda _units: None

    async def run(self) -> Outcome:
        """Look for units, and find out what each is.

        Raises:
            BusDown: the line cannot be opened, or broke for good.
        """
        outcome = Outcome()
        rounds = [self.units]
        if len(self.settings) > 1 and not self.thorough:
            rounds = [self.units[:_FIRST_UNITS], self.units[_FIRST_UNITS:]]
        for units in rounds:
            for setting in self.settings:
                if await self._on(setting, units, outcome) and not self.thorough:
                    return outcome
        return outcome

    async def _on(self, setting: Endpoint, units: Sequence[int], outcome: Outcome) -> bool:
        """Whether units were found with this setting; then all ids have been asked."""
        reader, is_lent = await self.open_line(setting)
        line = Paced(reader, self.pace, is_lent=is_lent)
        try:
            if (
                line.endpoint,
                units,
            ) in outcome.asked:  # a running gateway lends its line as it has opened it
                return False
            outcome.asked.append((line.endpoint, units))
            found = await self._living(line, units)
            others = [unit for unit in self.units if unit not in units]
            if found.units and others and not self.thorough:
                found = _both(found, await self._living(line, others))
            outcome.missing += found.missing
            outcome.garbled += [(line.endpoint, unit) for unit in found.garbled]
            outcome.units += await self._identified(line, found.units)
        finally:
            line.close()
        return bool(found.units)

    async def _living(self, line: Paced, units: Sequence[int]) -> Living:
        def told(done: int, total: int, found: int) -> None:
            self.told(Step(line.endpoint, "asking", done, total, found))

        return await living(line, units, self.pace, told, thorough=self.thorough)

    async def _identified(self, line: Paced, ids: Sequence[int]) -> list[Unit]:
        units: list[Unit] = []
        for number, unit in enumerate(sorted(ids, key=lambda unit: (unit == 0, unit))):
            self.told(Step(line.endpoint, "identifying", number, len(ids), len(units)))
            known = await _known_by_serial(line, unit, units)
            if known is None:
                new = await recognise(line, unit, self.profiles, self.clock)
                if not line.opened:
                    raise BusDown("the gateway that lent the line has ended")
                known = next((one for one in units if is_same(one, new)), None)
                if known is None:
                    units.append(new)
                    self.seen(tuple(units))
                    continue
            units[units.index(known)] = replace(known, also=(*known.also, unit))
            self.seen(tuple(units))
        self.told(Step(line.endpoint, "identifying", len(ids), len(ids), len(units)))
        return _without_echoes(units) if len(ids) == len(self.units) >= _ALIKE else units


def _both(first: Living, second: Living) -> Living:
    return Living(
        sorted(first.units + second.units), first.missing + second.missing, first.garbled + second.garbled
    )


async def _known_by_serial(line: Paced, unit: int, units: Sequence[Unit]) -> Unit | None:
    """A device that has shown itself under two ids already: one read with its serial tells it again."""
    for known in units:
        texts = [span for span, words in known.said.items() if words is not None and len(words) > 8]
        if not (known.also and known.chain is not None and known.serial and texts):
            continue
        longest = max(texts, key=lambda span: span.count)
        if await Asked(line, unit).words(longest) == known.said[longest]:
            return known
    return None


def _without_echoes(units: list[Unit]) -> list[Unit]:
    """Where every id answers, those that nothing is known of and that refuse alike are one device."""
    unknown = [unit for unit in units if unit.best is None]
    if not unknown:
        return units
    first = unknown[0]
    alike = [unit for unit in unknown[1:] if _refusals(unit) == _refusals(first)]
    whole = replace(first, also=(*first.also, *(unit.unit for unit in alike)))
    return [whole if unit is first else unit for unit in units if unit not in alike]


def _refusals(unit: Unit) -> tuple[object, ...]:
    return unit.identity, tuple((span, words is None) for span, words in unit.said.items())
