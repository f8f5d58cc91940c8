"""What a profile file can say of a point beyond address, type and scale, and what it cannot."""

import pytest

from agent.document import DocumentError, parse
from agent.modbus.meaning import judge
from agent.profile_file import read_profile, with_ratios

HEAD = """\
version: 1
profile: x
kind: inverter
vendor: V
model: M
title: {en: X, zh: 某}
"""


def profile_of(point, link="{}"):
    return read_profile(parse(f"{HEAD}link: {link}\npoints:\n  - {{{point}}}\n", "x.yaml"))


def fault_of(point):
    with pytest.raises(DocumentError) as caught:
        profile_of(point)
    (fault,) = caught.value.faults
    assert fault.line == 9
    return str(fault)


@pytest.mark.parametrize(
    ("keys", "start", "words", "value"),
    [
        ("name: dc_power_kw, address: 50, type: i32, scale: 0.001, high_register: 53", 50, [0, 0, 0, 1], 65.536),
        ("name: module_count, address: 50, type: u16, mask: 0x00F0", 50, [0x0230], 3.0),
        ("name: dc_power_kw, address: 50, type: u16, plus: {51: 1}, scale: 0.001", 50, [700, 800], 1.5),
        ("name: energy_total_kwh, address: 50, type: u16, plus: {49: 1000}", 49, [3, 21], 3_021.0),
        ("name: dc_power_kw, address: 50, type: u16, sign_register: {address: 48, mask: 4}", 48, [4, 0, 9], -9.0),
        ("name: dc_current_a, address: 50, type: u16, times_register: 51", 50, [7, 40], 280.0),
        ("name: dc_current_a, address: 50, type: u16, times_register: [51, 52]", 50, [7, 40, 2], 560.0),
        ("name: dc_current_a, address: 50, type: u16, scale_register: {address: 51, scales: {1: 0.1}}", 50, [7, 1], 0.7),
        ("name: dc_current_a, address: 50, type: u16, scale_register: {address: 51, mask: 0xF}", 50, [7, 0xF1], 70.0),
        ("name: dc_voltage_v, address: 50, type: bcd16, scale: 0.1", 50, [0x2301], 230.1),
        ("name: serial, address: 50, type: hex:2", 50, [0x1234, 0x5678], "12345678"),
        ("name: firmware, address: 50, type: bytes:2", 50, [0x0102, 0x0300], "1.2.3.0"),
        ("name: serial, address: 50, type: string:1, byte_order: little", 50, [0x4241], "AB"),
        ('name: state, address: 50, type: u16, states: {0: "off", "1-5": running, 0x10-0x1F: fault}', 50, [4], "running"),
        ('name: state, address: 50, type: u16, states: {0: "off", "1-5": running, 0x10-0x1F: fault}', 50, [31], "fault"),
    ],
)  # fmt: skip
def test_what_real_devices_need_can_be_said(keys, start, words, value):
    (point,) = profile_of(f"{keys}, table: holding").points
    assert (point.span.start, point.span.count) == (start, len(words))
    assert judge(point, words)[0] == pytest.approx(value)


def test_the_orders_of_the_link_hold_where_a_point_names_none():
    link = "{word_order: little, byte_order: little}"
    (point,) = profile_of("name: dc_voltage_v, table: input, address: 0, type: f32", link).points
    assert judge(point, [0x0040, 0x6643])[0] == 230.25
    (point,) = profile_of(
        "name: dc_voltage_v, table: input, address: 0, type: f32, byte_order: big", link
    ).points
    assert judge(point, [0x4000, 0x4366])[0] == 230.25


def test_a_device_clock_has_the_layout_of_its_type():
    (point,) = profile_of(
        "name: device_clock_offset_s, table: holding, address: 9, type: time_bytes, utc: true"
    ).points
    assert (point.span.count, point.unit, point.format.utc) == (3, "s", True)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("name: dc_power_kw, type: u16, mask: 0x10000", "does not fit u16"),
        ("name: dc_power_kw, type: f32, mask: 0xFF", "mask needs a whole number"),
        ("name: dc_power_kw, type: u16, mask: 0", "greater than 0"),
        ("name: dc_power_kw, type: u16, high_register: 9", "a number of two registers"),
        ("name: dc_power_kw, type: u16, plus: {2: 0}", "scale 0"),
        ("name: dc_power_kw, type: u16, times_register: [2, 3, 4, 5]", "at most 3"),
        ("name: dc_power_kw, type: u16, times_register: 70000", "70000 is no address"),
        ("name: dc_power_kw, type: u16, times_register: 300", "300 registers"),
        ("name: dc_power_kw, type: u16, sign_register: {address: 2, mask: 0x10000}", "less than 65536"),
        ("name: dc_power_kw, type: u16, scale_register: {address: 2, scales: {}}", "at least 1"),
        ("name: serial, type: string:2, plus: {3: 1}", "plus goes with a number"),
        ("name: state, type: u16, states: {0: off}, scale_register: 2", "scale_register goes with a number"),
        ("name: state, type: u16, mask: 0xF, states: {16: off}", "does not fit the 4 bits of the mask"),
        ("name: fault_code, type: u16, mask: 0xF0, bits: {4: {en: A, zh: 甲}}", "bit 4 does not exist"),
        ('name: state, type: u16, states: {"5-1": off}', "5-1 is no range"),
        ('name: state, type: u16, states: {"0-4000": off}', "0-4000 is no range"),
        ('name: state, type: u16, states: {2: off, "1-3": running}', "the state 2 is named twice"),
        ("name: dc_power_kw, type: u16, wraps_at: 1000", "goes with `counter: true`"),
        ("name: dc_power_kw, type: u16, max_rate: -1", "greater than or equal to 0"),
        ("name: dc_power_kw, type: time_unix", "go together"),
        ("name: device_clock_offset_s, type: u32", "go together"),
        ("name: dc_power_kw, type: u16, utc: true", "utc goes with"),
    ],
)
def test_what_does_not_fit_together_is_told(keys, problem):
    assert problem in fault_of(f"table: input, address: 1, {keys}")


def test_what_a_counter_can_do_goes_with_the_transformers_ratio():
    keys = "table: input, address: 1, type: u32, wraps_at: 1000000, max_rate: 0.5"
    (point,) = with_ratios(profile_of(f"name: energy_total_kwh, {keys}"), ct_ratio=40, pt_ratio=2).points
    assert (point.format.scale, point.wraps_at, point.max_rate) == (80.0, 80_000_000.0, 40.0)
