"""Binding: which rule watches which device, with closures over that device's values."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from agent.points import same_family, standard
from agent.reading import Value
from agent.rules.check import Type
from agent.rules.compiled import Known, compiled, exists
from agent.rules.facts import BindingReport, DeviceFacts, Now, SiteFacts
from agent.rules.fence import fence_of
from agent.rules.rule import Expression, Rule, ScopeOf
from agent.rules.state import Timing
from agent.rules.tree import Call, Constant, Name, Node, children, walk, with_channel
from agent.rules.values import COUNTERS, DeviceValues, Series
from agent.rules.watch import Input, Life, StepTimer, Watch
from agent.rules.window import Measure, Window

MAX_CHANNELS = 64
_WAIT_PERIODS = 2
_WAIT_MOST_MS = 30_000
_TIMED = frozenset({"age", "quality", "sun_elevation"})


class AmbiguousPointError(LookupError):
    """Several devices of the site have a point that a rule takes from the site."""


class SiteValues:
    """The values of all devices of a site, and the instant."""

    def __init__(self, site: SiteFacts) -> None:
        self.site = site
        self.now = Now()
        self.devices = {facts.id: DeviceValues(facts, self.now) for facts in site.devices}

    def device_of(self, point: str) -> DeviceValues | None:
        """The one device that gives this point to the whole site.

        Raises:
            AmbiguousPointError: several do, and neither a main meter nor a weather station decides.
        """
        having = [device for device in self.devices.values() if device.has(point)]
        for better in (
            having,
            [device for device in having if device.facts.role == "main_meter"],
            [device for device in having if "weather" in device.facts.kinds],
        ):
            if len(better) == 1:
                return better[0]
        if having:
            names = ", ".join(sorted(device.facts.id for device in having))
            raise AmbiguousPointError(f"site.{point} could be of any of {names}")
        return None

    def sun_elevation(self) -> float | None:
        """Degrees above the horizon; unknown while the clock or the place is."""
        ask = self.site.sun_elevation
        return None if self.now.unsure or ask is None else ask(self.now.ts_ms)


class WatchScope:
    """Where the expressions of one watch find their inputs."""

    def __init__(
        self,
        site: SiteValues,
        device: DeviceValues,
        params: Mapping[str, Value],
        types: Mapping[str, Type],
        min_good: float,
        *,
        peers: Sequence[DeviceValues] = (),
    ) -> None:
        self._site, self._device = site, device
        self._params, self._types, self._min_good = params, types, min_good
        self._peers = peers

    def constant(self, name: str) -> Value | None:
        return self._params.get(name)

    def owner(self, name: Name) -> DeviceValues | None:
        """The device that has the point, None when there is none (or no single one)."""
        if not name.of_site:
            return self._device if self._device.has(name.point) else None
        try:
            return self._site.device_of(name.point)
        except AmbiguousPointError:
            return None

    def cell(self, name: Name) -> tuple[list[Value | None], int] | None:
        owner = self.owner(name)
        if owner is not self._device or owner is None:
            return None
        return owner.values, owner.slot(name.point, self._type(name))

    def read(self, name: Name) -> Known | None:
        cell = self.cell(name)
        if cell is not None:
            values, slot = cell
            return lambda: values[slot]
        owner = self.owner(name)
        return None if owner is None else owner.reader_from_outside(name.point, self._type(name))

    def age(self, name: Name) -> Known:
        owner = self.owner(name) or self._device
        return owner.age_s(name.point, self._type(name))

    def quality(self, name: Name) -> Known:
        owner = self.owner(name) or self._device
        return owner.quality_of(name.point, self._type(name))

    def sun_elevation(self) -> Known:
        return self._site.sun_elevation

    def peers(self, call: Call) -> list[Known]:
        """The point, and its other numbers, at all devices of the rule's scope; never itself."""
        (name,) = call.arguments
        assert isinstance(name, Name)  # noqa: S101  # the parser demands it
        found: list[Known] = []
        for device in self._peers:
            scope = WatchScope(self._site, device, self._params, self._types, self._min_good)
            for point in sorted(device.facts.points or ()):
                if not same_family(name.point, point) or (device is self._device and point == name.point):
                    continue
                peer = Name(point, name.at)
                if call.window_ms is None:
                    found.append(device.reader_from_outside(point, self._type(peer)))
                else:
                    found.append(scope.window(Call("avg", (peer,), call.window_ms, call.at)))
        return found

    def window(self, call: Call) -> Known:
        points = [n for n in walk(call.arguments[0]) if isinstance(n, Name) and n.name not in self._params]
        owners = {owner.facts.id: owner for name in points if (owner := self.owner(name)) is not None}
        pusher = next(iter(owners.values())) if len(owners) == 1 else self._device
        mine = frozenset(n.point for n in points if self.owner(n) is pusher)
        key = f"{call.function} {call.window_ms} {self._min_good} {self._canonical(call.arguments[0])}"
        series = pusher.series.get(key)
        if series is None:
            series = self._series(call, pusher, mine, pusher.old_series.get(key))
            pusher.series[key] = series
        window, now = series.window, self._site.now
        return lambda: window.value(now.mono_ms)

    def _series(self, call: Call, pusher: DeviceValues, mine: frozenset[str], old: Series | None) -> Series:
        period_ms = max((pusher.period_ms(p) for p in mine), default=pusher.facts.period_ms)
        window = old.window if old is not None else Window(
            _MEASURES[call.function], call.window_ms or 0, period_ms, self._min_good
        )  # fmt: skip
        scope = WatchScope(self._site, pusher, self._params, self._types, self._min_good)
        points = frozenset[str]() if mine & set(COUNTERS) else mine
        return Series(points, compiled(call.arguments[0], scope), window)

    def _canonical(self, node: Node) -> str:
        match node:
            case Constant():
                return repr(node.value)
            case Name():
                return repr(self._params[node.name]) if node.name in self._params else node.name
        parts = ", ".join(self._canonical(child) for child in children(node))
        sign = getattr(node, "operator", None) or getattr(node, "function", None) or type(node).__name__
        rest = [getattr(node, "window_ms", None), getattr(node, "negated", None)]
        return f"{sign}{rest}({parts})"

    def _type(self, name: Name) -> Type:
        known = standard(name.point)
        return known.type if known is not None else self._types.get(name.name, "any")


_MEASURES: Mapping[str, Measure] = {
    "avg": "avg",
    "min": "min",
    "max": "max",
    "delta": "delta",
    "rate": "rate",
    "count_events": "count_events",
    "duration": "duration",
}


def bind(rule: Rule, device: DeviceValues, site: SiteValues) -> Iterator[Watch | BindingReport]:
    """The watches of a rule at a device, or why there is none. Nothing when it is out of scope."""
    facts = device.facts
    if not in_scope(rule.scope, facts, site.site.id):
        return
    params, fault = _params(rule, facts)
    if fault:
        yield BindingReport(rule.id, facts.id, None, bound=False, reason=fault, mistake=True)
        return
    channels: list[int | None] = [None]
    if rule.scope.each is not None:
        channels = [*_channels(rule, device, f"{{{rule.scope.each}}}")]
    if not channels:
        reason = "no channel has all of " + ", ".join(p for p in rule.points() if "{" in p)
        yield BindingReport(rule.id, facts.id, None, bound=False, reason=reason)
    for channel in channels:
        yield _bound(rule, device, site, params, channel)


def in_scope(scope: ScopeOf, facts: DeviceFacts, site: str) -> bool:
    """Whether the rule is meant for this device."""
    return (
        (not scope.kinds or bool(set(scope.kinds) & set(facts.kinds)))
        and (not scope.roles or facts.role in scope.roles)
        and (not scope.sites or site in scope.sites)
        and (not scope.devices or facts.id in scope.devices)
        and (not scope.buses or bus_of(facts) in scope.buses)
        and all(facts.labels.get(key) == value for key, value in scope.labels.items())
    )


def bus_of(facts: DeviceFacts) -> str | None:
    """The bus that a device is on; the device `bus-x` is on its own bus."""
    if facts.bus is None and "bus" in facts.kinds:
        return facts.id.removeprefix("bus-")
    return facts.bus


def watch_key(rule: str, device: str, channel: int | None) -> str:
    return f"{rule}|{device}|{'' if channel is None else channel}"


def _params(rule: Rule, facts: DeviceFacts) -> tuple[dict[str, Value], str]:
    """The parameters that hold at the device, and what is wrong with its own ones."""
    params = dict(rule.params)
    for name, value in facts.params.get(rule.id, {}).items():
        if name not in params:
            return params, f"the device sets {name!r}, which is no parameter of the rule"
        number = isinstance(value, int | float) and not isinstance(value, bool)
        own = float(value) if number else value
        if type(own) is not type(params[name]):
            return params, f"the device sets {name!r} to {value!r}, which is of another type"
        params[name] = own
    return params, ""


def _channels(rule: Rule, device: DeviceValues, mark: str) -> Iterator[int]:
    marked = [point for point in rule.points() if mark in point and not point.startswith("site.")]
    for channel in range(1, MAX_CHANNELS + 1):
        if marked and all(device.has(point.replace(mark, str(channel))) for point in marked):
            yield channel


def _bound(
    rule: Rule, device: DeviceValues, site: SiteValues, params: dict[str, Value], channel: int | None
) -> Watch | BindingReport:
    facts = device.facts
    mark = "" if rule.scope.each is None else f"{{{rule.scope.each}}}"

    def node_of(expression: Expression) -> Node:
        return expression.node if channel is None else with_channel(expression.node, mark, channel)

    types = {
        (name if channel is None else name.replace(mark, str(channel))): type_
        for expression in rule.expressions()
        for name, type_ in expression.types.items()
    }
    others = [d for d in site.devices.values() if in_scope(rule.scope, d.facts, site.site.id)]
    scope = WatchScope(site, device, params, types, rule.min_good, peers=others)
    nodes = [node_of(expression) for expression in rule.expressions()]
    if not all(exists(node, scope) for node in nodes):
        reason, mistake = _why_not(nodes, scope, device, site)
        return BindingReport(rule.id, facts.id, channel, bound=False, reason=reason, mistake=mistake)

    def known(expression: Expression | None) -> Known | None:
        return None if expression is None else compiled(node_of(expression), scope)

    points = _points(nodes, params, scope)
    counted = any(name.point in COUNTERS for name in points)
    own = frozenset(n.point for n in points if scope.owner(n) is device and n.point not in COUNTERS)
    hash_ = rule.hash if params == rule.params else _hash(rule, params)
    timing, at_once = _timing(rule, points, scope, facts)
    return Watch(
        key=watch_key(rule.id, facts.id, channel),
        rule=rule,
        device=facts.id,
        channel=channel,
        hash=hash_,
        params=params,
        when=compiled(node_of(rule.when), scope),
        fence=fence_of(node_of(rule.when), scope),
        clear=known(rule.clear),
        only_if=known(rule.only_if),
        steps=tuple((step, known(step.when)) for step in rule.steps),
        timing=timing,
        at_once=at_once,
        own_points=own,
        every_frame=counted or not own,
        timed=counted or any(_is_timed(n) for node in nodes for n in walk(node)),
        inputs=tuple(
            Input(n.name, read, owner.quality_of(n.point, types.get(n.name, "any")))
            for n in points
            if (read := scope.read(n)) is not None and (owner := scope.owner(n)) is not None
        ),
        wait_ms=min(_WAIT_PERIODS * facts.period_ms, _WAIT_MOST_MS),
        life=Life(steps=[StepTimer() for _ in rule.steps]),
    )


def _points(nodes: list[Node], params: Mapping[str, Value], scope: WatchScope) -> tuple[Name, ...]:
    """The points that the watch looks at and that exist, each once."""
    found = {n.name: n for node in nodes for n in walk(node) if isinstance(n, Name) and n.name not in params}
    return tuple(name for name in found.values() if scope.owner(name) is not None)


def _is_timed(node: Node) -> bool:
    return isinstance(node, Call) and node.function in _TIMED


def _timing(
    rule: Rule, points: tuple[Name, ...], scope: WatchScope, facts: DeviceFacts
) -> tuple[Timing, Timing]:
    slowest_ms = max(
        (owner.period_ms(n.point) for n in points if (owner := scope.owner(n)) is not None),
        default=facts.period_ms,
    )
    max_gap_ms = round(rule.max_gap_periods * slowest_ms) if rule.max_gap_ms is None else rule.max_gap_ms
    return (
        Timing(rule.for_ms, rule.clear_for_ms, max_gap_ms, rule.hold_max_ms, rule.latch),
        Timing(0, rule.clear_for_ms, max_gap_ms, rule.hold_max_ms, rule.latch),
    )


def _why_not(
    nodes: list[Node], scope: WatchScope, device: DeviceValues, site: SiteValues
) -> tuple[str, bool]:
    """What is lacking, and whether the site file is to blame."""
    lacking: list[str] = []
    for name in (n for node in nodes for n in walk(node) if isinstance(n, Name)):
        if scope.constant(name.name) is not None or exists(name, scope):
            continue
        if not name.of_site:
            lacking.append(name.name)
            continue
        try:
            site.device_of(name.point)
        except AmbiguousPointError as error:
            return str(error), True
        lacking.append(name.name)
    if device.facts.points is None:
        return "the device has not been identified yet", False
    return "there is no " + ", ".join(dict.fromkeys(lacking)), False


def _hash(rule: Rule, params: Mapping[str, Value]) -> str:
    text = rule.hash + json.dumps(params, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
