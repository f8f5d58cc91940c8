"""A rule, ready to be bound to devices. `agent.rules.rule_file` makes it from YAML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from agent.profile import Kind
from agent.reading import Text, Value
from agent.rules.alert import Severity
from agent.rules.check import Type
from agent.rules.tree import Node, names, needed

OnBad: TypeAlias = Literal["freeze", "ignore", "raise", "clear"]
Equal: TypeAlias = Literal["site", "bus", "device"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A text and its checked tree; `types` gives the type of each name."""

    text: str
    node: Node
    types: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class ScopeOf:
    """Which devices the rule is for; empty means any. `each` names the placeholder, `n`."""

    kinds: tuple[Kind, ...] = ()
    roles: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    buses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    each: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A higher severity: while `when` held for `for_ms`, or `after_ms` since the alert was raised.

    A `when` that holds long enough raises the alert by itself, before the rule's own `for` is over;
    it is looked at only while the rule's own `when` holds. An alert never loses severity.
    """

    severity: Severity
    when: Expression | None = None
    for_ms: int = 0
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """While an alert of `rule` is open at a device equal in all of `equal`, ours is not annunciated."""

    rule: str
    equal: tuple[Equal, ...]


@dataclass(frozen=True, slots=True)
class EvidencePlan:
    """What the ticket's evidence should hold beside the default."""

    before_ms: int | None = None
    after_ms: int | None = None
    points: tuple[str, ...] = ()
    pack: str | None = None


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """The ticket that an alert of the rule opens."""

    kind: str
    team: str
    checklist: str | None = None
    open_after_ms: int = 0
    verify_for_ms: int | None = None
    close_guard: str | None = None
    evidence: EvidencePlan | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Samples over time and all transitions of the phase that they must cause."""

    name: str
    every_ms: int
    samples: Mapping[str, str]
    expect: Mapping[int, str]
    """Milliseconds from the first sample → phase."""
    params: Mapping[str, Value] = field(default_factory=dict)
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Args:
    hash: of the whole text but its tests; evidence names it.
    max_gap_periods: `3x` in the file; then `max_gap_ms` is None.
    file: where it was read, for people.
    """

    id: str
    title: Text
    cause: Text
    consequence: Text
    action: Text
    scope: ScopeOf
    params: Mapping[str, Value]
    only_if: Expression | None
    when: Expression
    clear: Expression | None
    for_ms: int
    clear_for_ms: int
    latch: bool
    on_bad: OnBad
    max_gap_ms: int | None
    max_gap_periods: float
    hold_max_ms: int
    min_good: float
    severity: Severity
    steps: tuple[Step, ...]
    inhibited_by: tuple[Inhibitor, ...]
    ticket: TicketPlan | None
    tests: tuple[RuleTest, ...]
    hash: str
    source: Mapping[str, Any]
    """The rule as it stood in the file, without its tests."""
    file: str

    @property
    def family(self) -> str:
        """`PV` of `PV-01`."""
        return self.id.partition("-")[0]

    def expressions(self) -> Iterator[Expression]:
        yield from (e for e in (self.only_if, self.when, self.clear) if e is not None)
        yield from (step.when for step in self.steps if step.when is not None)

    def points(self) -> tuple[str, ...]:
        """The points that it looks at, as written, each once."""
        seen = dict.fromkeys(name for e in self.expressions() for name in names(e.node))
        return tuple(name for name in seen if name not in self.params)

    def needed_points(self) -> frozenset[str]:
        """Those that must exist for the rule to be bound."""
        must = frozenset[str]().union(*(needed(e.node) for e in self.expressions()))
        return must - self.params.keys()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of a site by id."""

    rules: Mapping[str, Rule] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules.values())

    def __len__(self) -> int:
        return len(self.rules)

    def get(self, rule_id: str) -> Rule | None:
        return self.rules.get(rule_id)

    def hashes(self) -> dict[str, str]:
        """Rule id → hash of its text: equal exactly when nothing has changed but tests."""
        return {rule.id: rule.hash for rule in self}
