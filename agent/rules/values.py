"""Last values of one device: what its rules look at, updated frame by frame.

Only good values count for rules; everything else is None with its quality beside it.
A value that was not due stays until it is older than three of its periods.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.reading import Frame, Quality, Value
from agent.rules.check import Type
from agent.rules.compiled import Known
from agent.rules.facts import DeviceFacts, Now
from agent.rules.fence import Fence, common
from agent.rules.watch import Life, Watch
from agent.rules.window import Window

STALE_PERIODS = 3
COUNTERS = ("failed_polls", "good_polls")
"""Kept by the engine for every polled device from its frames; always good."""
_PLANS = 64
_TYPES: dict[Type, type] = {"number": float, "string": str, "bool": bool}


@dataclass(slots=True)
class Series:
    """A window and what it looks at; `points` make it take a sample when they come."""

    points: frozenset[str]
    read: Known
    window: Window


@dataclass(frozen=True, slots=True)
class Herd:
    """Watches that are passed over together while the fence holds and all of them are quiet."""

    fence: Fence | None
    watches: tuple[tuple[Known, Life, Watch], ...]


@dataclass(slots=True)
class _Plan:
    """What a frame with these points concerns."""

    points: tuple[str, ...]
    pairs: tuple[tuple[int, int, type], ...]
    """(slot, index in the frame, type) of the points that rules look at."""
    series: tuple[Series, ...]
    herds: tuple[Herd, ...]


@dataclass(slots=True)
class DeviceValues:
    """Values, watches and windows of one device."""

    facts: DeviceFacts
    now: Now
    values: list[Value | None] = field(default_factory=list)
    good_at: list[int] = field(default_factory=list)
    quality: list[Quality] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    old_series: dict[str, Series] = field(default_factory=dict)
    """Windows from before a rebinding, to go on with."""
    _slots: dict[str, int] = field(default_factory=dict)
    _types: list[type] = field(default_factory=list)
    _limits: list[int] = field(default_factory=list)
    _plans: dict[int, _Plan] = field(default_factory=dict)
    _faulty: bool = True
    _failed: int = 0
    _good: int = 0
    _heard_ms: int | None = None

    def rebind(self) -> None:
        """Forget watches and plans, keep values and windows; the facts may have changed."""
        self.watches = []
        self.old_series, self.series = self.series, {}
        self._plans.clear()
        for name, slot in self._slots.items():
            self._limits[slot] = self._limit(name)

    def has(self, point: str) -> bool:
        """Whether the device has the point. Counters are there wherever the device is polled."""
        if point in COUNTERS:
            return "gateway" not in self.facts.kinds and not {"bus", "ledger"} & set(self.facts.kinds)
        return self.facts.points is not None and point in self.facts.points

    def slot(self, point: str, type_: Type) -> int:
        """The place of a point among the values."""
        key = point
        if key not in self._slots:
            self._slots[key] = len(self.values)
            counter = {"failed_polls": self._failed, "good_polls": self._good}.get(point)
            self.values.append(None if counter is None else float(counter))
            self.good_at.append(self.now.mono_ms)
            self.quality.append(Quality.STALE if counter is None else Quality.GOOD)
            self._types.append(_TYPES.get(type_, object))
            self._limits.append(self._limit(point))
            self._plans.clear()
        return self._slots[key]

    def period_ms(self, point: str) -> int:
        return self.facts.periods.get(point, self.facts.period_ms)

    def reader_from_outside(self, point: str, type_: Type) -> Known:
        """Reads the point for rules of other devices, who must judge its age themselves."""
        slot, values, good_at, now, limits = (
            self.slot(point, type_),
            self.values,
            self.good_at,
            self.now,
            self._limits,
        )

        def run() -> Value | None:
            return values[slot] if now.mono_ms - good_at[slot] <= limits[slot] else None

        return run

    def age_s(self, point: str, type_: Type) -> Known:
        slot, good_at, now = self.slot(point, type_), self.good_at, self.now
        return lambda: max(0, now.mono_ms - good_at[slot]) / 1000

    def quality_of(self, point: str, type_: Type) -> Callable[[], str]:
        slot, good_at, now, limits = self.slot(point, type_), self.good_at, self.now, self._limits

        def run() -> str:
            quality = self.quality[slot]
            stale = quality is Quality.GOOD and now.mono_ms - good_at[slot] > limits[slot]
            return str(Quality.STALE if stale else quality)

        return run

    def plan(self, points: tuple[str, ...]) -> _Plan:
        found = self._plans.get(id(points))
        if found is not None and found.points is points:
            return found
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        here = frozenset(points)
        slots, types = self._slots, self._types
        made = _Plan(
            points,
            tuple((slots[p], i, types[slots[p]]) for i, p in enumerate(points) if p in slots),
            tuple(s for s in self.series.values() if not s.points or s.points & here),
            _herds(w for w in self.watches if w.every_frame or w.own_points & here),
        )
        self._plans[id(points)] = made
        return made

    def take(self, frame: Frame) -> _Plan:
        """Take over the values of a frame of this device."""
        plan = self.plan(frame.points)
        self._count(failed=frame.reason is not None)
        self._heard_ms = frame.mono_ms
        values, good_at, fresh, mono_ms = self.values, self.good_at, frame.values, frame.mono_ms
        if frame.faults or self._faulty:
            self._take_with_faults(frame, plan)
        else:
            for slot, index, type_ in plan.pairs:
                value = fresh[index]
                if type(value) is type_:
                    values[slot] = value
                    good_at[slot] = mono_ms
                else:
                    self._take_odd(slot, value, mono_ms)
        for series in plan.series:
            series.window.push(series.read(), mono_ms)
        return plan

    def remember(self, frame: Frame, mono_ms: int) -> None:
        """Feed only the windows, with an old frame, as if it had come at `mono_ms`."""
        plan = self.plan(frame.points)
        kept = self.now.mono_ms, list(self.values), list(self.good_at)
        self.now.mono_ms = mono_ms
        for slot, index, type_ in plan.pairs:
            value = frame.values[index] if index not in frame.faults else None
            self.values[slot] = value if type(value) is type_ else None
            self.good_at[slot] = mono_ms
        for series in plan.series:
            series.window.push(series.read(), mono_ms)
        self.now.mono_ms, self.values[:], self.good_at[:] = kept

    def sweep(self, mono_ms: int) -> list[Watch]:
        """Call values stale that nothing renews; returns the watches that look at them."""
        if self._heard_ms is None:
            return []
        gone: set[str] = set()
        for name, slot in self._slots.items():
            if self.values[slot] is None or name in COUNTERS:
                continue
            if mono_ms - self.good_at[slot] > self._limits[slot]:
                self.values[slot] = None
                self.quality[slot] = Quality.STALE
                self._faulty = True
                gone.add(name)
        return [watch for watch in self.watches if watch.own_points & gone] if gone else []

    def begin(self, mono_ms: int) -> None:
        """Ages count from now on."""
        self.good_at[:] = [mono_ms] * len(self.good_at)

    def forget_plans(self) -> None:
        """Watches have got other lives since the plans were made."""
        self._plans.clear()

    def _limit(self, point: str) -> int:
        return STALE_PERIODS * self.period_ms(point)

    def _count(self, *, failed: bool) -> None:
        self._failed, self._good = (self._failed + 1, 0) if failed else (0, self._good + 1)
        for name, number in zip(COUNTERS, (self._failed, self._good), strict=True):
            slot = self._slots.get(name)
            if slot is not None:
                self.values[slot] = float(number)
                self.good_at[slot] = self.now.mono_ms

    def _take_with_faults(self, frame: Frame, plan: _Plan) -> None:
        for slot, index, type_ in plan.pairs:
            quality = frame.faults.get(index, Quality.GOOD)
            value = frame.values[index]
            self.quality[slot] = quality
            if quality is Quality.GOOD and type(value) is type_:
                self.values[slot] = value
                self.good_at[slot] = frame.mono_ms
            elif quality is Quality.GOOD:
                self._take_odd(slot, value, frame.mono_ms)
            else:
                self.values[slot] = None
        self._faulty = any(quality is not Quality.GOOD for quality in self.quality)

    def _take_odd(self, slot: int, value: Value | None, mono_ms: int) -> None:
        """A whole number is a number too; anything else of a wrong type cannot be judged."""
        type_ = self._types[slot]
        if type_ is float and isinstance(value, float | int) and not isinstance(value, bool):
            value = float(value)
        elif type_ is not object or value is None:
            self.values[slot], self.quality[slot], self._faulty = None, Quality.BAD, True
            return
        self.values[slot] = value
        self.good_at[slot] = mono_ms


def _herds(watches: Iterable[Watch]) -> tuple[Herd, ...]:
    by_slot: dict[int | None, list[Watch]] = {}
    for watch in watches:
        by_slot.setdefault(None if watch.fence is None else watch.fence.slot, []).append(watch)
    return tuple(
        Herd(
            None if slot is None else common([w.fence for w in herd if w.fence is not None]),
            tuple((w.when, w.life, w) for w in herd),
        )
        for slot, herd in by_slot.items()
    )
