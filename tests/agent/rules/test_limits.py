"""The numbers that charts draw beside a point."""

import pytest

from agent.rules.limits import Limit, limits_of
from tests.agent.rules.conftest import rules_of


def limits(body: str, params=None, channel=None):
    (rule,) = rules_of(f"id: X-01, severity: low, {body}")
    return [(f.point, f.operator, f.number, f.purpose) for f in limits_of(rule, params or {}, channel)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("scope: {kind: meter}, when: frequency_hz > 50.2", [("frequency_hz", ">", 50.2, "when")]),
        ("scope: {kind: meter}, when: 50.2 < frequency_hz", [("frequency_hz", ">", 50.2, "when")]),
        (
            (
                "scope: {kind: battery}, params: {hi: 55.0, band: 10.0}, when: cell_temperature_max_c >= hi, "
                "clear: cell_temperature_max_c <= hi - band"
            ),
            [("cell_temperature_max_c", ">=", 55.0, "when"), ("cell_temperature_max_c", "<=", 45.0, "clear")],
        ),
        (
            (
                "scope: {kind: battery}, when: cell_temperature_max_c > 45, "
                "steps: [{when: cell_temperature_max_c > 55, severity: high}]"
            ),
            [("cell_temperature_max_c", ">", 45.0, "when"), ("cell_temperature_max_c", ">", 55.0, "step")],
        ),
        (
            "scope: {kind: meter}, when: \"max(avg(ac_voltage_l1_v, '10m'), ac_voltage_l2_v) > 235\"",
            [("ac_voltage_l1_v", ">", 235.0, "when"), ("ac_voltage_l2_v", ">", 235.0, "when")],
        ),
        ("scope: {kind: inverter}, when: state == 'fault'", []),
        ("scope: {kind: meter}, when: ac_voltage_l1_v > ac_voltage_l2_v", []),
        ("scope: {kind: meter}, when: \"rate(energy_import_kwh, '10m') > 3\"", []),
    ],
)
def test_each_plain_limit_is_found_with_its_purpose(body, found) -> None:
    assert limits(body) == found


def test_a_devices_own_parameter_counts() -> None:
    body = "scope: {kind: meter}, params: {hi: 50.2}, when: frequency_hz > hi"
    assert limits(body, {"hi": 50.5}) == [("frequency_hz", ">", 50.5, "when")]


def test_the_channel_stands_in_the_name() -> None:
    body = "scope: {kind: inverter, each: n}, when: 'dc_current_{n}_a < 0.5'"
    assert limits(body, channel=3) == [("dc_current_3_a", "<", 0.5, "when")]


def test_a_limit_is_named_once() -> None:
    body = "scope: {kind: meter}, when: frequency_hz > 51 or frequency_hz > 51"
    assert limits(body) == [("frequency_hz", ">", 51.0, "when")]
    assert Limit("a", ">", 1.0, "when") == Limit("a", ">", 1.0, "when")
