"""A rule's own tests: samples over time on a real engine, and the transitions that they cause.

Each sample time is a frame of the device (and of a weather station for `site.` points), then
a tick; where nothing came (`-`) there is only the tick. A list that is shorter than the others
goes on with its last sample. `only_if` counts only
in tests that give samples for it. `sun_elevation` may be given like a point; without it the
sun is unknown. `peers.<point>` is what two other devices of the kind say.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from agent.profile import Kind
from agent.quantity import duration_text
from agent.reading import Frame, Quality
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, SiteFacts
from agent.rules.rule import Expression, Rule, RuleSet, RuleTest, ScopeOf
from agent.rules.samples import Samples, Taken, parse_samples
from agent.rules.tree import Call, names, walk

START_TS_MS = 1_780_000_000_000
DEVICE, STATION, PEERS = "device-1", "station-1", ("peer-1", "peer-2")
_SITE, _PEERS = "site.", "peers."
_PREFIXES: Mapping[str, str] = {STATION: _SITE, **dict.fromkeys(PEERS, _PEERS)}
"""How the samples of the other devices are written; the device's own stand without."""
_SUN = "sun_elevation"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test of a rule has shown; `error` when it could not run at all."""

    rule: str
    test: str
    expected: Mapping[str, str]
    got: Mapping[str, str]
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and dict(self.expected) == dict(self.got)

    def difference(self) -> str:
        """What was expected and what came, in words."""
        if self.error:
            return self.error
        return f"expected {_line(self.expected)}; got {_line(self.got)}"


def _line(phases: Mapping[str, str]) -> str:
    return ", ".join(f"{phase} at {at}" for at, phase in phases.items()) or "nothing"


def run_tests(rule: Rule) -> tuple[Verdict, ...]:
    """All tests of a rule."""
    return tuple(run_test(rule, test) for test in rule.tests)


def run_test(rule: Rule, test: RuleTest) -> Verdict:
    """Play the samples and write down every change of phase."""
    expected = {duration_text(at_ms): phase for at_ms, phase in sorted(test.expect.items())}
    series = {point: parse_samples(text) for point, text in test.samples.items()}
    sun = series.pop(_SUN, None)
    angle: list[float | None] = [None]
    alone = replace(
        rule,
        only_if=rule.only_if if rule.only_if and _asks_for(rule.only_if, test) else None,
        params={**rule.params, **test.params},
        scope=ScopeOf(each=rule.scope.each),
        inhibited_by=(),
    )
    site = _site(rule, series, test.every_ms, lambda _ts_ms: angle[0])
    ids = count(1)
    engine = Engine(site, RuleSet({rule.id: alone}), {}, lambda: f"alert-{next(ids)}")
    ours = [report for report in engine.bindings() if report.device == DEVICE]
    bound = [report for report in ours if report.bound and test.channel in (None, report.channel)]
    if not bound:
        reason = ours[0].reason if ours else "no channel of that number"
        return Verdict(rule.id, test.name, expected, {}, f"the rule cannot be bound here: {reason}")
    got: dict[str, str] = {}
    phase = "normal"
    for index in range(max(len(samples) for samples in (*series.values(), sun or ()))):
        at_ms = index * test.every_ms
        if sun is not None:
            value = _at(sun, index).value
            angle[0] = value if isinstance(value, float) else None
        for frame in _frames(series, index, at_ms):
            engine.on_frame(frame)
        engine.on_tick(at_ms, START_TS_MS + at_ms)
        now = str(engine.phase(rule.id, DEVICE, bound[0].channel))
        if now != phase:
            got[duration_text(at_ms)] = phase = now
    return Verdict(rule.id, test.name, expected, got)


def _site(
    rule: Rule, series: Mapping[str, Samples], every_ms: int, sun: Callable[[int], float | None]
) -> SiteFacts:
    used = {*series, *(point for point in rule.needed_points() if "{" not in point)}
    kinds = rule.scope.kinds or ("meter",)

    def facts(name: str, kinds: tuple[Kind, ...]) -> DeviceFacts:
        return DeviceFacts(name, kinds, frozenset(p for _, p in _of(name, used)), every_ms)

    devices = facts(DEVICE, kinds), facts(STATION, ("weather",)), *(facts(peer, kinds) for peer in PEERS)
    return SiteFacts("site", devices, sun_elevation=sun)


def _of(device: str, written: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What of these is a device's: as it is written, and the point that it is."""
    prefix = _PREFIXES.get(device, "")
    for name in written:
        if name.startswith(prefix) if prefix else not name.startswith((_SITE, _PEERS)):
            yield name, name.removeprefix(prefix)


def _asks_for(only_if: Expression, test: RuleTest) -> bool:
    """Whether the test says anything of what `only_if` looks at; a test that does not, takes it as true."""
    sun = any(isinstance(node, Call) and node.function == _SUN for node in walk(only_if.node))
    return bool(set(names(only_if.node)) & test.samples.keys()) or (sun and _SUN in test.samples)


def _at(samples: Samples, index: int) -> Taken:
    return samples[min(index, len(samples) - 1)]


def _frames(series: Mapping[str, Samples], index: int, at_ms: int) -> Iterator[Frame]:
    """One frame per device for which something came; a poll in which all is bad has failed."""
    for device in (STATION, *PEERS, DEVICE):
        taken = {
            point: sample
            for name, point in _of(device, series)
            if (sample := _at(series[name], index)).kind != "none"
        }
        if not taken:
            continue
        faults = {i: Quality(t.kind) for i, t in enumerate(taken.values()) if t.kind != "good"}
        failed = all(sample.kind == "bad" for sample in taken.values())
        yield Frame(
            device=device,
            boot="test",
            seq=index + 1,
            mono_ms=at_ms,
            ts_ms=START_TS_MS + at_ms,
            unsure=False,
            span_ms=0,
            points=tuple(taken),
            values=tuple(sample.value for sample in taken.values()),
            faults=faults,
            reason="timeout" if failed else None,
        )
