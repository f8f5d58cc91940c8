"""The little language of rules: text → a checked tree. No eval, no attributes, no subscripts, no power.

    ExpressionError   the text cannot be used; says what, where (`at`, a character) and how to mend it

Comparisons (also chained), `and or not`, `+ - * /`, `in`, names (a point of the device,
`site.<point>`, a parameter), numbers, 'texts', true, false and the functions of `FUNCTIONS`.
Length, depth and windows are bounded, so that a hostile text is refused at once.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.quantity import duration_ms
from agent.rules.tree import Among, Binary, Both, Call, Compare, Comparison, Constant, Name, Node, Unary, walk

MAX_LENGTH = 600
MAX_DEPTH = 24
MAX_WINDOWS = 12
MAX_WINDOW_MS = 7 * 86_400_000


class ExpressionError(ValueError):
    """An expression that cannot be used. `at` is the character where it goes wrong, from 0."""

    def __init__(self, message: str, remedy: str = "", at: int = 0) -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message, self.remedy, self.at = message, remedy, at


FUNCTIONS: dict[str, str] = {
    "abs": "abs(x)",
    "min": "min(a, b, ..) or min(x, '10m')",
    "max": "max(a, b, ..) or max(x, '10m')",
    "avg": "avg(x, '10m')",
    "delta": "delta(x, '10m')",
    "rate": "rate(x, '10m')",
    "count_events": "count_events(condition, '24h')",
    "duration": "duration(condition, '24h')",
    "age": "age(point)",
    "quality": "quality(point)",
    "sun_elevation": "sun_elevation()",
    "first": "first(a, b, ..)",
    "peers_median": "peers_median(point) or peers_median(point, '10m')",
}
"""What may be called, and how it is written.

`delta` newest minus oldest; `rate` the same per second; `count_events` how often the condition
became true; `duration` seconds for which it held; `age` seconds since the last good value;
`sun_elevation` degrees; `first` the first argument that is known: the points of all but the
last need not exist at the device or site; `peers_median` the median of the same point (with a
window: of its mean) at the other devices of the rule's scope, and of its other numbers (strings,
cells) at all of them, unknown with fewer than two of them good.
"""

WINDOWED = frozenset({"avg", "delta", "rate", "count_events", "duration"})
_MAYBE_WINDOWED = frozenset({"min", "max", "peers_median"})
_OF_POINTS = frozenset({"age", "quality", "peers_median"})
_PLAIN_ARGUMENTS: dict[str, tuple[int, int]] = {
    "abs": (1, 1),
    "min": (2, 20),
    "max": (2, 20),
    "age": (1, 1),
    "quality": (1, 1),
    "sun_elevation": (0, 0),
    "first": (2, 5),
    "peers_median": (1, 1),
}

_TOKEN = re.compile(
    r"\s+"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<name>(?:site\.)?[A-Za-z_](?:[A-Za-z0-9_]|\{[a-z]\})*)"
    r"|(?P<operator>==|!=|<=|>=|[-+*/<>(),])"
)
_COMPARISONS: dict[str, Comparison] = {c: c for c in ("==", "!=", "<", "<=", ">", ">=")}
_RESERVED = frozenset({"and", "or", "not", "in", "true", "false"})
_MEND = {
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not` or `!=`",
    "=": "compare with `==`",
    ".": "only `site.<point>` has a dot",
    "[": "there are no subscripts",
    "%": "only + - * / are known",
    "^": "only + - * / are known",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of an expression; names and types are not checked yet.

    Raises:
        ExpressionError: not an expression of the language, or too large.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text)} characters, more than {MAX_LENGTH}", "make it simpler"
        )
    parser = _Parser(tuple(_tokens(text)))
    node = parser.condition(0)
    parser.end()
    windows = sum(isinstance(n, Call) and n.window_ms is not None for n in walk(node))
    if windows > MAX_WINDOWS:
        raise ExpressionError(f"{windows} windows are more than {MAX_WINDOWS}", "make it simpler")
    return node


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            piece = text[at]
            raise ExpressionError(f"{piece!r} does not belong here", _MEND.get(piece, ""), at)
        if match.lastgroup is not None:
            yield _Token(match.lastgroup, match.group(), at)
        at = match.end()
    yield _Token("end", "", len(text))


class _Parser:
    """Recursive descent; every level counts against MAX_DEPTH."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = tokens
        self._next = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> _Token | None:
        token = self._token
        if token.kind in ("operator", "name") and token.text in texts:
            self._next += 1
            return token
        return None

    def _demand(self, text: str) -> None:
        if self._take(text) is None:
            raise self._unexpected(f"a {text!r} is missing before")

    def _unexpected(self, what: str = "did not expect") -> ExpressionError:
        token = self._token
        return ExpressionError(f"{what} {token.text!r}" if token.text else f"{what} the end", "", token.at)

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def condition(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", "make it simpler", self._token.at)
        return self._joined("or", depth)

    def _joined(self, operator: Literal["and", "or"], depth: int) -> Node:
        at = self._token.at
        below = self._negation if operator == "and" else self._conjunction
        operands = [below(depth)]
        while self._take(operator):
            operands.append(below(depth))
        return operands[0] if len(operands) == 1 else Both(operator, tuple(operands), at)

    def _conjunction(self, depth: int) -> Node:
        return self._joined("and", depth)

    def _negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", "make it simpler", self._token.at)
        token = self._take("not")
        return Unary("not", self._negation(depth + 1), token.at) if token else self._comparison(depth)

    def _comparison(self, depth: int) -> Node:
        at = self._token.at
        left = self._sum(depth)
        pairs: list[Node] = []
        while True:
            token = self._token
            if self._take("in"):
                pairs.append(self._among(left, depth, negated=False, at=token.at))
            elif self._take("not"):
                self._demand("in")
                pairs.append(self._among(left, depth, negated=True, at=token.at))
            elif self._take(*_COMPARISONS):
                right = self._sum(depth)
                pairs.append(Compare(_COMPARISONS[token.text], left, right, token.at))
                left = right
            else:
                break
        if not pairs:
            return left
        return pairs[0] if len(pairs) == 1 else Both("and", tuple(pairs), at)

    def _among(self, operand: Node, depth: int, *, negated: bool, at: int) -> Among:
        self._demand("(")
        choices = [self._sum(depth + 1)]
        while self._take(",") and self._token.text != ")":
            choices.append(self._sum(depth + 1))
        self._demand(")")
        for choice in choices:
            if not isinstance(choice, Constant | Name | Unary):
                raise ExpressionError("`in` compares with fixed values", "write ('a', 'b')", choice.at)
        return Among(operand, tuple(choices), negated, at)

    def _sum(self, depth: int) -> Node:
        left = self._product(depth)
        while token := self._take("+", "-"):
            left = Binary("+" if token.text == "+" else "-", left, self._product(depth), token.at)
        return left

    def _product(self, depth: int) -> Node:
        left = self._factor(depth)
        while token := self._take("*", "/"):
            left = Binary("*" if token.text == "*" else "/", left, self._factor(depth), token.at)
        return left

    def _factor(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", "make it simpler", self._token.at)
        if token := self._take("-"):
            operand = self._factor(depth + 1)
            if isinstance(operand, Constant) and isinstance(operand.value, float):
                return Constant(-operand.value, token.at)
            return Unary("-", operand, token.at)
        if self._take("("):
            node = self.condition(depth + 1)
            self._demand(")")
            return node
        return self._atom(depth)

    def _atom(self, depth: int) -> Node:
        token = self._token
        if token.kind not in ("number", "text", "name"):
            raise self._unexpected()
        self._next += 1
        if token.kind == "number":
            value = float(token.text)
            if not math.isfinite(value):
                raise ExpressionError("the number is too large", "nothing measured reaches it", token.at)
            return Constant(value, token.at)
        if token.kind == "text":
            return Constant(token.text[1:-1], token.at)
        if token.text.lower() in ("true", "false"):
            return Constant(token.text.lower() == "true", token.at)
        if token.text in _RESERVED:
            raise ExpressionError(f"did not expect {token.text!r}", "", token.at)
        if self._take("("):
            return self._call(token, depth)
        return Name(token.text, token.at)

    def _call(self, name: _Token, depth: int) -> Call:
        function = name.text
        if function not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise ExpressionError(f"there is no function {function!r}", f"known are {known}", name.at)
        arguments: list[Node] = []
        if self._token.text != ")":
            arguments.append(self.condition(depth + 1))
            while self._take(","):
                arguments.append(self.condition(depth + 1))
        self._demand(")")
        wrong = ExpressionError(f"{function}() is used wrongly", f"write {FUNCTIONS[function]}", name.at)
        last = arguments[-1] if arguments else None
        has_window = len(arguments) == 2 and isinstance(last, Constant) and isinstance(last.value, str)
        if function in WINDOWED and not has_window:
            raise wrong
        if function in _OF_POINTS and arguments and not isinstance(arguments[0], Name):
            raise wrong
        if has_window and function in WINDOWED | _MAYBE_WINDOWED:
            return Call(function, (arguments[0],), _window_ms(arguments[1]), name.at)
        least, most = _PLAIN_ARGUMENTS[function]
        if not least <= len(arguments) <= most:
            raise wrong
        return Call(function, tuple(arguments), None, name.at)


def _window_ms(node: Node) -> int:
    text = node.value if isinstance(node, Constant) else None
    try:
        window = duration_ms(text)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        raise ExpressionError(f"the window {message}", remedy, node.at) from None
    if not 0 < window <= MAX_WINDOW_MS:
        raise ExpressionError(f"the window {text!r} is outside 1ms..7d", "choose another", node.at)
    return window
