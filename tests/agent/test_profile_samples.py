"""A sample that says something else than its own registers is told with its line."""

import pytest

from agent.document import DocumentError, parse
from agent.profile_file import read_profile

PROFILE = """\
version: 1
profile: x
kind: inverter
vendor: V
model: M
title: {en: X, zh: 某}
every: 2s
points:
  - {name: ac_power_kw, table: input, address: 52, type: f32, scale: 0.001}
  - {name: dc_power_kw, table: holding, address: 50, type: i16, scale: 0.001, scale_register: 51}
  - {name: temperature_c, table: holding, address: 42, type: i16, scale: 0.1, absent: [0x8000], range: [-40, 100]}
  - {name: state, table: holding, address: 40, type: u16, states: {1: running, 2: fault}}
  - {name: fault_code, table: holding, address: 41, type: u16, bits: {0: {en: Over-voltage, zh: 过压}}}
samples:
"""
SAMPLE = '  - {{holding: {{"40": [1, 9, {temperature}], "50": [25, 2]}}, input: {{"52": [17595, 32768]}}, expect: {expect}}}\n'


def faults_of(expect: str, temperature: int = 561) -> list[tuple[int, str, str]]:
    text = PROFILE + SAMPLE.format(temperature=temperature, expect=expect)
    try:
        read_profile(parse(text, "x.yaml"))
    except DocumentError as error:
        return [(fault.line, fault.path.rpartition(".")[2], fault.message) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    "expect",
    [
        "{ac_power_kw: 1.5, dc_power_kw: 2.5, temperature_c: 56.1, state: running, fault_code: '0,3'}",
        "{ac_power_kw: 1.501, temperature_c: 56}",
    ],
)
def test_what_agrees_within_rounding_is_good(expect):
    assert faults_of(expect) == []


def test_what_the_device_does_not_say_is_null():
    assert faults_of("{temperature_c: null}", temperature=0x8000) == []


@pytest.mark.parametrize(
    ("expect", "temperature", "says"),
    [
        ("{ac_power_kw: 1.6}", 561, "expects 1.6 for 'ac_power_kw', but its registers say 1.5"),
        ("{state: fault}", 561, "expects 'fault' for 'state', but its registers say 'running'"),
        ("{temperature_c: 1}", 0x8000, "but its registers give no value: the device says not available"),
        ("{temperature_c: 200}", 2000, "give no value: 200 is outside -40..100"),
        ("{temperature_c: null}", 561, "expects None for 'temperature_c', but its registers say 56.1"),
        ("{ac_voltage_l1_v: 230}", 561, "which is no point of this profile"),
    ],
)
def test_what_disagrees_is_told(expect, temperature, says):
    ((line, name, message),) = faults_of(expect, temperature)
    assert (line, name) == (15, expect[1:].partition(":")[0])
    assert says in message


def test_a_register_that_the_sample_lacks_is_named():
    text = PROFILE + '  - {holding: {"50": [25]}, expect: {dc_power_kw: 2.5}}\n'
    with pytest.raises(DocumentError, match="the sample has no holding 51, which 'dc_power_kw' needs"):
        read_profile(parse(text, "x.yaml"))
