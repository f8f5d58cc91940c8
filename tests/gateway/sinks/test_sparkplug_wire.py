"""The bytes of a payload, held against Google's own protobuf, both ways."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sinks.sparkplug_wire import (
    DataType,
    MalformedError,
    alias_of,
    flags,
    metric,
    name_of,
    payload,
    property_set,
)
from tests.gateway.sinks.sparkplug_reference import Payload, command, properties, read, value_of

numbers = st.integers(min_value=0, max_value=2**63 - 1)
texts = st.text(max_size=40)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False),
    texts,
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
)


@given(numbers, numbers, values, texts, numbers, st.booleans(), st.sampled_from([None, *DataType]))
def test_what_we_write_is_what_the_reference_reads(sent_ms, seq, value, name, alias, historical, datatype):
    called = name_of(name) + alias_of(alias)
    said = read(
        "a/b/c/d",
        payload(sent_ms, [metric(called, value, seq, datatype=datatype, historical=historical)], seq),
    )
    (found,) = said.metrics
    assert (said.payload.timestamp, said.seq) == (sent_ms, seq)
    assert (found.name, found.alias, found.timestamp, found.is_historical) == (name, alias, seq, historical)
    assert (found.datatype if found.HasField("datatype") else None) == datatype
    assert value_of(found) == value
    assert type(value_of(found)) is type(value)


def test_numbers_that_are_none_keep_their_bits():
    (found,) = read("a/b/c/d", payload(1, [metric(b"", math.nan, 1)], 0)).metrics
    assert math.isnan(found.double_value)


@pytest.mark.tck(
    "tck-id-payloads-propertyset-keys-array-size", "tck-id-payloads-propertyset-values-array-size"
)
@given(st.dictionaries(texts, texts, max_size=5), st.sampled_from([None, 0, 192, 500]))
def test_properties_have_as_many_keys_as_values(said, quality):
    wanted = {**said} if quality is None else {**said, "Quality": quality}
    set_ = property_set([item for item in said.items() if item[0] != "Quality"], quality)
    (found,) = read("a/b/c/d", payload(1, [metric(b"", 1.0, 1, properties=set_)], 0)).metrics
    wanted = {key: value for key, value in wanted.items() if key != "Quality" or value == quality}
    assert properties(found) == wanted


def test_a_message_without_a_number_has_none():
    assert read("a/b/c/d", payload(1, (), None)).seq is None


@given(st.dictionaries(texts, st.one_of(st.booleans(), st.floats()), max_size=5))
def test_commands_of_the_reference_are_understood(asked):
    message = Payload(timestamp=1, seq=300)
    for name, value in asked.items():
        one = message.metrics.add(name=name, alias=2, timestamp=1, datatype=11)
        if isinstance(value, bool):
            one.boolean_value = value
        else:
            one.double_value = value
    wanted = {name: value if isinstance(value, bool) else None for name, value in asked.items()}
    assert flags(message.SerializeToString()) == wanted


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_command_or_malformed(said):
    with contextlib.suppress(MalformedError):
        flags(said)


@pytest.mark.parametrize("kept", range(len(command())))
def test_a_command_that_was_cut_off_is_not_half_believed(kept):
    with contextlib.suppress(MalformedError):
        assert "Node Control/Rebirth" not in flags(command()[:kept])


def test_a_huge_command_is_not_looked_at():
    with pytest.raises(MalformedError, match="no command"):
        flags(command() * 100_000)
