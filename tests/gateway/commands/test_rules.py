"""`rules test` and `rules list` from the shell."""

import json

import pytest
from typer.testing import CliRunner

from gateway.commands import _app

RULES = """\
version: 1
rules:
  - id: X-01
    title: {en: Warm, zh: 偏热}
    cause: {en: heat, zh: 热}
    consequence: {en: ageing, zh: 老化}
    action: {en: cool it, zh: 降温}
    scope: {kind: meter}
    params: {high: 50.0}
    when: temperature_c > high
    for: 0s
    severity: low
    tests:
      - {name: raises, every: 10s, samples: {temperature_c: "40 60"}, expect: {"10s": EXPECTED}}
"""
SITE = """\
version: 1
site: {id: s, name: {en: S, zh: S}}
buses: [{id: lan, url: "tcp://10.0.0.2:502"}]
devices:
  - {id: inv, profile: sunspec-inverter, bus: lan, unit: 1}
  - {id: meter, profile: eastron-sdm630, bus: lan, unit: 2, role: main_meter}
rules: [rules]
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "rules").mkdir()

    def run(*arguments, expected="active"):
        (tmp_path / "rules" / "own.yaml").write_text(RULES.replace("EXPECTED", expected))
        (tmp_path / "site.yaml").write_text(SITE)
        given = [str(tmp_path / a) if a.endswith((".yaml", "rules/")) else a for a in arguments]
        return CliRunner().invoke(_app, ["rules", *given], env={"LANG": "C"})

    return run


def test_the_shipped_rules_pass(run):
    result = run("test", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["ok"], document["faults"], document["untested"]) == (0, True, [], [])
    assert len({test["rule"] for test in document["tests"]}) >= 16


def test_a_test_that_fails_says_what_came_instead(run):
    result = run("test", "rules/", expected="pending")
    assert result.exit_code == 1
    assert "FAIL X-01 raises" in result.stdout
    assert "X-01: raises: expected pending at 10s; got active at 10s" in result.stderr


def test_json_of_a_failure_is_one_document(run):
    result = run("test", "rules/own.yaml", "--json", expected="pending")
    (test,) = json.loads(result.stdout)["tests"]
    assert (result.exit_code, result.stderr) == (1, "")
    assert (test["ok"], test["expected"], test["got"]) == (False, {"10s": "pending"}, {"10s": "active"})


def test_a_file_that_cannot_be_read_is_bad_input(run):
    result = run("test", "rules/own.yaml", expected="glowing")
    assert result.exit_code == 2
    assert "own.yaml:14:" in result.stderr
    assert "Traceback" not in result.stderr
    assert run("test", "nowhere.yaml").exit_code == 2


def test_list_says_what_watches_what_and_why_not(run):
    result = run("list", "site.yaml", "--json")
    assert result.exit_code == 0, result.stderr
    rules = {rule["rule"]: rule for rule in json.loads(result.stdout)["rules"]}
    assert rules["GRID-01"]["bindings"] == [
        {"device": "meter", "channel": None, "bound": True, "reason": None}
    ]
    assert rules["X-01"]["bindings"] == [
        {"device": "meter", "channel": None, "bound": False, "reason": "there is no temperature_c"}
    ]
    assert rules["BAT-01"]["bindings"] == []
    assert {b["device"] for b in rules["COM-02"]["bindings"]} == {"inv", "meter"}
    assert {b["device"] for b in rules["COM-06"]["bindings"]} == {"bus-lan"}


@pytest.mark.parametrize(("lang", "says"), [("en", "NOT BOUND"), ("zh", "未绑定")])
def test_list_speaks_both_languages(run, lang, says):
    assert says in run("list", "site.yaml", "--lang", lang).stdout
