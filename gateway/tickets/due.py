"""When something must be done: targets by priority, and the calendars they run in.

Targets for arrival of P1 are the utility's public pledge; the others are house defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, Protocol, TypeAlias

from agent.quantity import HOUR_MS
from agent.timekeeper import Moved
from gateway.tickets.config import TicketKind
from gateway.tickets.life import Priority

Remoteness: TypeAlias = Literal["urban", "rural", "remote"]


class Calendar(Protocol):
    """Counts working time. All times are UTC milliseconds."""

    def add(self, start_ms: int, work_ms: int) -> int:
        """The instant at which `work_ms` of working time have passed since `start_ms`."""

    def between(self, start_ms: int, end_ms: int) -> int:
        """Working time between two instants; negative if the second is earlier."""


@dataclass(frozen=True, slots=True)
class RoundTheClock:
    """24 x 7."""

    def add(self, start_ms: int, work_ms: int) -> int:
        return start_ms + work_ms

    def between(self, start_ms: int, end_ms: int) -> int:
        return end_ms - start_ms


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """Monday to Friday, 08:30 to 17:30 on the site's own clock.

    Args:
        zone: of the site.
        off: days off beside the weekends.
        on: Saturdays and Sundays on which people work.
    """

    zone: tzinfo
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()
    opens: time = time(8, 30)
    closes: time = time(17, 30)

    def add(self, start_ms: int, work_ms: int) -> int:
        left_ms = max(0, work_ms)
        day = datetime.fromtimestamp(start_ms / 1_000, self.zone)
        at_ms = start_ms
        while True:
            opens_ms, closes_ms = self._hours(day)
            if opens_ms is not None:
                from_ms = max(at_ms, opens_ms)
                if from_ms + left_ms <= closes_ms:
                    return from_ms + left_ms
                left_ms -= max(0, closes_ms - from_ms)
            day += timedelta(days=1)

    def between(self, start_ms: int, end_ms: int) -> int:
        if end_ms < start_ms:
            return -self.between(end_ms, start_ms)
        worked_ms = 0
        day = datetime.fromtimestamp(start_ms / 1_000, self.zone)
        last = datetime.fromtimestamp(end_ms / 1_000, self.zone).date()
        while day.date() <= last:
            opens_ms, closes_ms = self._hours(day)
            if opens_ms is not None:
                worked_ms += max(0, min(end_ms, closes_ms) - max(start_ms, opens_ms))
            day += timedelta(days=1)
        return worked_ms

    def _hours(self, day: datetime) -> tuple[int | None, int]:
        """Opening and closing of that local day; no opening on a day off."""
        at = day.date()
        if at in self.off or (at.weekday() >= 5 and at not in self.on):
            return None, 0
        return self._at(day, self.opens), self._at(day, self.closes)

    def _at(self, day: datetime, hour: time) -> int:
        local = datetime.combine(day.date(), hour, self.zone)
        return round(local.astimezone(UTC).timestamp() * 1_000)


WORKING_DAY_MS = 9 * HOUR_MS
"""One working day of `BusinessHours`."""


@dataclass(frozen=True, slots=True)
class Target:
    """A span, in hours round the clock or in working days."""

    hours: float = 0.0
    working_days: float = 0.0

    @property
    def business(self) -> bool:
        return self.working_days > 0

    @property
    def work_ms(self) -> int:
        return round(self.working_days * WORKING_DAY_MS) if self.business else round(self.hours * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Targets:
    accept: Target
    arrive: Mapping[Remoteness, Target]
    restore: Mapping[Remoteness, Target]


def _everywhere(target: Target) -> dict[Remoteness, Target]:
    return {"urban": target, "rural": target, "remote": target}


_AT_VISIT = _everywhere(Target(working_days=1))

BY_PRIORITY: Mapping[Priority, Targets] = {
    "P1": Targets(
        Target(hours=5 / 60),
        {"urban": Target(hours=0.75), "rural": Target(hours=1.5), "remote": Target(hours=2)},
        {"urban": Target(hours=3), "rural": Target(hours=4), "remote": Target(hours=4)},
    ),
    "P2": Targets(
        Target(hours=0.5),
        {"urban": Target(hours=4), "rural": Target(hours=6), "remote": Target(hours=24)},
        _everywhere(Target(hours=8)),
    ),
    "P3": Targets(
        Target(working_days=1),
        {
            "urban": Target(working_days=3),
            "rural": Target(working_days=5),
            "remote": Target(working_days=7),
        },
        _AT_VISIT,
    ),
    "P4": Targets(Target(working_days=3), _everywhere(Target(hours=30 * 24)), _AT_VISIT),
}
MEDIATION = Targets(
    Target(working_days=1), _everywhere(Target(working_days=2)), _everywhere(Target(working_days=5))
)


@dataclass(frozen=True, slots=True)
class Timetable:
    """Due times of one site."""

    business: Calendar
    remoteness: Remoteness = "rural"
    always: Calendar = RoundTheClock()

    def accept_ms(self, kind: TicketKind, priority: Priority, from_ms: int) -> int:
        return self.after(_targets(kind, priority).accept, from_ms)

    def arrive_ms(self, kind: TicketKind, priority: Priority, from_ms: int) -> int:
        return self.after(_targets(kind, priority).arrive[self.remoteness], from_ms)

    def restore_ms(self, kind: TicketKind, priority: Priority, from_ms: int) -> int:
        return self.after(_targets(kind, priority).restore[self.remoteness], from_ms)

    def restore_after_pause_ms(
        self, kind: TicketKind, priority: Priority, due_ms: int, paused_ms: int, resumed_ms: int
    ) -> int:
        """What was left of the time to restore when the pause began, counted from its end."""
        calendar = self._calendar(_targets(kind, priority).restore[self.remoteness])
        left_ms = calendar.between(paused_ms, due_ms)
        return calendar.add(resumed_ms, left_ms) if left_ms > 0 else due_ms

    def after(self, target: Target, from_ms: int) -> int:
        """The instant at which the span is over, in the calendar that it counts in."""
        return self._calendar(target).add(from_ms, target.work_ms)

    def _calendar(self, target: Target) -> Calendar:
        return self.business if target.business else self.always


def _targets(kind: TicketKind, priority: Priority) -> Targets:
    return MEDIATION if kind == "mediation" else BY_PRIORITY[priority]


@dataclass(frozen=True, slots=True)
class Countdown:
    """One clock of a ticket. All UTC milliseconds; `due_ms` None means no promise."""

    started_ms: int
    due_ms: int | None
    stopped_ms: int | None = None
    paused_since_ms: int | None = None
    paused_ms: int = 0

    def stop(self, at_ms: int) -> "Countdown":
        return self if self.stopped_ms is not None else replace(self.resume(at_ms), stopped_ms=at_ms)

    def pause(self, at_ms: int) -> "Countdown":
        if self.stopped_ms is not None or self.paused_since_ms is not None:
            return self
        return replace(self, paused_since_ms=at_ms)

    def resume(self, at_ms: int) -> "Countdown":
        if self.paused_since_ms is None:
            return self
        paused_ms = self.paused_ms + max(0, at_ms - self.paused_since_ms)
        return replace(self, paused_since_ms=None, paused_ms=paused_ms)

    def mended(self, moved: Moved) -> "Countdown":
        """With true times, where it was started by a clock that was not sure."""
        started_ms = moved.true_ms(self.started_ms)
        if started_ms == self.started_ms:
            return self
        return replace(
            self,
            started_ms=started_ms,
            due_ms=None if self.due_ms is None else self.due_ms + moved.by_ms,
            stopped_ms=None if self.stopped_ms is None else moved.true_ms(self.stopped_ms),
            paused_since_ms=None if self.paused_since_ms is None else moved.true_ms(self.paused_since_ms),
        )

    def document(self, now_ms: int) -> dict[str, Any]:
        """`state`: `running | paused | met | late`; `late` also while it runs and its time is over."""
        over_ms = now_ms if self.stopped_ms is None else self.stopped_ms
        late = self.due_ms is not None and over_ms > self.due_ms
        paused = self.paused_since_ms is not None
        running = "paused" if paused else "late" if late else "running"
        return {
            "state": running if self.stopped_ms is None else "late" if late else "met",
            "due": self.due_ms,
            "at": self.stopped_ms,
            "started": self.started_ms,
            "stopped": self.stopped_ms,
            "paused": paused,
            "paused_ms": self.paused_ms,
        }
