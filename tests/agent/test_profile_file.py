"""A profile file becomes a profile, or says everything that is wrong with it and where."""

import pytest

from agent.document import DocumentError, parse
from agent.modbus.address import Table
from agent.profile import Format
from agent.profile_file import read_profile, warnings_of, with_ratios
from agent.reading import Text

HEAD = """\
version: 1
profile: x
kind: meter
vendor: V
model: M
title: {en: X, zh: 某}
"""
GOOD = (
    HEAD
    + """\
link: {word_order: little, max_registers: 80, gap: 60ms, forbidden: [[4000, 10]]}
every: 2s
points:
  - {name: active_power_kw, table: input, address: 52, type: f32, scale: 0.001}
  - {name: energy_import_kwh, table: input, address: 72, type: u32, word_order: big, every: 10s}
  - {name: temperature_c, table: holding, address: 42, type: i16, scale: 0.1, absent: [-32768]}
  - {name: ac_voltage_l1_v, table: holding, address: 50, type: i16, scale_register: 48, range: [0, 500]}
  - {name: fault_code, table: holding, address: 60, type: u16, bits: {0: {en: Fan, zh: 风扇}}}
  - {name: mode, table: holding, address: 61, type: u16, states: {0: off, 1: on}, unit: "", label: {en: Mode, zh: 模式}}
  - {name: serial, table: holding, address: 70, type: string:8}
  - {name: under_test, table: coil, address: 3, type: bool, unit: "", label: {en: Under test, zh: 测试中}}
samples:
  - {input: {"52": [32768, 17595]}, expect: {active_power_kw: 1.5}}
"""
)


def profile_of(text, file="x.yaml"):
    return read_profile(parse(text, file))


def faults_of(text, file="x.yaml"):
    with pytest.raises(DocumentError) as caught:
        profile_of(text, file)
    return [str(fault) for fault in caught.value.faults]


def test_the_parts_of_a_profile():
    profile = profile_of(GOOD)
    assert (profile.name, profile.kind, profile.every_ms) == ("x", "meter", 2_000)
    assert profile.link.gap_ms == 60
    power, energy, temperature, voltage, fault, mode, serial, flag = profile.points
    assert power.format == Format("f32", 2, "little", scale=0.001)
    assert (power.unit, power.label) == ("kW", Text("Active power", "有功功率"))
    assert energy.counter
    assert (energy.every_ms, energy.format.word_order) == (10_000, "big")
    assert temperature.format.absent == {0x8000}
    assert voltage.format.scale_at == -2
    assert voltage.span.count == 3
    assert fault.format.bits == {0: Text("Fan", "风扇")}
    assert mode.format.states == {0: "off", 1: "on"}
    assert serial.format == Format("string", 8, "little")
    assert flag.table is Table.COIL
    assert profile.samples[0].input == {52: (32768, 17595)}
    assert profile.samples[0].expect == {"active_power_kw": 1.5}


POINT = "  - {{name: active_power_kw, table: input, address: 1, type: f32}}\n  - {{{}}}\n"


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        ("name: temperature_c, table: input, address: 70000, type: u16", "70000 is no address"),
        ("name: temperature_c, table: input, address: 65535, type: u32", "65535+2 is outside"),
        ("name: temperature_c, table: register, address: 1, type: u16", "'register' is not allowed"),
        ("name: temperature_c, table: input, address: 1, type: u24", "'u24' is not a type"),
        ("name: temperature_c, table: coil, address: 1, type: u16", "a coil holds a bool"),
        ("name: temperature_c, table: input, address: 1, type: u16, colour: red", "unknown key 'colour'"),
        ("name: temperature_c, table: input, address: 1", "the key 'type' is missing"),
        ("name: temperature_c, table: input, address: 1, type: u16, scale: 0", "scale 0"),
        ("name: temperature_c, table: input, address: 1, type: u16, scale: .inf", "a finite number"),
        ("name: state, table: input, address: 1, type: u16, states: {70000: on}", "does not fit u16"),
        ("name: temperature_c, table: input, address: 1, type: u16, range: [5, 5]", "is empty"),
        ("name: temperature_c, table: input, address: 1, type: u16, unit: K", "is in '°C', not 'K'"),
        ("name: temperature_c, table: input, address: 1, type: string:4", "is a number, here it is a string"),
        ("name: temperature_c, table: input, address: 1, type: u16, absent: [70000]", "does not fit u16"),
        ("name: temperature_c, table: input, address: 1, type: u16, every: 5", "5 is not a duration"),
        ("name: active_power_kw, table: input, address: 9, type: u16", "already defined at points[0]"),
        ("name: fault_code, table: input, address: 1, type: u16", "is a string, here it is a number"),
        ("name: fault_code, table: input, address: 1, type: u16, bits: {16: {en: A, zh: 甲}}", "bit 16 does"),
        ("name: fault_code, table: input, address: 1, type: f32, bits: {}", "need a whole number"),
        ("name: probe, table: input, address: 1, type: u16, unit: '°C'", "needs a label"),
        ("name: probe, table: input, address: 1, type: u16, label: {en: A, zh: 甲}", "needs a unit"),
        ("name: probe, table: input, address: 1, type: u16, unit: '', label: {en: A}", "key 'zh' is missing"),
        ("name: temperature_c, table: input, address: 1, type: u16, scale_register: 300", "300 registers"),
        ("name: temperature_c, table: input, address: 4005, type: u16", "says never to read"),
    ],
)
def test_a_wrong_point_is_told_with_its_line(point, problem):
    head = HEAD + "link: {forbidden: [[4000, 10]]}\npoints:\n"
    (fault,) = faults_of(head + POINT.format(point))
    assert fault.startswith("x.yaml:10:")
    assert problem in fault


@pytest.mark.parametrize(
    ("kind", "name", "state", "fits"),
    [
        ("inverter", "state", "running", True),
        ("inverter", "state", "charging", False),
        ("battery", "state", "charging", True),
        ("charger", "connector_state", "suspended_ev", True),
        ("charger", "connector_state", "SuspendedEV", False),
        ("inverter", "battery_state", "idle", True),
    ],
)
def test_states_of_standard_points_have_standard_names(kind, name, state, fits):
    text = HEAD.replace("meter", kind) + (
        f"points: [{{name: {name}, table: input, address: 1, type: u16, states: {{0: {state}}}}}]\n"
    )
    if fits:
        assert profile_of(text).points[0].format.states == {0: state}
    else:
        assert f"'{state}' is not a name for '{name}'" in faults_of(text)[0]


@pytest.mark.parametrize(
    ("text", "file", "problem"),
    [
        (GOOD, "y.yaml", "y.yaml:2:10: the profile is called 'x' but its file 'y.yaml'"),
        (HEAD, "x.yaml", "the profile has no points"),
        (GOOD.replace("expect: {active", "expect: {reactive"), "x.yaml", "which is no point of this profile"),
        (GOOD.replace("kind: meter", "kind: gateway"), "x.yaml", "'gateway' is not allowed here"),
        (GOOD.replace("[[4000, 10]]", "[[4000, -1]]"), "x.yaml", "x.yaml:7:"),
        (GOOD.replace("[32768, 17595]", "[99999, 17595]"), "x.yaml", "less than or equal to 65535"),
        (GOOD.replace("version: 1", "version: 2"), "x.yaml", "x.yaml:1:10: 2 is not allowed here"),
    ],
)
def test_a_wrong_profile_is_told(text, file, problem):
    assert any(problem in fault for fault in faults_of(text, file))


def test_everything_wrong_is_told_at_once():
    text = GOOD.replace("address: 52", "address: -1").replace("i16, scale: 0.1", "i17").replace("en: X, ", "")
    assert [fault.split(":")[1] for fault in faults_of(text)] == ["6", "10", "12"]


def test_a_wrong_shape_hides_nothing_else():
    text = (
        GOOD.replace("gap: 60ms", "gap: 60")
        .replace("vendor: V\n", "")
        .replace("address: 42", "address: 4001")
    )
    text = text.replace("table: input, address: 72, type: u32", "table: coil, address: 72, type: u32")
    assert [fault.split(":")[1] for fault in faults_of(text)] == ["1", "6", "10", "11"]


@pytest.mark.parametrize(
    ("points", "warnings"),
    [
        (
            "- {name: active_power_kw, table: input, address: 1, type: f32}",
            ["a meter should have 'energy_import_kwh'", "no samples"],
        ),
        (
            """\
- {name: active_power_kw, table: input, address: 1, type: f32}
- {name: energy_import_kwh, table: input, address: 3, type: f32}
- {name: soc_pct, table: input, address: 5, type: f32}
""",
            ["no samples", "'soc_pct' is no standard point of kind meter"],
        ),
    ],
)
def test_what_only_weakens_a_profile_is_a_warning(points, warnings):
    document = parse(HEAD + "points:\n" + points, "x.yaml")
    found = warnings_of(read_profile(document), document)
    assert all(fault.level == "warning" for fault in found)
    assert len(found) == len(warnings)
    assert all(wanted in fault.message for wanted, fault in zip(warnings, found, strict=True))


def test_transformer_ratios_multiply_what_flows_through_them():
    profile = with_ratios(profile_of(GOOD), ct_ratio=40, pt_ratio=10)
    scales = {point.name: point.format.scale for point in profile.points}
    assert scales["active_power_kw"] == pytest.approx(0.4)
    assert scales["energy_import_kwh"] == pytest.approx(400)
    assert scales["ac_voltage_l1_v"] == pytest.approx(10)
    assert scales["temperature_c"] == pytest.approx(0.1)
    voltage = profile.point("ac_voltage_l1_v")
    assert voltage is not None
    assert voltage.format.range == (0, 5_000)


def test_a_meter_that_knows_its_ratios_is_left_alone():
    profile = profile_of(GOOD + "ratio_applied: true\n")
    assert with_ratios(profile, 40, 1) is profile


SUNSPEC = (
    HEAD.replace("meter", "inverter")
    + """\
sunspec:
  assume: [1, 103]
  points:
    - {name: ac_power_kw, find: [701.W, 101-103.W], scale: 0.001}
    - {name: "dc_current_{n}_a", find: ["160.module[{n}].DCA"]}
    - {name: state, find: [103.St], states: {MPPT: running}}
"""
)


def test_a_sunspec_profile_names_models_and_points():
    sunspec = profile_of(SUNSPEC).sunspec
    assert sunspec is not None
    assert sunspec.bases == (40000, 50000, 0)
    power, current, state = sunspec.points
    assert power.models == ((701, "W"), (101, "W"), (102, "W"), (103, "W"))
    assert power.unit == "kW"
    assert current.models == ((160, "module[{n}].DCA"),)
    assert state.states == {"MPPT": "running"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("701.W", "W", "'W' names no SunSpec point"),
        ('"160.module[{n}].DCA"', "160.DCA", "must both have {n} or neither"),
        ("MPPT: running", "MPPT: going", "'going' is not a name for 'state'"),
        ("assume: [1, 103]", "assume: []", "at least 1 item"),
        ("name: state", "name: ac_power_kw", "already defined"),
        ("103.St", "103.Stat", "SunSpec model 103 has no point 'Stat'"),
        ("module[{n}].DCA", "string[{n}].DCA", "SunSpec model 160 has no point 'string[{n}].DCA'"),
        ("assume: [1, 103]", "assume: [1, 63999]", "SunSpec has no model 63999"),
    ],
)
def test_a_wrong_sunspec_part_is_told(old, new, problem):
    assert problem in faults_of(SUNSPEC.replace(old, new))[0]


KNOWN = """\
identify:
  registers:
    - {table: holding, address: 64514, type: u16, equals: [0x0070]}
    - {table: holding, address: 30000, type: "string:8", text: ["SUN2000*"]}
    - {table: input, address: 70, type: f32, range: [45, 65]}
  vendor: ["Schneider*"]
"""


def test_what_a_device_is_known_by():
    identify = profile_of(GOOD + KNOWN).identify
    code, text, frequency = identify.marks
    assert (code.table, code.address, code.equals) == (Table.HOLDING, 64514, (0x70,))
    assert (text.format, text.texts) == (Format("string", 8, "little"), ("SUN2000*",))
    assert (frequency.format, frequency.range) == (Format("f32", 2, "little"), (45, 65))
    assert (identify.vendor, identify.product) == (("Schneider*",), ())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("registers: [{table: input, address: 0, type: u16}]", "known by equals, text or range"),
        (
            "registers: [{table: input, address: 0, type: u16, equals: [1], range: [0, 1]}]",
            "exactly one of them",
        ),
        ("registers: [{table: input, address: 0, type: u16, text: [A]}]", "text needs a string, not u16"),
        (
            "registers: [{table: input, address: 0, type: i16, equals: [1]}]",
            "equals needs a whole number without sign",
        ),
        ("registers: [{table: input, address: 0, type: 'string:2', range: [0, 1]}]", "range needs a number"),
        ("registers: [{table: coil, address: 0, type: u16, equals: [1]}]", "a coil holds a bool"),
        ("registers: [{table: input, address: 65535, type: u32, equals: [1]}]", "outside 0..65535"),
        ("registers: [{table: holding, address: 4005, type: u16, equals: [1]}]", "the mark lies in 4000+10"),
        ("registers: [{table: holding, address: 0, type: 'string:99', text: [A]}]", "the link allows 80"),
        ("registers: []", "nothing is said to know the device by"),
    ],
)
def test_a_mark_that_cannot_be_read_or_compared(line, told):
    (fault,) = faults_of(GOOD + "identify: {" + line + "}\n")
    assert told in fault
