"""Types of expressions: numbers, texts and flags; units are not looked at.

A point that nobody declared has type `any` and takes the type that its use demands.
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from agent.reading import Value
from agent.rules.expression import ExpressionError
from agent.rules.tree import Among, Binary, Both, Call, Compare, Constant, Name, Node, Unary, children

Type: TypeAlias = Literal["number", "string", "bool", "any"]
TypeOf: TypeAlias = Callable[[Name], Type]
"""The type of a name.

Raises:
    ExpressionError: there is no such point or parameter.
"""

_WORDS: Mapping[Type, str] = {
    "number": "a number",
    "string": "a text",
    "bool": "true or false",
    "any": "a value",
}


def type_of_value(value: Value) -> Type:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def check(node: Node, type_of: TypeOf, want: Type = "bool") -> dict[str, Type]:
    """Check the whole tree; returns the type of each name used.

    Raises:
        ExpressionError: an unknown name, or things that do not fit together.
    """
    checker = _Checker(type_of)
    checker.demand(node, want)
    return checker.types


class _Checker:
    def __init__(self, type_of: TypeOf) -> None:
        self._type_of = type_of
        self.types: dict[str, Type] = {}

    def demand(self, node: Node, want: Type) -> None:
        got = self.visit(node)
        if got == "any" and want != "any":
            self._settle(node, want)
        elif want not in ("any", got):
            raise ExpressionError(f"{_WORDS[want]} is needed here, not {_WORDS[got]}", "", node.at)

    def _settle(self, node: Node, want: Type) -> None:
        if isinstance(node, Name):
            self.types[node.name] = want
        elif isinstance(node, Call):
            for argument in node.arguments:
                self.demand(argument, want)

    def visit(self, node: Node) -> Type:
        match node:
            case Constant():
                return type_of_value(node.value)
            case Name():
                if node.name not in self.types:
                    self.types[node.name] = self._type_of(node)
                return self.types[node.name]
            case Call():
                return self._call(node)
            case Among():
                self._alike((node.operand, *node.choices))
                return "bool"
            case Compare(operator="==" | "!="):
                self._alike((node.left, node.right))
                return "bool"
            case Unary(operator="-") | Binary():
                return self._all(node, "number", "number")
            case Compare():
                return self._all(node, "number", "bool")
            case Unary() | Both():
                return self._all(node, "bool", "bool")

    def _all(self, node: Node, want: Type, result: Type) -> Type:
        for child in children(node):
            self.demand(child, want)
        return result

    def _alike(self, nodes: tuple[Node, ...]) -> Type:
        """All of one type; what is undeclared takes the type of the others."""
        types: list[Type] = [self.visit(node) for node in nodes]
        found: Type = next((t for t in types if t != "any"), "any")
        for node in nodes:
            self.demand(node, found)
        return found

    def _call(self, node: Call) -> Type:
        match node.function:
            case "count_events" | "duration":
                self.demand(node.arguments[0], "bool")
                return "number"
            case "quality":
                self.visit(node.arguments[0])
                return "string"
            case "age":
                self.visit(node.arguments[0])
                return "number"
            case "first":
                return self._alike(node.arguments)
            case _:
                return self._all(node, "number", "number")
