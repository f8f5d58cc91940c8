"""Which replies to lost requests may still come on a serial line.

RTU has no transaction id: a reply that comes after its time-out has a good checksum, and looks
like the reply to the next request of the same shape. What tells replies apart is the unit that
they name, their function and their length. A unit answers in order: once it has answered something
unmistakable, nothing older of it can follow. Units have been seen that answer for another unit, so
a shape that anybody still owes is doubted under every unit's name.

This module knows no line and no time.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.modbus.address import Span, Table
from agent.modbus.pdu import VARIES, Ask, reading

Shape: TypeAlias = tuple[int, int]
"""Function and data bytes, see `Ask.shape`."""

LATE_S = 30.0
"""A reply that comes even later than this is not known from any device."""


@dataclass(slots=True)
class _Owed:
    until_s: float
    stays: bool = False
    passed: set[int] = field(default_factory=set)
    """Units that have since answered something unmistakable."""


class LateReplies:
    """The memory of one line; outlives its openings, and its bus."""

    def __init__(self) -> None:
        self._owed: dict[tuple[int, Shape], _Owed] = {}

    def lose(self, ask: Ask, now_s: float) -> None:
        """No reply has come in time."""
        before = self._owed.get((ask.unit, ask.shape))
        self._owed[ask.unit, ask.shape] = _Owed(now_s + LATE_S, stays=before is not None and before.stays)

    def repeat(self, ask: Ask, now_s: float) -> None:
        """More replies came than were asked for: this unit is doubted for a while, whatever it answers."""
        self._owed[ask.unit, ask.shape] = _Owed(now_s + LATE_S, stays=True)

    def passed(self, unit: int) -> None:
        """The unit has answered something that nothing owed can be mistaken for."""
        for owed in self._owed.values():
            if not owed.stays:
                owed.passed.add(unit)

    def doubts(self, ask: Ask, now_s: float) -> frozenset[Shape]:
        """The shapes that may come in this unit's name, if one could be taken for this reply; else none.

        A refusal has no length: it could belong to any owed request of the unit with the same function.
        """
        if not self._owed:
            return frozenset()
        self._owed = {key: owed for key, owed in self._owed.items() if now_s < owed.until_s}
        owing = {key for key, owed in self._owed.items() if ask.unit not in owed.passed}
        own = any(unit == ask.unit and shape[0] == ask.function for unit, shape in owing)
        shapes = frozenset(shape for _, shape in owing)
        return shapes if own or ask.shape in shapes else frozenset()


def other_length(ask: Ask, doubted: AbstractSet[Shape]) -> Ask | None:
    """A read of the same unit and place whose reply has another length than all that may come."""
    if ask.size == VARIES:
        return None
    table = next(table for table in Table if table.function == ask.function)
    start = int.from_bytes(ask.pdu[1:3], "big")
    step = 8 if table.is_bits else 1
    for count in range(1, min(32 * step, 0x10000 - start + 1), step):
        other = reading(ask.unit, Span(table, start, count))
        if other.shape != ask.shape and other.shape not in doubted:
            return other
    return None


def other_function(ask: Ask, doubted: AbstractSet[Shape]) -> Ask | None:
    """A read of the same unit with a function that nothing owed has: even its refusal is unmistakable."""
    taken = {function for function, _ in doubted} | {ask.function}
    for table in (Table.HOLDING, Table.INPUT, Table.DISCRETE, Table.COIL):
        if table.function not in taken:
            return reading(ask.unit, Span(table, 0, 1))
    return None
