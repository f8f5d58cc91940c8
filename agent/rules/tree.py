"""The tree of an expression, and what can be asked of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from agent.reading import Value

Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value
    at: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A point (`soc_pct`, `site.irradiance_poa_w_m2`, `dc_current_{n}_a`) or a parameter."""

    name: str
    at: int = 0

    @property
    def of_site(self) -> bool:
        return self.name.startswith("site.")

    @property
    def point(self) -> str:
        return self.name.removeprefix("site.")


@dataclass(frozen=True, slots=True)
class Unary:
    operator: Literal["-", "not"]
    operand: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    operator: Literal["+", "-", "*", "/"]
    left: "Node"
    right: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    operator: Comparison
    left: "Node"
    right: "Node"
    at: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    """`and` or `or` of two or more conditions."""

    operator: Literal["and", "or"]
    operands: tuple["Node", ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Among:
    """`x in (..)` or `x not in (..)`; the choices are constants or parameters."""

    operand: "Node"
    choices: tuple["Node", ...]
    negated: bool
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Node", ...]
    window_ms: int | None = None
    at: int = 0


Node: TypeAlias = Constant | Name | Unary | Binary | Compare | Both | Among | Call


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Unary():
            return (node.operand,)
        case Binary() | Compare():
            return (node.left, node.right)
        case Both():
            return node.operands
        case Among():
            return (node.operand, *node.choices)
        case Call():
            return node.arguments
        case _:
            return ()


def names(node: Node) -> tuple[str, ...]:
    """All names in order of appearance, each once."""
    return tuple(dict.fromkeys(n.name for n in walk(node) if isinstance(n, Name)))


def with_channel(node: Node, mark: str, channel: int) -> Node:
    """The tree with the placeholder, `{n}`, filled in."""
    match node:
        case Name():
            return replace(node, name=node.name.replace(mark, str(channel)))
        case Unary():
            return replace(node, operand=with_channel(node.operand, mark, channel))
        case Binary() | Compare():
            left, right = with_channel(node.left, mark, channel), with_channel(node.right, mark, channel)
            return replace(node, left=left, right=right)
        case Both():
            return replace(node, operands=tuple(with_channel(n, mark, channel) for n in node.operands))
        case Among():
            return replace(node, operand=with_channel(node.operand, mark, channel))
        case Call():
            return replace(node, arguments=tuple(with_channel(n, mark, channel) for n in node.arguments))
        case Constant():
            return node


def needed(node: Node) -> frozenset[str]:
    """The names that must exist: all but those that `first` can do without."""
    if isinstance(node, Name):
        return frozenset({node.name})
    must = node.arguments[-1:] if isinstance(node, Call) and node.function == "first" else children(node)
    return frozenset[str]().union(*map(needed, must))
