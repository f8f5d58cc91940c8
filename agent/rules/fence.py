"""Fences: within which limits of one point a quiet watch has nothing to do.

A watch that waits for `temperature_c > 60` cannot be raised while the point is known and below 60.
So all watches of a device that look at one point are passed over with two comparisons, and a frame
of a healthy device costs by its points and not by its rules.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.reading import Value
from agent.rules.compiled import Scope, point_and_number
from agent.rules.tree import Both, Compare, Node


@dataclass(frozen=True, slots=True)
class Fence:
    """While the value in `slot` is known and strictly between `low` and `high`, a condition is false."""

    slot: int
    low: float
    high: float

    def holds(self, values: Sequence[Value | None]) -> bool:
        """Whether the condition is known to be false."""
        value = values[self.slot]
        return value is not None and self.low < value < self.high  # type: ignore[operator]  # a number's slot


def fence_of(node: Node, scope: Scope) -> Fence | None:
    """The fence of a condition, None where it has none.

    Of several conditions that must all hold, one is enough; one on the sign of a point mostly says
    only when the rest is worth looking at, so it comes last.
    """
    if isinstance(node, Both) and node.operator == "and":
        found = [f for part in node.operands if (f := fence_of(part, scope)) is not None]
        return min(found, key=lambda f: 0.0 in (f.low, f.high), default=None)
    if not isinstance(node, Compare):
        return None
    where = point_and_number(node, scope)
    if where is None:
        return None
    _, slot, limit = where
    if node.operator in (">", ">="):
        return Fence(slot, -math.inf, limit)
    if node.operator in ("<", "<="):
        return Fence(slot, limit, math.inf)
    return None


def common(fences: Sequence[Fence]) -> Fence:
    """The fence that is good for all of these, which stand around one slot; at least one."""
    return Fence(fences[0].slot, max(f.low for f in fences), min(f.high for f in fences))
