"""Five hundred texts that are no rule's business: each is refused at load, in one line, in a moment."""

import itertools
import time

import pytest

from agent.rules.check import Type, check
from agent.rules.expression import ExpressionError, parse

MOST_CPU_S = 0.05

PYTHON = [
    "__import__('os').system('id')", "eval('1')", "exec('x=1')", "open('/etc/passwd')", "compile('1','','eval')",
    "globals()", "locals()", "vars()", "dir()", "getattr(a, 'b')", "setattr(a, 'b', 1)", "print(1)", "input()",
    "a.b", "a.__class__", "''.__class__.__mro__", "().__class__", "a[0]", "a['b']", "a[1:2]", "{1: 2}", "{1}", "[1]", "(1, 2)",
    "lambda: 1", "lambda x: x", "(lambda: 1)()", "[x for x in a]", "{x for x in a}", "(x for x in a)", "a if b else c",
    "a := 1", "(a := 1) > 0", "a = 1", "a += 1", "f'{a}'", 'f"{a}"', "rb'x'", "b'x'", "u'x'", "'''x'''", "a ** b", "2 ** 9999999",
    "9 ** 9 ** 9", "a // b", "a % b", "a << 1", "a >> 1", "a | b", "a & b", "a ^ b", "~a", "a @ b", "not", "a is b", "a is not None",
    "*a", "**a", "max(*a)", "max(**a)", "yield a", "await a", "async a", "import os", "from os import path", "del a", "pass", "return a",
    "raise a", "assert a", "global a", "class A: pass", "def f(): pass", "while True: pass", "for x in a: pass", "with a: pass", "try: a",
    "a; b", "a\nb > 1\nc", "a > 1 # comment", "\\", "`a`", "$a", "a!", "!a", "a ? b : c", "a && b", "a || b", "a <> b", "a === b",
]  # fmt: skip
NUMBERS = [
    "nan > 1", "inf > 1", "-inf > a", "1e999 > a", "1e400 > a", "a > 1e309", "0x10 > a", "0o7 > a", "0b1 > a", "1_000 > a",
    "1j > a", "1e > a", "1.2.3 > a", "1..2 > a", ".e1 > a", "٣ > a", "1e+ > a", "--", "+", "1 2 > a", "9" * 500 + "e9 > a",
]  # fmt: skip
NAMES = [
    "а > 1", "ａ > 1", "a\u200b > 1", "a\u202e > 1", "\ufeffa > 1", "é > 1", "温度 > 1", "site > 1", "site. > 1", "site.a.b > 1",
    "SITE.a > 1", "A > 1", "a-b-c. > 1", "a{n} > 1 {", "{n} > 1", "a{m} > 1", "a{n}{n}{ > 1", "a\x00 > 1", "a\x1b[31m > 1", "\t", "",
    " ", "\n", "'a' 'b'", "'a", "a'", '"a', "'\\x00'", "'\\n'", "''' > a",
]  # fmt: skip
CALLS = [
    "avg(a)", "avg()", "avg(a, b)", "avg(a, 10)", "avg(a, '10')", "avg(a, '10x')", "avg(a, '-1m')", "avg(a, '0s')", "avg(a, '8d')",
    "avg(a, '999999999999d')", "avg(a, '1m', '1m')", "avg('a', '1m') >", "rate(a, '7d1s')", "delta(a, 'NaN')", "age(1)", "age()", "age(a, b)",
    "age('a')", "quality(1)", "quality(a + b)", "sun_elevation(1)", "sun_elevation", "abs(a, b)", "abs()", "max(a)", "min()", "duration(a)",
    "count_events(a, '24h', 1)", "unknown(a)", "avg (a, '1m') (b)", "avg(avg(a, '1m'), '1m') >", "first()", "AVG(a, '1m')", "max(a,,b)", "max(a b)",
    "max(,)", "a()", "a(b)", "site.a()", "avg(a, '1m'", "avg a, '1m')", "avg(a; '1m')", "avg(window=a)", "avg(a, window='1m')",
]  # fmt: skip
DEEP = [
    "(" * depth + "a > 1" + ")" * depth for depth in range(25, 295, 5)
] + ["not " * depth + "a > 1" for depth in range(30, 140, 5)] + ["-" * depth + "a > 1" for depth in range(30, 550, 20)] + [
    "abs(" * depth + "a" + ")" * depth + " > 1" for depth in range(25, 115, 5)
]  # fmt: skip
LONG = (
    [" and ".join(["a > 1"] * count) for count in range(75, 95)]
    + ["a > " + "1" * length for length in (700, 5_000, 1_000_000)]
    + ["'" + "x" * length + "' == a" for length in (700, 100_000, 1_000_000)]
    + ["a" * length + " > 1" for length in (700, 100_000, 1_000_000)]
    + [" " * length + "a > 1" for length in (700, 1_000_000)]
    + [" + ".join(f"avg(a, '{n}m')" for n in range(1, count)) + " > 1" for count in range(15, 30)]
)
CUT = [
    text[:end]
    for text in (
        "avg(ac_power_kw, '10m') > 5 and (state == 'fault' or not closed)",
        "a >= 10 and b in (1, 2, 3)",
    )
    for end in range(1, len(text))
]
SPOILT = [
    f"a {left}{right} 1" for left, right in itertools.product(["<", ">", "=", "!", "+", "*", "/", ",", ".", ")", "("], repeat=2)
]  # fmt: skip


KNOWN: dict[str, Type] = {
    "a": "number",
    "b": "number",
    "c": "number",
    "state": "string",
    "closed": "bool",
    "ac_power_kw": "number",
}


def type_of(name):
    if name.name not in KNOWN:
        raise ExpressionError(f"there is no {name.name}", "", name.at)
    return KNOWN[name.name]


def load(text):
    """As a rule's `when` is loaded."""
    if check(parse(text), type_of) != "bool":
        raise ExpressionError("this is no condition")


def refused(text):
    try:
        load(text)
    except ExpressionError:
        return True
    return False


def cpu_s(text):
    """The least of three attempts: what else the process has to do is not the text's doing."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        refused(text)
        spent.append(time.process_time() - began)
    return min(spent)


HOSTILE = list(dict.fromkeys([*PYTHON, *NUMBERS, *NAMES, *CALLS, *DEEP, *LONG]))
ODD = [text for text in dict.fromkeys([*CUT, *SPOILT]) if text not in HOSTILE]
"""Cut off or misspelt: some are still an expression, and then a harmless one."""


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:40]))
def test_it_is_refused_with_one_line_that_says_where(text):
    with pytest.raises(ExpressionError) as refusal:
        load(text)
    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 400
    assert 0 <= refusal.value.at <= len(text)
    assert cpu_s(text) <= MOST_CPU_S


def test_there_are_five_hundred_of_them():
    assert len(HOSTILE) + sum(map(refused, ODD)) >= 500


@pytest.mark.parametrize("text", ODD)
def test_what_is_cut_off_or_misspelt_is_refused_or_harmless_and_nothing_else(text):
    assert cpu_s(text) <= MOST_CPU_S  # any other error would come through
