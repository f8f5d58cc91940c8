"""Rule files: YAML → frozen rules, with every fault at its line."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from agent.document import Document, DocumentError, Fault, faults_of, path_text, read
from agent.mend import mended
from agent.plain_yaml import Path as Place
from agent.points import standard
from agent.profile import Kind
from agent.reading import Text
from agent.rules.check import Type, check, type_of_value
from agent.rules.expression import ExpressionError, parse
from agent.rules.rule import (
    EvidencePlan,
    Expression,
    Inhibitor,
    Rule,
    RuleTest,
    ScopeOf,
    Step,
    TicketPlan,
)
from agent.rules.rule_yaml import DefaultsYaml, RuleFileYaml, RuleTestYaml, RuleYaml, TextYaml, TicketYaml
from agent.rules.samples import SampleError, parse_samples
from agent.rules.tree import Name, names

OtherPoint = Callable[[str], Type | None]
"""The type of a point that is no standard one but stands in some profile; None when in none."""


def read_rules(document: Document, other: OtherPoint | None = None) -> tuple[Rule, ...]:
    """The rules of a file. `other` knows the points of profiles that are no standard ones.

    Raises:
        DocumentError: with all faults.
    """
    rules: list[Rule] = []
    faults: list[Fault] = []
    try:
        outer = read(RuleFileYaml, document)
    except DocumentError as error:
        rest = mended(RuleFileYaml, document.data, _stand_in)
        if rest is None:
            raise
        outer, faults = rest[0], [*error.faults]
    seen: dict[str, int] = {}
    for index in range(len(outer.rules)):
        at: Place = ("rules", index)
        try:
            written = RuleYaml.model_validate(outer.rules[index])
        except ValidationError as error:
            faults += [
                *faults_of(error, document, at),
                *_faults_of_rest(outer.rules[index], document, at, other),
            ]
            continue
        if written.id in seen:
            faults.append(
                document.fault((*at, "id"), f"the rule {written.id} is written twice", "rename or remove one")
            )
        seen.setdefault(written.id, index)
        reader = _RuleReader(document, at, written, other or dict[str, Type]().get)
        rule = reader.rule(outer.defaults)
        faults += reader.faults
        if rule is not None:
            rules.append(rule)
    if faults:
        raise DocumentError(sorted(faults, key=lambda f: (f.line, f.column)))
    return tuple(rules)


def _faults_of_rest(data: Any, document: Document, at: Place, other: OtherPoint | None) -> list[Fault]:
    """What is wrong with a rule beside its shape; what expressions stand on must be there."""
    rest = mended(RuleYaml, data, _stand_in)
    if rest is None or any(place[0] in ("params", "scope") for place in rest[1]):
        return []
    reader = _RuleReader(document, at, rest[0], other or dict[str, Type]().get)
    reader.rule(DefaultsYaml())
    known = tuple(path_text((*at, *place)) for place in rest[1])
    return [fault for fault in reader.faults if not fault.path.startswith(known)]


def _stand_in(place: Place, _: Any) -> Any:
    """For a value that a rule must have; nothing for what its expressions or tests stand on."""
    match place[-1]:
        case "version":
            return 1
        case "id":
            return "UNNAMED-0"
        case "title" | "action" | "en":
            return "?"
        case "severity":
            return "low"
        case _:
            return None


class _RuleReader:
    """One rule; gathers faults instead of stopping at the first."""

    def __init__(self, document: Document, at: Place, written: RuleYaml, other: OtherPoint) -> None:
        self._document, self._at, self._written, self._other = document, at, written, other
        self.faults: list[Fault] = []

    def rule(self, defaults: DefaultsYaml) -> Rule | None:
        w = self._written
        only_if = self._expression(w.only_if, "only_if")
        when = self._expression(w.when, "when")
        clear = self._expression(w.clear, "clear")
        steps = tuple(self._steps())
        self._check_names()
        tests = tuple(self._tests())
        if self.faults or when is None:
            return None
        source = {key: value for key, value in self._raw().items() if key != "tests"}
        max_gap_ms, max_gap_periods = w.max_gap or defaults.max_gap
        return Rule(
            id=w.id,
            title=_text(w.title),
            cause=_text(w.cause),
            consequence=_text(w.consequence),
            action=_text(w.action),
            scope=ScopeOf(**w.scope.model_dump(exclude={"kind", "role", "site", "device", "bus"}),
                          kinds=w.scope.kind, roles=w.scope.role, sites=w.scope.site,
                          devices=w.scope.device, buses=w.scope.bus),
            params=w.params,
            only_if=only_if,
            when=when,
            clear=clear,
            for_ms=w.for_,
            clear_for_ms=defaults.clear_for if w.clear_for is None else w.clear_for,
            latch=w.latch,
            on_bad=w.on_bad or defaults.on_bad,
            max_gap_ms=max_gap_ms,
            max_gap_periods=max_gap_periods,
            hold_max_ms=defaults.hold_max if w.hold_max is None else w.hold_max,
            min_good=defaults.min_good if w.min_good is None else w.min_good,
            severity=w.severity,
            steps=steps,
            inhibited_by=tuple(Inhibitor(i.rule, i.equal) for i in w.inhibited_by),
            ticket=None if w.ticket is None else _ticket(w.ticket),
            tests=tests,
            hash=_hash(source, defaults),
            source=source,
            file=self._document.file,
        )  # fmt: skip

    def _raw(self) -> dict[str, Any]:
        raw: dict[str, Any] = self._document.data["rules"][self._at[-1]]
        return raw

    def _fault(self, path: Place, message: str, remedy: str = "") -> None:
        self.faults.append(self._document.fault((*self._at, *path), message, remedy))

    def _expression(self, text: str | None, *path: str | int) -> Expression | None:
        if text is None:
            return None
        try:
            node = parse(text)
            types = check(node, self._type_of)
        except ExpressionError as error:
            where = f" (at character {error.at + 1})" if error.at else ""
            self._fault(path, f"{path[-1]}: {error.message}{where}", error.remedy)
            return None
        return Expression(text, node, types)

    def _type_of(self, name: Name) -> Type:
        if name.name in self._written.params:
            return type_of_value(self._written.params[name.name])
        kinds: tuple[Kind, ...] = () if name.of_site else self._kinds()
        known = standard(name.point)
        if known is not None:
            if kinds and not set(kinds) & set(known.kinds):
                raise ExpressionError(
                    f"no {' or '.join(kinds)} has the point {name.point!r}",
                    f"it belongs to {', '.join(known.kinds)}; write site.{name.point} for the site's one",
                    name.at,
                )
            return known.type
        found = self._other(name.point)
        if found is None:
            raise ExpressionError(
                f"there is no point and no parameter {name.name!r}",
                "correct its spelling, or add it to params or to a profile",
                name.at,
            )
        return found

    def _kinds(self) -> tuple[Kind, ...]:
        scope = self._written.scope
        return scope.kind or (("meter",) if scope.role else ())

    def _steps(self) -> Iterator[Step]:
        for index, step in enumerate(self._written.steps):
            when = self._expression(step.when, "steps", index, "when")
            yield Step(step.severity, when, step.for_, step.after)

    def _check_names(self) -> None:
        w = self._written
        if any(inhibitor.rule == w.id for inhibitor in w.inhibited_by):
            self._fault(("inhibited_by",), f"{w.id} cannot inhibit itself", "name another rule")
        each = w.scope.each
        mark = f"{{{each}}}"
        texts = [w.when, w.clear or "", w.only_if or "", *(s.when or "" for s in w.steps)]
        if each is not None and not any(mark in text for text in texts):
            self._fault(
                ("scope", "each"), f"no point is written with {mark}", f"use it, as in dc_current_{mark}_a"
            )
        if each is None and any("{" in text for text in texts) and not self.faults:
            self._fault(("scope",), "a point is written with a placeholder", "add each: n to the scope")

    def _tests(self) -> Iterator[RuleTest]:
        for index, test in enumerate(self._written.tests):
            self._check_test(index, test)
            yield RuleTest(test.name, test.every, test.samples, test.expect, test.params, test.channel)

    def _check_test(self, index: int, test: RuleTestYaml) -> None:
        for point, text in test.samples.items():
            try:
                parse_samples(text)
            except SampleError as error:
                self._fault(("tests", index, "samples", point), str(error))
            if point != "sun_elevation" and not self._known_in_test(point):
                self._fault(
                    ("tests", index, "samples", point),
                    f"the rule does not look at {point!r}",
                    "name a point that it uses",
                )
        for name in test.params:
            if name not in self._written.params:
                self._fault(("tests", index, "params", name), f"the rule has no parameter {name!r}", "")

    def _known_in_test(self, point: str) -> bool:
        each, point = self._written.scope.each, point.removeprefix("peers.")
        for name in self._used:
            if name == point:
                return True
            if each is not None and f"{{{each}}}" in name:
                head, _, tail = name.partition(f"{{{each}}}")
                middle = point.removeprefix(head).removesuffix(tail)
                if point == f"{head}{middle}{tail}" and middle.isdigit():
                    return True
        return bool(self.faults)

    @property
    def _used(self) -> set[str]:
        w = self._written
        used: set[str] = set()
        for text in [w.when, w.clear, w.only_if, *(s.when for s in w.steps)]:
            try:
                used |= set(names(parse(text or "true")))
            except ExpressionError:  # already told where it stands
                continue
        return used


def _text(text: TextYaml | None) -> Text:
    return Text("", "") if text is None else Text(text.en, text.zh or text.en)


def _ticket(t: TicketYaml) -> TicketPlan:
    e = t.evidence
    evidence = None if e is None else EvidencePlan(e.before, e.after, e.points, e.pack)
    return TicketPlan(t.kind, t.team, t.checklist, t.open_after, t.verify_for, t.close_guard, evidence)


def _hash(source: dict[str, Any], defaults: DefaultsYaml) -> str:
    text = json.dumps([source, defaults.model_dump()], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
