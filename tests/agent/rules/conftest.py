"""A small site to run rules on: rules from YAML text, devices by name, time by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from agent.document import parse
from agent.reading import Frame, Quality, Value
from agent.rules.alert import Alert
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, Outcome, SiteFacts
from agent.rules.pause import Pause
from agent.rules.rule import Rule, RuleSet
from agent.rules.rule_file import read_rules

T0_MS = 1_780_000_000_000
TEXTS = (
    "title: {en: T, zh: 题}, cause: {en: C, zh: 因}, consequence: {en: Q, zh: 果}, action: {en: A, zh: 措}"
)


def rules_of(*bodies: str) -> tuple[Rule, ...]:
    """Rules from flow mappings without their texts: `id: X-01, scope: .., when: ..`."""
    listed = "\n".join(f"  - {{{TEXTS}, {body}}}" for body in bodies)
    return read_rules(parse(f"version: 1\nrules:\n{listed}\n", "test.yaml"))


def device(name: str, kind: str, *points: str, period_ms: int = 10_000, **more: object) -> DeviceFacts:
    return DeviceFacts(name, (kind,), frozenset(points), period_ms, **more)


@dataclass
class Site:
    """An engine, a clock and everything that it has said."""

    rules: tuple[Rule, ...]
    devices: tuple[DeviceFacts, ...]
    sun: Callable[[int], float | None] | None = None
    planned: tuple[Pause, ...] = ()
    stored: dict[str, bytes] = field(default_factory=dict)
    mono_ms: int = 1_000_000
    ts_ms: int = T0_MS
    boot: str = "boot-1"
    told: list[Alert] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    _seq: int = 0
    _ids: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        facts = SiteFacts("site-1", self.devices, sun_elevation=self.sun)
        rules = RuleSet({r.id: r for r in self.rules})
        self.engine = Engine(facts, rules, self.stored, self._new_id, planned=self.planned)

    def plan(self, *planned: Pause) -> None:
        """Planned maintenance, from now on."""
        self.planned = planned
        self.start()

    def _new_id(self) -> str:
        self._ids += 1
        return f"alert-{self._ids}"

    def restart(self, *, away_ms: int = 0, reboot: bool = False, **changes: object) -> None:
        """The process dies and comes back, perhaps on another monotonic clock and with other rules."""
        self.mono_ms = 5_000 if reboot else self.mono_ms + away_ms
        self.ts_ms += away_ms
        self.boot += "+"
        for name, value in changes.items():
            setattr(self, name, value)
        self.start()

    def wait(self, ms: int) -> None:
        self.mono_ms += ms
        self.ts_ms += ms

    def frame(
        self, name: str, values: Mapping[str, Value | Quality] | None = None, **more: object
    ) -> Outcome:
        """A poll; a `Quality` in place of a value is a fault, `reason=` a failed poll."""
        values = {} if values is None else values
        faults = {i: v for i, v in enumerate(values.values()) if isinstance(v, Quality)}
        self._seq += 1
        taken = tuple(None if isinstance(v, Quality) else v for v in values.values())
        return self.take(
            self.engine.on_frame(
                Frame(name, self.boot, self._seq, self.mono_ms, self.ts_ms, more.pop("unsure", False), 0,
                      tuple(values), taken, faults, **more)
            )
        )  # fmt: skip

    def play(self, name: str, point: str, *values: Value | Quality, every_ms: int = 10_000) -> str:
        """One frame after another; the phases of rule X-01 on the way."""
        phases = []
        for value in values:
            self.frame(name, {point: value})
            phases.append(str(self.engine.phase("X-01", name)))
            self.wait(every_ms)
        return " ".join(phases)

    def tick(self, ms: int = 0) -> Outcome:
        self.wait(ms)
        return self.take(self.engine.on_tick(self.mono_ms, self.ts_ms))

    def take(self, outcome: Outcome) -> Outcome:
        self.told += outcome.alerts
        for key, data in outcome.watches.items():
            if data is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = data
        if outcome:
            self.outcomes.append(outcome)
        return outcome

    def states(self) -> list[str]:
        """What was told, in order: `X-01@bat-1 active`."""
        return [f"{a.rule}@{a.device} {a.state}{'*' if a.suppressed else ''}" for a in self.told]


@pytest.fixture
def rules() -> Callable[..., tuple[Rule, ...]]:
    return rules_of


@pytest.fixture
def dev() -> Callable[..., DeviceFacts]:
    return device


@pytest.fixture
def make() -> type[Site]:
    return Site
