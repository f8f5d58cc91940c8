"""The life of one watch (rule x device x channel), pure: state and sample → state.

A timer counts the time between two samples only if its condition held on good data at
both ends; the first sample that satisfies a condition starts it at 0. `max_gap` and `hold_max`
are measured from the last good sample, strictly greater. All times are monotonic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum


class Phase(StrEnum):
    NORMAL = "normal"
    PENDING = "pending"
    ACTIVE = "active"
    CLEARING = "clearing"
    UNKNOWN = "unknown"
    LATCHED = "latched"

    @property
    def is_open(self) -> bool:
        """Whether an alert is open."""
        return self not in (Phase.NORMAL, Phase.PENDING)


class Sample(Enum):
    """What one evaluation of the rule's expressions says."""

    RAISE = "when holds"
    CLEAR = "clear holds"
    BETWEEN = "neither holds"
    BAD = "cannot be known"
    OUTSIDE = "only_if is false: timers freeze"
    NONE = "nothing new came: only the gaps are judged"


@dataclass(frozen=True, slots=True)
class Timing:
    """The rule's times in milliseconds."""

    for_ms: int
    clear_for_ms: int
    max_gap_ms: int
    hold_max_ms: int
    latch: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Args:
    phase: where the watch is.
    timer_ms: how long the condition for leaving the phase has been counted.
    held_at_ms: the last sample, if the timer's condition held there; else None.
    good_at_ms: the last good sample; None when there was none since the phase `normal`.
    """

    phase: Phase = Phase.NORMAL
    timer_ms: int = 0
    held_at_ms: int | None = None
    good_at_ms: int | None = None


QUIET = State()


def step(state: State, sample: Sample, timing: Timing, mono_ms: int) -> State:
    """The state after one sample."""
    if sample is Sample.OUTSIDE:
        return state if state is QUIET else replace(state, held_at_ms=None, good_at_ms=mono_ms)
    if sample is Sample.BAD and state.held_at_ms is not None:
        state = replace(state, held_at_ms=None)
    if sample in (Sample.BAD, Sample.NONE):
        return _judge_gap(state, timing, mono_ms)
    if state.phase is Phase.PENDING:
        state = _judge_gap(state, timing, mono_ms)
    return _moved(_MOVES[state.phase, sample], state, timing, mono_ms)


def reset(state: State) -> State:
    """A latched watch after its reset on site."""
    if state.phase is not Phase.LATCHED:
        raise ValueError(f"only a latched watch can be reset, not one that is {state.phase}")
    return QUIET


def _judge_gap(state: State, timing: Timing, mono_ms: int) -> State:
    if state.good_at_ms is None:
        return state
    gap_ms = mono_ms - state.good_at_ms
    if state.phase is Phase.PENDING and gap_ms > timing.max_gap_ms:
        return QUIET
    if state.phase in (Phase.ACTIVE, Phase.CLEARING) and gap_ms > timing.hold_max_ms:
        return State(Phase.UNKNOWN, 0, None, state.good_at_ms)
    return state


class _Move(Enum):
    STAY = "normal as before"
    ARM = "count towards raising"
    OPEN = "active, the clear timer at 0"
    CLOSE = "count towards clearing"
    HOLD = "as before, on good data"


_MOVES: Mapping[tuple[Phase, Sample], _Move] = {
    (Phase.NORMAL, Sample.RAISE): _Move.ARM,
    (Phase.NORMAL, Sample.CLEAR): _Move.STAY,
    (Phase.NORMAL, Sample.BETWEEN): _Move.STAY,
    (Phase.PENDING, Sample.RAISE): _Move.ARM,
    (Phase.PENDING, Sample.CLEAR): _Move.STAY,
    (Phase.PENDING, Sample.BETWEEN): _Move.STAY,
    (Phase.ACTIVE, Sample.RAISE): _Move.OPEN,
    (Phase.ACTIVE, Sample.CLEAR): _Move.CLOSE,
    (Phase.ACTIVE, Sample.BETWEEN): _Move.OPEN,
    (Phase.CLEARING, Sample.RAISE): _Move.OPEN,
    (Phase.CLEARING, Sample.CLEAR): _Move.CLOSE,
    (Phase.CLEARING, Sample.BETWEEN): _Move.OPEN,
    (Phase.UNKNOWN, Sample.RAISE): _Move.OPEN,
    (Phase.UNKNOWN, Sample.CLEAR): _Move.CLOSE,
    (Phase.UNKNOWN, Sample.BETWEEN): _Move.OPEN,
    (Phase.LATCHED, Sample.RAISE): _Move.OPEN,
    (Phase.LATCHED, Sample.CLEAR): _Move.HOLD,
    (Phase.LATCHED, Sample.BETWEEN): _Move.HOLD,
}


def _moved(move: _Move, state: State, timing: Timing, mono_ms: int) -> State:
    match move:
        case _Move.STAY:
            return QUIET
        case _Move.HOLD:
            return replace(state, held_at_ms=None, good_at_ms=mono_ms)
        case _Move.OPEN:
            return State(Phase.ACTIVE, 0, None, mono_ms)
        case _Move.ARM:
            timer_ms = _counted(state, Phase.PENDING, mono_ms)
            armed = State(Phase.PENDING, timer_ms, mono_ms, mono_ms)
            return armed if timer_ms < timing.for_ms else State(Phase.ACTIVE, 0, None, mono_ms)
        case _Move.CLOSE:
            timer_ms = _counted(state, Phase.CLEARING, mono_ms)
            if timer_ms < timing.clear_for_ms:
                return State(Phase.CLEARING, timer_ms, mono_ms, mono_ms)
            return State(Phase.LATCHED, 0, None, mono_ms) if timing.latch else QUIET


def _counted(state: State, phase: Phase, mono_ms: int) -> int:
    """The phase's timer now; 0 when the phase only begins."""
    if state.phase is not phase:
        return 0
    if state.held_at_ms is None:
        return state.timer_ms
    return state.timer_ms + max(0, mono_ms - state.held_at_ms)
