"""What is allowed in a rule file but probably not meant: warnings with their lines."""

from collections.abc import Iterator
from itertools import islice, pairwise, product

from agent.document import Document, Fault
from agent.plain_yaml import Path as Place
from agent.reading import Value
from agent.rules.compiled import Known, compiled
from agent.rules.rule import Rule
from agent.rules.tree import Call, Constant, Name, Node, children, walk
from agent.rules.values import COUNTERS

_TRIES = 4_000
_FASTEST_POLL_MS = 1_000


def warnings_of(rules: tuple[Rule, ...], document: Document) -> Iterator[Fault]:
    """All warnings of a file whose rules were read without fault."""
    for rule in rules:
        index = next(i for i, raw in enumerate(document.data["rules"]) if raw["id"] == rule.id)
        yield from _rule_warnings(rule, document, ("rules", index))


def _rule_warnings(rule: Rule, document: Document, at: Place) -> Iterator[Fault]:
    raw = document.data["rules"][at[-1]]
    for key in ("title", "cause", "consequence", "action"):
        if key not in raw:
            yield document.fault(at, f"{rule.id} has no {key}", "people need it to act", "warning")
        elif not raw[key].get("zh"):
            yield document.fault((*at, key), f"the {key} has no Chinese text", "add zh: ..", "warning")
    if 0 < rule.for_ms < _FASTEST_POLL_MS:
        yield document.fault(
            (*at, "for"), "`for` is shorter than any poll", "use 0s for the next poll", "warning"
        )
    if rule.max_gap_ms is not None and rule.max_gap_ms == 0:
        yield document.fault((*at, "max_gap"), "no sample is ever in time", "write 3x", "warning")
    if rule.clear is not None and (example := both_hold(rule)) is not None:
        shown = ", ".join(f"{name} = {value}" for name, value in example.items())
        yield document.fault(
            (*at, "clear"),
            f"`when` and `clear` can both hold (at {shown}); then `when` wins",
            "keep a band between them",
            "warning",
        )


def both_hold(rule: Rule) -> dict[str, Value] | None:
    """Values at which `when` and `clear` are both true, looked for around the limits of the rule."""
    if rule.clear is None:
        return None
    leaves = _Leaves(rule)
    when, clear = compiled(rule.when.node, leaves), compiled(rule.clear.node, leaves)
    choices = [leaves.choices(name) for name in leaves.names]
    for values in islice(product(*choices), _TRIES):
        leaves.values[:] = values
        if leaves.impossible():
            continue
        if when() is True and clear() is True:
            return dict(zip(leaves.names, leaves.values, strict=True))
    return None


class _Leaves:
    """A scope in which every point, window and function can have any value."""

    def __init__(self, rule: Rule) -> None:
        self._params = rule.params
        self.names: list[str] = []
        self.values: list[Value] = []
        nodes = [e.node for e in (rule.when, rule.clear) if e is not None]
        self._types = {
            name: t for e in (rule.when, rule.clear) if e is not None for name, t in e.types.items()
        }
        found = [
            self._folded(c)
            for top in nodes
            for n in walk(top)
            for c in children(n)
            if isinstance(c, Constant) or (isinstance(c, Name) and c.name in rule.params)
        ]
        self._numbers = sorted({f for f in found if isinstance(f, float)})
        self._texts = sorted({f for f in found if isinstance(f, str)})
        for node in nodes:
            compiled(node, self)

    def choices(self, name: str) -> list[Value]:
        """Values on, below, above and between the limits; texts that the rule names and another."""
        kind = self._types.get(name, "string" if name.startswith("quality") else "number")
        if kind == "bool":
            return [True, False]
        if kind == "string":
            return [*self._texts, "(other)"]
        limits = self._numbers or [0.0]
        middles = [(a + b) / 2 for a, b in pairwise(limits)]
        return [limits[0] - 1, *limits, *middles, limits[-1] + 1]

    def impossible(self) -> bool:
        """Polls in a row have either failed or succeeded, never both."""
        return all(name in self.names and self.values[self.names.index(name)] > 0 for name in COUNTERS)  # type: ignore[operator]  # they are numbers

    def _folded(self, node: Node) -> Value | None:
        if isinstance(node, Constant):
            return node.value
        return self._params.get(node.name) if isinstance(node, Name) else None

    def _leaf(self, name: str) -> Known:
        if name not in self.names:
            self.names.append(name)
            self.values.append(0.0)
        index, values = self.names.index(name), self.values
        return lambda: values[index]

    def constant(self, name: str) -> Value | None:
        return self._params.get(name)

    def cell(self, name: Name) -> None:
        return None

    def read(self, name: Name) -> Known:
        return self._leaf(name.name)

    def age(self, name: Name) -> Known:
        return self._leaf(f"age({name.name})")

    def quality(self, name: Name) -> Known:
        return self._leaf(f"quality({name.name})")

    def window(self, call: Call) -> Known:
        inner = ", ".join(n.name for n in walk(call.arguments[0]) if isinstance(n, Name))
        return self._leaf(f"{call.function}({inner})")

    def sun_elevation(self) -> Known:
        return self._leaf("sun_elevation()")

    def peers(self, call: Call) -> list[Known]:
        inner = next(n.name for n in walk(call) if isinstance(n, Name))
        return [self._leaf(f"peers_median({inner})")] * 2
