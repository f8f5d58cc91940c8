"""YAML 1.2 texts as plain data with places, by the events of the parser."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.plain_yaml import KEY, NotPlainYamlError, read_plain


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None),
        ("true", True), ("FALSE", False), ("no", "no"), ("on", "on"), ("y", "y"),
        ("7", 7), ("-7", -7), ("+7", 7), ("007", 7), ("1_000", 1000), ("0x1F", 31), ("0o17", 15), ("0b1", "0b1"),
        ("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.5E-3", 0.0015), ("1_000.5", 1000.5),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf),
        ("12:30", "12:30"), ("1:2:3", "1:2:3"), ("2026-01-02", "2026-01-02"), ("1.2.3", "1.2.3"), ("-", "-"),
        (".", "."), ("..", ".."), ("1e", "1e"), ("e1", "e1"), ("0x", "0x"), ("+", "+"), ("<<", "<<"),
        ("'7'", "7"), ('"true"', "true"), ("''", ""), ('"a\\tb"', "a\tb"), ("'it''s'", "it's"),
        ("|\n  two\n  lines\n", "two\nlines\n"), (">-\n  two\n  words\n", "two words"),
        ("tcp://10.0.0.1:502", "tcp://10.0.0.1:502"), ("村部 # 注", "村部"), ("a#b", "a#b"),
    ],
)  # fmt: skip
def test_a_scalar_means_what_yaml_1_2_says(written, means):
    if not written.startswith(("- ", "-\n")) and written != "-":
        value = read_plain(f"key: {written}").data["key"]
        assert (type(value), value) == (type(means), means)
    if written and written[0] not in "|>" and " #" not in written:
        value = read_plain(f"[x, {written} ]").data[1] if written != "-" else means
        assert (type(value), value) == (type(means), means)


def test_nan_is_a_number():
    assert math.isnan(read_plain("a: .nan").data["a"])


def test_each_value_and_each_key_has_its_place():
    plain = read_plain("version: 1\ndevices:\n  - {id: a,  unit: 3}\n  -\n    id: 村\n    7: x\n")
    assert plain.data == {"version": 1, "devices": [{"id": "a", "unit": 3}, {"id": "村", 7: "x"}]}
    assert plain.places[()] == (1, 1)
    assert plain.places["devices",] == (3, 3)
    assert plain.places["devices", 0] == (3, 5)
    assert plain.places["devices", 0, "unit"] == (3, 20)
    assert plain.places["devices", 0, "unit", KEY] == (3, 14)
    assert plain.places["devices", 1] == (5, 5)
    assert plain.places["devices", 1, 7, KEY] == (6, 5)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", 2, 11, "duplicate key 'c'"),
        ("1: a\n'1': b\n1: c\n", 3, 1, "duplicate key '1'"),
        ("a: &x 1\nb: *x\n", 2, 4, "aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tags"),
        ("a: !secret x\n", 1, 4, "tags"),
        ("a: 1\n---\nb: 2\n", 2, 1, "more than one document"),
        ("a: [1\nb: 2\n", 2, 2, "not valid YAML"),
        ("a: 1\n b: 2\n", 2, 3, "not valid YAML"),
        ("a: \x01\n", 1, 1, "not valid YAML"),
        ("a: \ud800\n", 1, 1, "not valid YAML"),
    ],
)
def test_what_is_more_than_plain_data_is_refused_where_it_stands(text, line, column, says):
    with pytest.raises(NotPlainYamlError, match=says) as error:
        read_plain(text)
    assert (error.value.line, error.value.column) == (line, column)


@pytest.mark.parametrize(
    "bomb", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000, "a: " + "[" * 41 + "]" * 41]
)
def test_depth_is_refused_long_before_it_hurts(bomb):
    with pytest.raises(NotPlainYamlError, match="nested deeper|nesting depth"):
        read_plain(bomb)


def test_a_very_long_number_stays_a_text():
    assert read_plain("a: " + "9" * 5_000).data["a"] == "9" * 5_000


_TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=12)
_SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _TEXT


@given(st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner)))
def test_json_is_yaml(data):
    assert read_plain(orjson.dumps(data).decode()).data == data
