"""The numbers that a rule holds its points against: for charts and for people. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.reading import Value
from agent.rules.rule import Rule
from agent.rules.tree import Binary, Call, Compare, Comparison, Constant, Name, Node, Unary, walk

Purpose: TypeAlias = Literal["when", "clear", "step"]
_TURNED: Mapping[Comparison, Comparison] = {
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
    "==": "==",
    "!=": "!=",
}
_OF_THE_POINT = frozenset({"avg", "min", "max", "abs", "first", "peers_median"})
"""Functions whose value is of the point's own kind, so that their limit can be drawn beside it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`point operator number`, as the rule's `when`, its `clear` or a step has it."""

    point: str
    operator: Comparison
    number: float
    purpose: Purpose


def limits_of(rule: Rule, params: Mapping[str, Value], channel: int | None = None) -> tuple[Limit, ...]:
    """Each limit once, in the order of the rule; those that are no plain numbers are left out.

    Args:
        rule: the rule.
        params: as they hold at the device; what is missing is the rule's own.
        channel: stands in place of the rule's placeholder.
    """
    known = {**rule.params, **params}
    nodes: list[tuple[Purpose, Node]] = [("when", rule.when.node)]
    if rule.clear is not None:
        nodes.append(("clear", rule.clear.node))
    nodes += [("step", step.when.node) for step in rule.steps if step.when is not None]
    found = [limit for purpose, node in nodes for limit in _limits(node, purpose, known)]
    if rule.scope.each is not None and channel is not None:
        mark = f"{{{rule.scope.each}}}"
        found = [Limit(f.point.replace(mark, str(channel)), f.operator, f.number, f.purpose) for f in found]
    return tuple(dict.fromkeys(found))


def _limits(node: Node, purpose: Purpose, known: Mapping[str, Value]) -> Iterator[Limit]:
    for compare in (n for n in walk(node) if isinstance(n, Compare)):
        for side, other, operator in (
            (compare.left, compare.right, compare.operator),
            (compare.right, compare.left, _TURNED[compare.operator]),
        ):
            number = _number(other, known)
            if number is not None:
                for point in _points(side, known):
                    yield Limit(point, operator, number, purpose)


def _points(node: Node, known: Mapping[str, Value]) -> tuple[str, ...]:
    if isinstance(node, Name):
        return () if node.name in known else (node.name,)
    if isinstance(node, Call) and node.function in _OF_THE_POINT:
        return tuple(dict.fromkeys(point for part in node.arguments for point in _points(part, known)))
    return ()


def _number(node: Node, known: Mapping[str, Value]) -> float | None:
    match node:
        case Constant(value):
            return _plain(value)
        case Name(name):
            return _plain(known.get(name))
        case Unary("-", operand):
            inner = _number(operand, known)
            return None if inner is None else -inner
        case Binary(operator, left, right):
            return _worked_out(operator, _number(left, known), _number(right, known))
        case _:
            return None


def _worked_out(operator: str, left: float | None, right: float | None) -> float | None:
    if left is None or right is None or (operator == "/" and right == 0):
        return None
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def _plain(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
