"""A YAML text that knows where each value stands, and refuses what could hurt."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from agent.document import MAX_BYTES, DocumentError, parse, path_text, read


class Device(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    unit: int = 1


class Site(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int
    devices: list[Device] = []


def faults(text: str, model=Site) -> list[str]:
    with pytest.raises(DocumentError) as error:
        read(model, parse(text, "s.yaml"))
    return [str(fault) for fault in error.value.faults]


def test_good_text_becomes_a_model():
    site = read(Site, parse("version: 1\ndevices:\n  - {id: a, unit: 3}\n", "s.yaml"))
    assert site.devices[0].unit == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1\ndevices:\n  - {id: a, unit: x}\n", "s.yaml:3:19: input should be a valid integer"),
        ("version: 1\ndevices:\n  - {id: a, units: 3}\n", "s.yaml:3:13: unknown key 'units'; remove it"),
        ("version: 1\ndevices:\n  - unit: 3\n", "s.yaml:3:5: the key 'id' is missing; add it"),
        ("devices: []\n", "s.yaml:1:1: the key 'version' is missing"),
    ],
)
def test_each_fault_names_its_line_and_column(text, says):
    assert faults(text)[0].startswith(says)


def test_all_faults_are_told_at_once_in_their_order():
    assert [line.split(":")[1] for line in faults("version: x\nfoo: 1\ndevices:\n  - unit: y\n")] == [
        "1",
        "2",
        "4",
        "4",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "duplicate key"),
        ("a: &x 1\nb: *x\n", "aliases"),
        ("a: [1\n", "not valid YAML"),
        ("a: {[x]: y}\n", "s.yaml:1:5: a key must be a plain word"),
        ("? {x: y}\n: z\n", "s.yaml:1:3: a key must be a plain word"),
        ("- 1\n", "keys and values at the top"),
        ("", "keys and values at the top"),
        ("\t", "not valid YAML"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("a: 'x\n", "not valid YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text, says):
    with pytest.raises(DocumentError, match=says):
        parse(text, "s.yaml")


def test_text_that_is_not_utf8_names_the_line():
    with pytest.raises(DocumentError, match="s.yaml:2:1: the file is not UTF-8"):
        parse(b"a: 1\nb: \xff\n", "s.yaml")


def test_no_and_clock_times_stay_text():
    assert parse("a: no\nb: off\nc: 12:30\n", "s.yaml").data == {"a": "no", "b": "off", "c": "12:30"}


def test_an_alias_bomb_and_a_huge_file_are_refused_at_once():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.monotonic()
    with pytest.raises(DocumentError, match="aliases"):
        parse(bomb, "s.yaml")
    with pytest.raises(DocumentError, match="larger than"):
        parse("a: 1\n" * MAX_BYTES, "s.yaml")
    assert time.monotonic() - started < 2


def test_paths_read_like_the_file():
    assert path_text(("devices", 0, "unit")) == "devices[0].unit"


@given(st.text(max_size=60))
def test_any_text_gives_a_document_or_a_document_error(text):
    try:
        assert isinstance(parse(text, "s.yaml").data, dict)
    except DocumentError as error:
        assert error.faults
