"""The shipped rule library: every rule proves itself and tells people what to do."""

import pytest

from agent.rules.alert import SEVERITIES
from agent.rules.rule import Rule
from agent.rules.vectors import run_tests
from gateway.profiles import read_document
from gateway.rules import STATION_RULES, check_rules, load_rules, shipped_rule_files

LIBRARY = load_rules()
PROMISED = {
    "PV-01", "PV-02", "BAT-01", "BAT-02", "BAT-06", "BAT-07", "BAT-08", "CHG-01",
    "GRID-01", "GRID-03", "GRID-04", "COM-02", "COM-06", "GW-02", "GW-03", "GW-05", "GW-12",
}  # fmt: skip

every_rule = pytest.mark.parametrize("rule", tuple(LIBRARY), ids=lambda rule: rule.id)


def test_all_promised_rules_are_there() -> None:
    assert set(LIBRARY.rules) >= PROMISED


@pytest.mark.parametrize("path", shipped_rule_files(), ids=lambda path: path.stem)
def test_the_file_has_neither_faults_nor_warnings(path) -> None:
    assert check_rules(read_document(path)) == []


def test_the_parameters_that_site_files_name_keep_their_names() -> None:
    assert dict(LIBRARY.rules["GRID-03"].params) == {"hi": 235.4, "very_hi": 253.0, "ok": 233.0}
    assert dict(LIBRARY.rules["BAT-02"].params) == {"hi": 55.0, "band": 10.0}


@every_rule
def test_its_own_tests_pass(rule: Rule) -> None:
    assert [f"{v.test}: {v.difference()}" for v in run_tests(rule) if not v.ok] == []


@every_rule
def test_it_is_tried_from_several_sides(rule: Rule) -> None:
    outcomes = [set(test.expect.values()) for test in rule.tests]
    assert len(rule.tests) >= 3
    assert any("active" in phases for phases in outcomes)
    assert any(not phases & {"active"} for phases in outcomes), "one test shows where it stays silent"
    assert any(phases & {"normal", "latched"} and "active" in phases for phases in outcomes)


@every_rule
def test_it_tells_people_what_to_do_in_both_languages(rule: Rule) -> None:
    for text in (rule.title, rule.cause, rule.consequence, rule.action):
        assert text.en
        assert text.zh
        assert text.zh != text.en


@every_rule
def test_its_limits_are_parameters(rule: Rule) -> None:
    """Numbers of the domain stand in `params`, so that a device can have its own."""
    texts = [e.text for e in rule.expressions()]
    written = [word for text in texts for word in text.replace("(", " ").replace(")", " ").split()]
    literal = {word for word in written if word[0].isdigit()}
    assert literal <= {"2", "3"}, "only counts of polls and devices are written out"


@every_rule
def test_inhibitors_exist_and_an_alert_opens_a_ticket(rule: Rule) -> None:
    assert {inhibitor.rule for inhibitor in rule.inhibited_by} <= set(LIBRARY.rules) | STATION_RULES
    assert rule.severity in SEVERITIES
    assert rule.ticket is not None
    assert rule.ticket.checklist


def test_safety_of_the_battery_is_never_inhibited() -> None:
    assert [r.id for r in LIBRARY if r.family == "BAT" and r.inhibited_by] == []
