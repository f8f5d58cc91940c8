"""What a counter's readings say of the energy (or time) that went by. Pure.

A register only grows. One that falls is a dip, a rollover or another meter, and one that
jumps ahead is an error or another meter; which of them, only time tells:

    grows no faster than it can        the difference counts
    falls by no more than its slack    rounding: nothing counts, the higher register stays
    falls from close under its limit to close above 0, by no more than it can grow
                                       it rolled over: the way round counts
    falls or jumps otherwise           doubtful: nothing counts, and the register is not believed
    comes back to where it was         the dip is forgotten: the difference to before it counts
    stays away for `PERSISTS_MS`, growing no faster than it can, in three readings or more
                                       reset: it counts on from the first of them
    comes back within a day            returned: what it grew meanwhile is not counted twice

So no total ever falls, and a dip with its recovery adds nothing.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.quantity import DAY_MS, MINUTE_MS

PERSISTS_MS = 15 * MINUTE_MS
"""Some inverters show 0 for minutes while they start and stop; a new meter stays."""
RETURNS_MS = DAY_MS
"""An inverter that shows 0 from evening to morning was not reset."""
_PERSISTS_READINGS = 3
_NEAR = 0.1
"""How close to its ends a register must be to have rolled over, in parts of its limit."""
_LEAST_S = 1.0

Kind: TypeAlias = Literal["advance", "doubt", "wrap", "reset", "return"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a counter can do.

    Args:
        per_s: the fastest it can grow, per second; None where nobody knows.
        slack: what it may be off without a cause: its resolution, rounding.
        wraps_at: where it starts again from 0, None where it never does.
    """

    per_s: float | None = None
    slack: float = 0.0
    wraps_at: float | None = None

    def allow(self, growth: float, ms: int) -> bool:
        """Whether it can grow so much in this time."""
        if growth < 0:
            return False
        return self.per_s is None or growth <= self.per_s * max(ms / 1_000, _LEAST_S) + self.slack


@dataclass(frozen=True, slots=True)
class _Suspect:
    first: float
    since_ms: int
    last: float
    last_ms: int
    readings: int


@dataclass(frozen=True, slots=True)
class _Former:
    """The register before a reset or a rollover, and what was counted since."""

    register: float
    at_ms: int
    counted: float


@dataclass(frozen=True, slots=True)
class Counter:
    """The last believed register, and what is known of one that is not believed yet."""

    register: float
    at_ms: int
    suspect: _Suspect | None = None
    former: _Former | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one reading adds: `growth` is never negative, and 0 while in doubt."""

    kind: Kind
    growth: float = 0.0

    @property
    def believed(self) -> bool:
        return self.kind != "doubt"


def step(counter: Counter | None, limits: Limits, at_ms: int, register: float) -> tuple[Counter, Step]:
    """Take in the next reading; times do not fall."""
    if counter is None:
        return Counter(register, at_ms), Step("advance")
    ms = at_ms - counter.at_ms
    growth = register - counter.register
    former = counter.former
    if former is not None and at_ms - former.at_ms > RETURNS_MS:
        former = None
    if former is not None and counter.register < former.register <= register:
        back = register - former.register - former.counted
        if limits.allow(max(0.0, back), at_ms - former.at_ms):
            return Counter(register, at_ms), Step("return", max(0.0, back))
    elif limits.allow(growth, ms):
        return Counter(register, at_ms, former=_counted(former, growth)), Step("advance", growth)
    if -limits.slack <= growth < 0:
        return Counter(counter.register, at_ms, former=former), Step("advance")
    round_growth = _way_round(counter, limits, ms, register)
    if round_growth is not None:
        left = _Former(counter.register, counter.at_ms, round_growth)
        return Counter(register, at_ms, former=left), Step("wrap", round_growth)
    return _doubted(counter, former, limits, at_ms, register)


def _counted(former: _Former | None, growth: float) -> _Former | None:
    return None if former is None else _Former(former.register, former.at_ms, former.counted + growth)


def _way_round(counter: Counter, limits: Limits, ms: int, register: float) -> float | None:
    """What it grew if it rolled over; a bare 0 is a dip until it grows."""
    limit = limits.wraps_at
    if limit is None or not 0 < register <= _NEAR * limit or counter.register < (1 - _NEAR) * limit:
        return None
    growth = limit - counter.register + register
    return growth if limits.allow(growth, ms) else None


def _doubted(
    counter: Counter, former: _Former | None, limits: Limits, at_ms: int, register: float
) -> tuple[Counter, Step]:
    suspect = counter.suspect
    if suspect is None or not (
        -limits.slack <= register - suspect.last <= 0
        or limits.allow(register - suspect.last, at_ms - suspect.last_ms)
    ):
        suspect = _Suspect(register, at_ms, register, at_ms, 1)
        return Counter(counter.register, counter.at_ms, suspect, former), Step("doubt")
    register = max(register, suspect.last)
    suspect = _Suspect(suspect.first, suspect.since_ms, register, at_ms, suspect.readings + 1)
    if suspect.readings < _PERSISTS_READINGS or at_ms - suspect.since_ms < PERSISTS_MS:
        return Counter(counter.register, counter.at_ms, suspect, former), Step("doubt")
    growth = register - suspect.first
    former = former or _Former(counter.register, counter.at_ms, 0.0)
    return Counter(register, at_ms, former=_counted(former, growth)), Step("reset", growth)
