"""A watch: one rule at one device (and channel), compiled, with its life so far."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.reading import Value
from agent.rules.alert import SEVERITIES, Alert, Basis, Severity
from agent.rules.compiled import Known
from agent.rules.fence import Fence
from agent.rules.pause import Pause
from agent.rules.rule import Rule, Step
from agent.rules.shelf import Shelf
from agent.rules.state import QUIET, Phase, Sample, State, Timing

CHATTER_TURNS, CHATTER_WITHIN_MS = 3, 60_000
"""An alert that begins and ends this often in this time chatters (ISA-18.2)."""


@dataclass(slots=True)
class StepTimer:
    """How long a step's condition has held on good data."""

    timer_ms: int = 0
    held_at_ms: int | None = None

    def count(self, *, holds: bool | None, mono_ms: int) -> None:
        """`None`: not known, the timer stands still."""
        if holds is None:
            self.held_at_ms = None
        elif holds:
            since_ms = mono_ms if self.held_at_ms is None else self.held_at_ms
            self.timer_ms += max(0, mono_ms - since_ms)
            self.held_at_ms = mono_ms
        else:
            self.timer_ms, self.held_at_ms = 0, None


@dataclass(slots=True)
class Life:
    """What changes. `quiet` is true exactly when the phase is normal.

    Args:
        announced: the alert has been told without suppression.
        wait_until_ms: monotonic; before it an alert that might be inhibited is not told.
        opened_at_ms: monotonic; when the alert was raised.
        phase_at_ms: monotonic; since when it has been in its phase.
        saved_at_ms: monotonic; when it was last given out to be stored, None when nothing is stored.
    turns: monotonic; when its alert last began or ended.
    chattering: it did so too often in too short a time.
    """

    state: State = QUIET
    quiet: bool = True
    alert: Alert | None = None
    announced: bool = False
    wait_until_ms: int | None = None
    opened_at_ms: int = 0
    shelf: Shelf | None = None
    steps: list[StepTimer] = field(default_factory=list)
    phase_at_ms: int = 0
    saved_at_ms: int | None = None
    turns: deque[int] = field(default_factory=lambda: deque(maxlen=CHATTER_TURNS))
    chattering: bool = False

    def turn(self, mono_ms: int) -> None:
        """The alert has begun or ended."""
        self.turns.append(mono_ms)
        self.chattering = len(self.turns) == CHATTER_TURNS and mono_ms - self.turns[0] <= CHATTER_WITHIN_MS


@dataclass(slots=True)
class Input:
    """A point that the rule looks at, for people."""

    name: str
    read: Known
    quality: Callable[[], str]


@dataclass(slots=True)
class Watch:
    """Args:
    hash: of the rule and the parameters that hold here.
    fence: while it holds, `when` is false.
    own_points: points of the device itself that it looks at.
    every_frame: every frame of the device concerns it, whatever points it holds.
    timed: time itself matters to it, so it is evaluated at every tick too.
    wait_ms: how long an alert waits for its inhibitor.
    pauses: those that cover it, whether they are in force or not.
    """

    key: str
    rule: Rule
    device: str
    channel: int | None
    hash: str
    params: Mapping[str, Value]
    when: Known
    fence: Fence | None
    clear: Known | None
    only_if: Known | None
    steps: tuple[tuple[Step, Known | None], ...]
    timing: Timing
    at_once: Timing
    own_points: frozenset[str]
    every_frame: bool
    timed: bool
    inputs: tuple[Input, ...]
    wait_ms: int
    life: Life
    pauses: tuple[Pause, ...] = ()
    parents: tuple["Watch", ...] = ()
    children: tuple["Watch", ...] = ()

    def sample(self) -> Sample:
        """What the expressions say now."""
        if self.only_if is not None:
            inside = self.only_if()
            if inside is False:
                return Sample.OUTSIDE
            if inside is None:
                return Sample.NONE if self.rule.on_bad == "ignore" else Sample.BAD
        when = self.when()
        if when is True:
            return Sample.RAISE
        if when is False:
            if not self.life.state.phase.is_open:
                return Sample.BETWEEN
            clear = True if self.clear is None else self.clear()
            if clear is not None:
                return Sample.CLEAR if clear else Sample.BETWEEN
        return _BAD[self.rule.on_bad]

    def count_steps(self, sample: Sample, mono_ms: int) -> None:
        for (_, condition), timer in zip(self.steps, self.life.steps, strict=True):
            if condition is None:
                continue
            if sample is Sample.RAISE:
                holds = condition()
                timer.count(holds=None if holds is None else holds is True, mono_ms=mono_ms)
            elif sample in (Sample.CLEAR, Sample.BETWEEN):
                timer.count(holds=False, mono_ms=mono_ms)
            elif sample is not Sample.NONE:
                timer.count(holds=None, mono_ms=mono_ms)

    def raised_by_step(self) -> bool:
        """Whether a step's condition has held long enough, whatever the rule's own `for` says."""
        return any(
            condition is not None and timer.held_at_ms is not None and timer.timer_ms >= step.for_ms
            for (step, condition), timer in zip(self.steps, self.life.steps, strict=True)
        )

    def severity(self, mono_ms: int) -> Severity:
        """The highest that the rule, its steps and the alert so far ask for."""
        life = self.life
        found = [self.rule.severity] if life.alert is None else [self.rule.severity, life.alert.severity]
        for (step, condition), timer in zip(self.steps, life.steps, strict=True):
            if condition is not None:
                reached = timer.held_at_ms is not None and timer.timer_ms >= step.for_ms
            else:
                open_ms = mono_ms - life.opened_at_ms if life.alert is not None else 0
                reached = open_ms >= (step.after_ms or 0)
            if reached:
                found.append(step.severity)
        return min(found, key=SEVERITIES.index)

    def values(self) -> dict[str, Value | None]:
        return {entry.name: entry.read() for entry in self.inputs}

    def basis(self) -> Basis:
        """By which rule and on which data it judges now."""
        quality = {entry.name: entry.quality() for entry in self.inputs}
        return Basis(self.rule.hash, dict(self.params), quality)


_BAD: Mapping[str, Sample] = {
    "freeze": Sample.BAD,
    "ignore": Sample.NONE,
    "raise": Sample.RAISE,
    "clear": Sample.CLEAR,
}


def packed(watch: Watch, mono_ms: int, ts_ms: int) -> bytes:
    """All that is needed to go on after a restart, also in another boot."""
    life = watch.life
    good_at_ms = life.state.good_at_ms
    return orjson.dumps(
        {
            "hash": watch.hash,
            "phase": life.state.phase,
            "timer_ms": life.state.timer_ms,
            "good_ago_ms": None if good_at_ms is None else max(0, mono_ms - good_at_ms),
            "mono_ms": mono_ms,
            "ts_ms": ts_ms,
            "open_ms": max(0, mono_ms - life.opened_at_ms) if life.alert else 0,
            "alert": None if life.alert is None else life.alert.document(),
            "announced": life.announced,
            "shelf": life.shelf,
            "steps": [timer.timer_ms for timer in life.steps],
        }
    )


def unpacked(watch: Watch, data: bytes, mono_ms: int, ts_ms: int) -> Life:
    """The life that was packed, as it is now.

    The time in between is a gap on bad data: nothing was counted, and a pending watch starts anew
    if it was longer than `max_gap`. An open alert stays open, and `hold_max` counts from now.
    Timers of a rule that has changed since start anew; its open alert goes on under the new rule.
    """
    saved = orjson.loads(data)
    changed = saved["hash"] != watch.hash
    gap_ms = elapsed_ms(saved, mono_ms, ts_ms)
    phase = Phase(saved["phase"])
    alert = saved["alert"]
    life = Life(
        alert=None if alert is None else Alert.from_document(alert),
        announced=saved["announced"],
        opened_at_ms=mono_ms - saved["open_ms"] - gap_ms,
        shelf=None if saved["shelf"] is None else Shelf(**saved["shelf"]),
        steps=[StepTimer() for _ in watch.steps],
        saved_at_ms=mono_ms,
    )
    life.wait_until_ms = None if life.announced else mono_ms + watch.wait_ms
    if not changed:
        for timer, timer_ms in zip(life.steps, saved["steps"], strict=True):
            timer.timer_ms = timer_ms
    if phase.is_open:
        life.state = State(phase, 0 if changed else saved["timer_ms"], None, mono_ms)
    elif phase is Phase.PENDING and not changed:
        good_at_ms = mono_ms - gap_ms - (saved["good_ago_ms"] or 0)
        if mono_ms - good_at_ms <= watch.timing.max_gap_ms:
            life.state = State(phase, saved["timer_ms"], None, good_at_ms)
    life.quiet = life.state.phase is Phase.NORMAL
    return life


def elapsed_ms(saved: Mapping[str, Any], mono_ms: int, ts_ms: int) -> int:
    """Time since something was packed: by the wall clock, or at least the age of this boot's clock.

    A wall clock that went back, as without a battery, knows nothing; then the monotonic clock
    either still runs on or has started from zero since.
    """
    passed_ms = ts_ms - int(saved["ts_ms"])
    if passed_ms >= 0:
        return passed_ms
    since_ms = mono_ms - int(saved["mono_ms"])
    return since_ms if since_ms >= 0 else mono_ms
