"""Whether a reading can be true after the one before it. Pure; knows one device.

A number that changes faster than its point can is `uncertain` until the next reading is there
again, or further off: a real step or run costs one reading, a spike never counts. A counter that falls or
jumps ahead is `bad` for as long as `agent.counter` does not believe it. When every number of a
frame has stayed the same for `FROZEN_MS` while power flows, all are `uncertain`: the device, or
something between, may be repeating old content.

The usual frame, in which nothing is doubtful, costs one comparison per watched point.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, TypeAlias

from agent.counter import Counter, Limits, step
from agent.modbus.layout import REGISTERS
from agent.modbus.meaning import BCD_TYPES, lowest_bit
from agent.points import standard
from agent.profile import Format, Point
from agent.quantity import MINUTE_MS
from agent.reading import Quality, Value

FROZEN_MS = 30 * MINUTE_MS
UNRATED_KW = 5_000.0
"""What flows where no rating of the device limits it: far beyond a village, far below nonsense."""
_OF_THE_DEVICE = frozenset(
    {"energy_total_kwh", "energy_charged_kwh", "energy_discharged_kwh", "energy_delivered_kwh"}
)
"""Counters that the device's own rating limits; what a hybrid's meter sees may be more."""
_RATED_MARGIN = 2.0
_RUNNING = 1.1 / 3_600
_LEAST_S = 1.0
_SLACK_S = 2.0
"""A device may show a value some time after it has changed, and then two changes at once."""
_STEPS = 2
_FLOWS = (
    *("ac_power", "active_power", "dc_power", "battery_power", "charging_power", "load_power"),
    *("ac_current", "dc_current", "battery_current"),
)
"""Beginnings of the names of what is never quite constant while it is not 0."""
_LEAST_NUMBERS = 4
"""A frame of fewer can well stay the same."""

Values: TypeAlias = tuple[Value | None, ...]


@dataclass(frozen=True, slots=True)
class CounterEvent:
    """A counter that was recognised as another one (`reset`, `return`) or as rolled over (`wrap`)."""

    point: str
    kind: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Rule:
    """How fast one point can change; `counter` for those that only grow."""

    point: Point
    rate: float
    slack: float
    counter: Limits | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Change per second and beside, down and up, that needs no second look."""
        if self.counter is None:
            return -self.rate, -self.slack, self.rate, self.slack
        rate = math.inf if self.counter.per_s is None else self.counter.per_s
        return 0.0, 0.0, rate, self.counter.slack


@dataclass(slots=True)
class _Frames:
    """The frames that hold the same points: where the watched ones stand in them and in the memory."""

    places: tuple[int, ...]
    slots: tuple[int, ...]
    pick: Callable[[Sequence[Any]], Sequence[Any]]
    recall: Callable[[Sequence[Any]], Sequence[Any]]
    bounds: tuple[tuple[float, float, float, float], ...]
    numbers: Mapping[int, str]
    flows: tuple[int, ...]
    seen: Values = ()
    since_ms: int = 0


@dataclass(slots=True)
class Plausible:
    """The memory of one device's last believed readings.

    Attributes:
        why: a value that the device sent last is doubted, by point.
        events: since the caller took them out last.
        jumped: some number of the last frame has changed faster than it can.
    """

    why: dict[str, str] = field(default_factory=dict)
    events: list[CounterEvent] = field(default_factory=list)
    jumped: bool = False
    _points: dict[str, Point] = field(default_factory=dict)
    _rules: list[_Rule] = field(default_factory=list)
    _slots: dict[str, int] = field(default_factory=dict)
    _last: list[float] = field(default_factory=list)
    _at_ms: list[int] = field(default_factory=list)
    _away: dict[int, float] = field(default_factory=dict)
    """Readings that were not believed, by slot."""
    _runs: dict[int, float] = field(default_factory=dict)
    """Fast changes that turned out to be true: which way they go, by slot."""
    _counters: dict[int, Counter] = field(default_factory=dict)
    """Counters that do not just grow at the moment, by slot."""
    _frames: dict[tuple[str, ...], _Frames] = field(default_factory=dict)
    _frame_ms: int = 0

    def learn(
        self,
        points: Sequence[Point],
        rated_kw: float | None,
        known: Mapping[str, tuple[int, Value]] | None = None,
    ) -> None:
        """The device's points are these now; what is remembered of them stays.

        Args:
            points: of the device's profile.
            rated_kw: of the device, None where nobody says.
            known: what was believed before this run: monotonic time of now, and value, by point.
        """
        before = {name: (self._at_ms[slot], self._last[slot]) for name, slot in self._slots.items()}
        memory = {**(known or {}), **{n: v for n, v in before.items() if not math.isnan(v[1])}}
        rules = [rule for point in points if (rule := _rule(point, rated_kw)) is not None]
        self._points = {point.name: point for point in points}
        self._rules = rules
        self._slots = {rule.point.name: slot for slot, rule in enumerate(rules)}
        self._at_ms = [memory.get(rule.point.name, (0, math.nan))[0] for rule in rules]
        self._last = [_number(memory.get(rule.point.name, (0, None))[1]) for rule in rules]
        self._away.clear()
        self._runs.clear()
        self._counters.clear()
        self._frames.clear()

    def look(
        self, at_ms: int, names: tuple[str, ...], values: Values, faults: Mapping[int, Quality]
    ) -> tuple[Values, Mapping[int, Quality]]:
        """The frame's values and faults, with what cannot be true marked."""
        frames = self._frames.get(names)
        if frames is None:
            frames = self._frames[names] = self._of(names)
        if self.why:
            for name in [name for name in self.why if name in names]:
                del self.why[name]
        self.jumped = False
        elapsed_s = max(_LEAST_S, (at_ms - self._frame_ms) / 1_000)
        self._frame_ms = at_ms
        found = frames.pick(values)
        doubtful = [
            k
            for k, (v, last, (down, below, up, above)) in enumerate(
                zip(found, frames.recall(self._last), frames.bounds, strict=True)
            )
            if v is not None and not down * elapsed_s + below <= v - last <= up * elapsed_s + above
        ]
        if self._away or self._runs or self._counters:
            watched = self._away.keys() | self._runs.keys() | self._counters.keys()
            again = [k for k, slot in enumerate(frames.slots) if slot in watched and found[k] is not None]
            doubtful = sorted({*doubtful, *again})
        if doubtful or None in found or len(found) < len(self._rules):
            self._remember(frames, found, at_ms, beside=frozenset(doubtful))
        else:
            self._last, self._at_ms = list(found), [at_ms] * len(found)
        if doubtful:
            values, faults = self._doubted(frames, doubtful, at_ms, values, faults)
        return self._unless_frozen(frames, at_ms, values, faults)

    def _remember(self, frames: _Frames, found: Sequence[Any], at_ms: int, *, beside: frozenset[int]) -> None:
        last, times = self._last, self._at_ms
        for k, (slot, value) in enumerate(zip(frames.slots, found, strict=True)):
            if value is not None and k not in beside:
                last[slot] = value
                times[slot] = at_ms

    def _of(self, names: tuple[str, ...]) -> _Frames:
        watched = sorted(
            (self._slots[name], index) for index, name in enumerate(names) if name in self._slots
        )
        slots, places = tuple(slot for slot, _ in watched), tuple(index for _, index in watched)
        known = [(index, self._points[name]) for index, name in enumerate(names) if name in self._points]
        return _Frames(
            places,
            slots,
            _picker(places),
            _picker(slots),
            tuple(self._rules[slot].bounds for slot in slots),
            {index: point.name for index, point in known if point.value_type == "number"},
            tuple(index for index, point in known if point.name.startswith(_FLOWS)),
        )

    def _doubted(
        self,
        frames: _Frames,
        doubtful: Sequence[int],
        at_ms: int,
        values: Values,
        faults: Mapping[int, Quality],
    ) -> tuple[Values, Mapping[int, Quality]]:
        changed, marked = list(values), dict(faults)
        for k in doubtful:
            place, slot = frames.places[k], frames.slots[k]
            value = _number(values[place])
            rule = self._rules[slot]
            if rule.counter is not None:
                why = self._count(slot, rule.counter, at_ms, value)
                quality = Quality.BAD
            else:
                why = self._follow(slot, rule, at_ms, value)
                quality = Quality.UNCERTAIN
                self.jumped |= why is not None
            if why is not None:
                self.why[rule.point.name] = why
                marked[place] = quality
                if not quality.has_value:
                    changed[place] = None
        return tuple(changed), marked

    def _follow(self, slot: int, rule: _Rule, at_ms: int, value: float) -> str | None:
        last, away = self._last[slot], self._away.pop(slot, None)
        run = self._runs.pop(slot, 0.0)
        elapsed_s = max(_LEAST_S, (at_ms - self._at_ms[slot]) / 1_000)
        allowed = rule.rate * elapsed_s + rule.slack
        is_near = math.isnan(last) or abs(value - last) <= allowed
        stays = away is not None and (
            abs(value - away) <= rule.rate + rule.slack or (value - away) * (away - last) > 0
        )
        goes_on = (value - last) * run > 0
        if (stays or goes_on) and not is_near:
            self._runs[slot] = value - last
        if is_near or stays or goes_on:
            self._last[slot], self._at_ms[slot] = value, at_ms
            return None
        self._away[slot] = value
        return (
            f"{value:.10g} after {last:.10g} {elapsed_s:.3g} s before: faster than {rule.rate:g} per second; "
            "believed once it stays"
        )

    def _count(self, slot: int, limits: Limits, at_ms: int, value: float) -> str | None:
        last, point = self._last[slot], self._rules[slot].point
        counter = self._counters.pop(slot, None)
        if counter is None and not math.isnan(last):
            counter = Counter(last, self._at_ms[slot])
        after, said = step(counter, limits, at_ms, value)
        if after.suspect is not None or after.former is not None:
            self._counters[slot] = after
        self._last[slot], self._at_ms[slot] = after.register, after.at_ms
        if said.kind in ("wrap", "reset", "return"):
            self.events.append(CounterEvent(point.name, said.kind, last, value))
        if said.believed:
            return None
        return f"the counter stood at {last:.10g} and now shows {value:.10g}; believed once it stays"

    def _unless_frozen(
        self, frames: _Frames, at_ms: int, values: Values, faults: Mapping[int, Quality]
    ) -> tuple[Values, Mapping[int, Quality]]:
        if values != frames.seen:
            frames.seen, frames.since_ms = values, at_ms
            return values, faults
        flows = any(values[index] for index in frames.flows)
        if at_ms - frames.since_ms < FROZEN_MS or not flows or len(frames.numbers) < _LEAST_NUMBERS:
            return values, faults
        minutes = (at_ms - frames.since_ms) // MINUTE_MS
        marked = dict(faults)
        for index, name in frames.numbers.items():
            if values[index] is not None and index not in marked:
                marked[index] = Quality.UNCERTAIN
                self.why[name] = (
                    f"no value of the device has changed for {minutes} min; it may repeat old content"
                )
        return values, marked


def _rule(point: Point, rated_kw: float | None) -> _Rule | None:
    """How fast the point can change, None where nothing limits it."""
    if point.value_type != "number" or point.format.is_clock:
        return None
    if point.counter:
        return _Rule(point, 0.0, 0.0, limits_of(point, rated_kw))
    known = standard(point.name)
    rate = point.max_rate
    if rate is None:
        rate = None if known is None else known.max_rate
    if not rate:
        return None
    return _Rule(point, rate, rate * _SLACK_S + _STEPS * _resolution(point.format))


def limits_of(point: Point, rated_kw: float | None) -> Limits:
    """What a counter can do; `rated_kw` of its device, None where nobody says."""
    per_s = point.max_rate or None
    if point.max_rate is None and point.unit in ("kWh", "kvarh", "kVAh"):
        own = rated_kw if point.name in _OF_THE_DEVICE else None
        per_s = (UNRATED_KW if own is None else own * _RATED_MARGIN) / 3_600
    elif point.max_rate is None and point.unit == "h":
        per_s = _RUNNING
    return Limits(per_s, _STEPS * _resolution(point.format), _wraps_at(point))


def _resolution(form: Format) -> float:
    """The smallest change that a register can show; of a scale that the device says, a coarse one."""
    if form.type[0] == "f":
        return 0.1 * min(1.0, abs(form.scale))
    coarse = 1_000.0 if form.scale_at is not None or form.times_at else 1.0
    return abs(form.scale) * coarse


def _wraps_at(point: Point) -> float | None:
    """Where a register of up to 32 bits starts again; wider ones never get there."""
    form = point.format
    if point.wraps_at is not None:
        return point.wraps_at
    if form.type[0] == "f" or form.plus or form.times_at or form.scale_at is not None or form.scale <= 0:
        return None
    if form.type in BCD_TYPES:
        return 10.0 ** (4 * REGISTERS[form.type]) * form.scale
    width = 16 * form.registers
    if form.mask is not None:
        width = (form.mask >> lowest_bit(form.mask)).bit_length()
    return 2.0 ** (width - (form.type[0] == "i")) * form.scale if width <= 32 else None


def _number(value: Value | None) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda of: [of[at] for at in places]
