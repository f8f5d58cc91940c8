"""Expressions as closures over one device's values: what is known is computed, what is not is None.

`and` and `or` decide with what they know (true or unknown is true); everything else is
unknown when a part of it is. Parameters are folded in. The common shapes have closures of
their own, since these run thousands of times a second.
"""

import operator
from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol, TypeAlias

from agent.reading import Value
from agent.rules.tree import Among, Binary, Both, Call, Compare, Constant, Name, Node, Unary

Known: TypeAlias = Callable[[], Value | None]
"""Gives the value now, or None while it is not known."""


class Scope(Protocol):
    """Where a watch finds its inputs."""

    def constant(self, name: str) -> Value | None:
        """A parameter's value, None when the name is no parameter."""

    def cell(self, name: Name) -> tuple[list[Value | None], int] | None:
        """Where the device's own point stands; None for points of other devices."""

    def read(self, name: Name) -> Known | None:
        """Reads a point; None when it does not exist here."""

    def age(self, name: Name) -> Known: ...

    def quality(self, name: Name) -> Known: ...

    def window(self, call: Call) -> Known: ...

    def sun_elevation(self) -> Known: ...

    def peers(self, call: Call) -> list[Known]:
        """The same point at the peers, each for itself."""


_FEWEST_PEERS = 2
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNKNOWN: Known = lambda: None  # noqa: E731  # one shared closure


def compiled(node: Node, scope: Scope) -> Known:
    """The closure of a checked tree."""
    match node:
        case Constant():
            return _constant(node.value)
        case Name():
            value = scope.constant(node.name)
            return _constant(value) if value is not None else scope.read(node) or _UNKNOWN
        case Unary():
            return _unary(node, compiled(node.operand, scope))
        case Binary():
            return _binary(node.operator, compiled(node.left, scope), compiled(node.right, scope))
        case Both():
            parts = [compiled(part, scope) for part in node.operands]
            join = _and if node.operator == "and" else _or
            joined = parts[-1]
            for part in reversed(parts[:-1]):
                joined = join(part, joined)
            return joined
        case Compare():
            return _compare(node, scope)
        case Among():
            choices = frozenset(compiled(choice, scope)() for choice in node.choices)
            return _among(compiled(node.operand, scope), choices, negated=node.negated)
        case Call():
            return _call(node, scope)


def exists(node: Node, scope: Scope) -> bool:
    """Whether all that the node needs can be read here."""
    match node:
        case Name():
            return scope.constant(node.name) is not None or scope.read(node) is not None
        case Call(function="first"):
            return exists(node.arguments[-1], scope)
        case Unary():
            return exists(node.operand, scope)
        case Binary() | Compare():
            return exists(node.left, scope) and exists(node.right, scope)
        case Both():
            return all(exists(part, scope) for part in node.operands)
        case Among():
            return exists(node.operand, scope)
        case Call():
            return all(exists(argument, scope) for argument in node.arguments)
        case _:
            return True


def _constant(value: Value) -> Known:
    return lambda: value


def _folded(node: Node, scope: Scope) -> Value | None:
    """The value of a node that holds no point, else None."""
    match node:
        case Constant():
            return node.value
        case Name():
            return scope.constant(node.name)
        case Unary(operator="-"):
            number = _folded(node.operand, scope)
            return -number if isinstance(number, float) else None
        case Binary():
            left, right = _folded(node.left, scope), _folded(node.right, scope)
            if isinstance(left, float) and isinstance(right, float):
                return _binary(node.operator, _constant(left), _constant(right))()
            return None
        case _:
            return None


def _compare(node: Compare, scope: Scope) -> Known:
    test = _COMPARE[node.operator]
    constant = _folded(node.right, scope)
    if constant is None:
        return _compare_two(test, compiled(node.left, scope), compiled(node.right, scope))
    where = point_and_number(node, scope)
    special = _POINT_AND_NUMBER.get(node.operator)
    if where is not None and special is not None:
        return special(*where)
    return _compare_constant(test, compiled(node.left, scope), constant)


def point_and_number(node: Compare, scope: Scope) -> tuple[list[Value | None], int, float] | None:
    """Values, slot and number where a point of the device itself is held against a number, else None."""
    limit = _folded(node.right, scope)
    if not isinstance(limit, float) or not isinstance(node.left, Name):
        return None
    cell = None if scope.constant(node.left.name) is not None else scope.cell(node.left)
    return None if cell is None else (*cell, limit)


def _greater_equal(values: list[Value | None], index: int, limit: float) -> Known:
    def run() -> Value | None:
        value = values[index]
        return None if value is None else value >= limit  # type: ignore[operator]  # checked to be a number

    return run


def _greater(values: list[Value | None], index: int, limit: float) -> Known:
    def run() -> Value | None:
        value = values[index]
        return None if value is None else value > limit  # type: ignore[operator]  # checked to be a number

    return run


def _less_equal(values: list[Value | None], index: int, limit: float) -> Known:
    def run() -> Value | None:
        value = values[index]
        return None if value is None else value <= limit  # type: ignore[operator]  # checked to be a number

    return run


def _less(values: list[Value | None], index: int, limit: float) -> Known:
    def run() -> Value | None:
        value = values[index]
        return None if value is None else value < limit  # type: ignore[operator]  # checked to be a number

    return run


_POINT_AND_NUMBER: dict[str, Callable[[list[Value | None], int, float], Known]] = {
    ">=": _greater_equal,
    ">": _greater,
    "<=": _less_equal,
    "<": _less,
}


def _compare_constant(test: Callable[[Value, Value], bool], left: Known, constant: Value) -> Known:
    def run() -> Value | None:
        value = left()
        return None if value is None else test(value, constant)

    return run


def _compare_two(test: Callable[[Value, Value], bool], left: Known, right: Known) -> Known:
    def run() -> Value | None:
        a, b = left(), right()
        return None if a is None or b is None else test(a, b)

    return run


def _unary(node: Unary, operand: Known) -> Known:
    if node.operator == "not":

        def negate() -> Value | None:
            value = operand()
            return None if value is None else not value

        return negate

    def minus() -> Value | None:
        value = operand()
        return None if value is None else -value  # type: ignore[operator]  # checked to be a number

    return minus


def _binary(sign: str, left: Known, right: Known) -> Known:
    compute = _ARITHMETIC[sign]

    def run() -> Value | None:
        a, b = left(), right()
        if a is None or b is None:
            return None
        try:
            return compute(a, b)  # type: ignore[arg-type]  # checked to be numbers
        except ArithmeticError:  # a division by zero has no value
            return None

    return run


def _and(left: Known, right: Known) -> Known:
    def run() -> Value | None:
        a = left()
        if a is False:
            return False
        b = right()
        return b if a is True or b is False else None

    return run


def _or(left: Known, right: Known) -> Known:
    def run() -> Value | None:
        a = left()
        if a is True:
            return True
        b = right()
        return b if a is False or b is True else None

    return run


def _among(operand: Known, choices: frozenset[Value | None], *, negated: bool) -> Known:
    def run() -> Value | None:
        value = operand()
        return None if value is None else (value in choices) is not negated

    return run


def _call(node: Call, scope: Scope) -> Known:
    if node.function == "peers_median":
        return _median(scope.peers(node))
    if node.window_ms is not None:
        return scope.window(node)
    argument = node.arguments[0] if node.arguments else None
    match node.function, argument:
        case "sun_elevation", _:
            return scope.sun_elevation()
        case "age", Name():
            return scope.age(argument)
        case "quality", Name():
            return scope.quality(argument)
        case "first", _:
            return _first([compiled(part, scope) for part in node.arguments if exists(part, scope)])
    parts = [compiled(part, scope) for part in node.arguments]
    return _reduced(_REDUCE[node.function], parts)


def _absolute(values: Sequence[float]) -> float:
    return abs(values[0])


_REDUCE: dict[str, Callable[[Sequence[float]], float]] = {"abs": _absolute, "min": min, "max": max}


def _reduced(reduce: Callable[[Sequence[float]], float], parts: list[Known]) -> Known:
    def run() -> Value | None:
        values = [part() for part in parts]
        return None if None in values else reduce(values)  # type: ignore[arg-type]  # checked to be numbers

    return run


def _median(peers: list[Known]) -> Known:
    """Of those that are known, if there are two of them."""

    def run() -> Value | None:
        values = [value for peer in peers if (value := peer()) is not None]
        return median(values) if len(values) >= _FEWEST_PEERS else None  # type: ignore[type-var]  # checked

    return run


def _first(parts: list[Known]) -> Known:
    def run() -> Value | None:
        for part in parts:
            value = part()
            if value is not None:
                return value
        return None

    return run
