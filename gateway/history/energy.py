"""What a counter counted, quarter hour by quarter hour, from the registers that the history keeps. Pure.

`agent.counter` says what the readings are worth. Energy between two readings that are further
apart than `HOLE_MS` belongs to no quarter hour: it is kept as a gap, with its time. Quarters and
gaps together are what the counter counted, and none of them is ever negative.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agent.counter import Counter, Limits, step
from agent.quantity import MINUTE_MS
from gateway.history.bucket import QUARTER_MS, Register

HOLE_MS = 5 * MINUTE_MS
"""Longer than any usual poll rate of a counter; a third of a quarter hour can be in the wrong one at most."""

Mark: TypeAlias = Literal["reset", "wrap", "return"]


@dataclass(slots=True)
class Slot:
    """One quarter hour: what was counted in it, and what is to be known of the counter."""

    start_ms: int
    counted: float = 0.0
    marks: set[Mark] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Gap:
    """What was counted while nobody looked, or while the register was not to be believed."""

    from_ms: int
    to_ms: int
    counted: float


@dataclass(frozen=True, slots=True)
class Energy:
    """Slots and gaps in order of time."""

    slots: tuple[Slot, ...]
    gaps: tuple[Gap, ...]

    @property
    def total(self) -> float:
        return sum(slot.counted for slot in self.slots) + sum(gap.counted for gap in self.gaps)


def energy_of(before: Register | None, registers: Sequence[tuple[int, Register]], limits: Limits) -> Energy:
    """Deltas of a counter.

    Args:
        before: the last register before the first slot: what grew since then counts, too.
        registers: each quarter hour's start, and what the counter did in it.
        limits: what the counter can do.
    """
    slots: dict[int, Slot] = {}
    gaps: list[Gap] = []
    counter = None if before is None else Counter(before.last, before.last_ms)
    for at_ms, register, is_inside in _readings(registers):
        since_ms = at_ms if counter is None else counter.at_ms
        in_doubt = counter is not None and counter.suspect is not None
        counter, said = step(counter, limits, at_ms, register)
        slot = slots.setdefault(at_ms - at_ms % QUARTER_MS, Slot(at_ms - at_ms % QUARTER_MS))
        if said.kind in ("reset", "wrap", "return"):
            slot.marks.add(said.kind)
        if at_ms - since_ms > HOLE_MS and (in_doubt or not is_inside):
            if said.believed:
                gaps.append(Gap(since_ms, at_ms, said.growth))
        else:
            slot.counted += said.growth
    return Energy(tuple(slots[start_ms] for start_ms in sorted(slots)), tuple(gaps))


def _readings(registers: Sequence[tuple[int, Register]]) -> Iterator[tuple[int, float, bool]]:
    """Time, register, and whether the reading before it lies in the same quarter hour's readings."""
    for _, register in sorted(registers, key=lambda entry: entry[0]):
        is_inside = False
        for at_ms, value in register.readings():
            yield at_ms, value, is_inside
            is_inside = True
