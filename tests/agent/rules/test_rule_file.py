"""Rule files: what is read, and every fault at its line with a remedy."""

import pytest

from agent.document import DocumentError, parse
from agent.rules.lint import warnings_of
from agent.rules.rule_file import read_rules
from agent.rules.vectors import run_tests

GOOD = """\
version: 1
defaults: {on_bad: freeze, max_gap: 3x, hold_max: 30m, clear_for: 5m}
rules:
  - id: X-01
    title: {en: Cell warm, zh: 电芯偏热}
    cause: {en: cooling failure or a failing cell, zh: 冷却失效或电芯故障}
    consequence: {en: ageing, then fire, zh: 加速老化,直至起火}
    action: {en: check cooling and filter, zh: 检查冷却与滤网}
    scope: {kind: battery}
    params: {high: 45.0, ok: 42.0}
    only_if: ac_power_kw > 0
    when: cell_temperature_max_c >= high
    clear: cell_temperature_max_c <= ok
    for: 20s
    clear_for: 30s
    latch: false
    on_bad: freeze
    max_gap: 30s
    hold_max: 30m
    min_good: 0.8
    severity: medium
    steps: [{when: cell_temperature_max_c >= 55, for: 10s, severity: critical}, {after: 30m, severity: high}]
    inhibited_by: [{rule: COM-06, equal: [site, bus]}]
    ticket: {kind: inspection, team: station, checklist: CL-BAT-A, open_after: 0s, verify_for: 30m}
    tests:
      - {name: raises and clears, every: 10s, samples: {cell_temperature_max_c: "44x2 46x4 41x5"}, expect: {"20s": pending, "40s": active, "60s": clearing, "90s": normal}}
      - {name: bad says nothing, every: 10s, samples: {cell_temperature_max_c: "44 bad 44"}, expect: {}}
"""


def read(text: str):
    return read_rules(parse(text, "rules.yaml"))


def test_the_whole_form_is_read_and_its_tests_pass() -> None:
    (rule,) = read(GOOD)
    assert (rule.for_ms, rule.clear_for_ms, rule.max_gap_ms, rule.hold_max_ms) == (
        20_000,
        30_000,
        30_000,
        1_800_000,
    )
    assert rule.consequence.en == "ageing, then fire"
    assert rule.consequence.zh == "加速老化,直至起火"
    assert [verdict.difference() for verdict in run_tests(rule) if not verdict.ok] == []
    assert len(rule.tests) == 2


def test_the_hash_follows_the_rule_but_not_its_tests() -> None:
    (rule,) = read(GOOD)
    (other_test,) = read(GOOD.replace("bad says nothing", "another name"))
    (other_limit,) = read(GOOD.replace("high: 45.0", "high: 46.0"))
    assert rule.hash == other_test.hash != other_limit.hash


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("version: 1", "version: 2", 1, "2 is not allowed here"),
        ("id: X-01", "id: x1", 4, "pattern"),
        ("    action: {en: check cooling and filter, zh: 检查冷却与滤网}\n", "", 4, "'action' is missing"),
        ("scope: {kind: battery}", "scope: {kind: toaster}", 9, "'toaster' is not allowed"),
        ("scope: {kind: battery}", "scope: {}", 9, "the scope is empty"),
        ("scope: {kind: battery}", "scope: {kind: battery, each: n}", 9, "no point is written with {n}"),
        ("scope: {kind: battery}", "scope: {kind: meter}", 12, "no meter has the point 'cell_temperature_max_c'"),
        ("when: cell_temperature_max_c >= high", "when: cell_temprature_max_c >= high", 12, "no point and no parameter"),
        ("when: cell_temperature_max_c >= high", "when: cell_temperature_max_c", 12, "true or false is needed"),
        ("when: cell_temperature_max_c >= high", "when: __import__('os')", 12, "no function '__import__'"),
        ("when: cell_temperature_max_c >= high", "when: cell_temperature_max_c >= 'high'", 12, "a number is needed"),
        ("when: cell_temperature_max_c >= high", 'when: "state == 3"', 12, "a text is needed here, not a number"),
        ("when: cell_temperature_max_c >= high", "wenn: cell_temperature_max_c >= high", 12, "unknown key 'wenn'"),
        ("for: 20s", "for: 20", 14, "20 is not a duration"),
        ("latch: false", "latch: 3", 16, "valid boolean"),
        ("on_bad: freeze\n    max", "on_bad: melt\n    max", 17, "'melt' is not allowed"),
        ("max_gap: 30s", "max_gap: often", 18, "'often' is not a duration"),
        ("min_good: 0.8", "min_good: 8", 20, "less than or equal to 1"),
        ("severity: medium", "severity: mild", 21, "'mild' is not allowed"),
        ("severity: medium", "severity: journal", 4, "makes no alert"),
        ("{after: 30m, severity: high}", "{severity: high}", 22, "either `when` or `after`"),
        ("rule: COM-06", "rule: X-01", 23, "cannot inhibit itself"),
        ('"44 bad 44"', '"44 worse 44"', 27, "'worse' is no sample"),
        ('"44 bad 44"', '"44x999999999"', 27, "more than 100000 samples"),
        ('"20s": pending', '"20s": waiting', 26, "'waiting' is not allowed"),
        ('cell_temperature_max_c: "44 bad', 'soc_pct: "44 bad', 27, "does not look at 'soc_pct'"),
    ],
)  # fmt: skip
def test_faults_say_where_and_what(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(DocumentError) as error:
        read(GOOD.replace(old, new, 1))
    faults = error.value.faults
    assert any(fault.line == line and says in fault.message for fault in faults), faults


def test_all_faults_at_once() -> None:
    text = GOOD.replace("for: 20s", "for: 20").replace("severity: medium", "severity: mild")
    second = GOOD[GOOD.index("  - id") :].replace(">= high", ">= hihg")
    with pytest.raises(DocumentError) as error:
        read(text + second)
    assert len({fault.line for fault in error.value.faults}) == 3


def test_a_wrong_shape_hides_no_wrong_expression() -> None:
    text = GOOD.replace("for: 20s", "for: 20").replace(
        "when: cell_temperature_max_c >= high", "when: cell_t > 1"
    )
    text = text.replace("version: 1", "version: 7").replace(
        "title: {en: Cell warm, zh: 电芯偏热}", "title: {}"
    )
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (1, "version"),
        (5, "rules[0].title.en"),
        (12, "rules[0].when"),
        (14, "rules[0].for"),
    ]


@pytest.mark.parametrize("old", ["high: 45.0", "scope: {kind: battery}"])
def test_what_stands_on_a_wrong_part_is_not_told_again(old: str) -> None:
    wrong = {"high: 45.0": "high: []", "scope: {kind: battery}": "scope: {kind: toaster}"}[old]
    with pytest.raises(DocumentError) as caught:
        read(GOOD.replace(old, wrong))
    assert len({fault.line for fault in caught.value.faults}) == 1


def test_the_same_id_twice() -> None:
    with pytest.raises(DocumentError, match="written twice"):
        read(GOOD + GOOD[GOOD.index("  - id") :])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("clear: cell_temperature_max_c <= ok", "clear: cell_temperature_max_c <= 50", "can both hold"),
        ("for: 20s\n", "for: 20ms\n", "shorter than any poll"),
        (", zh: 检查冷却与滤网", "", "no Chinese text"),
    ],
)
def test_warnings(old: str, new: str, says: str) -> None:
    document = parse(GOOD.replace(old, new, 1), "rules.yaml")
    found = list(warnings_of(read_rules(document), document))
    assert [fault.level for fault in found] == ["warning"]
    assert says in found[0].message


def test_a_good_rule_has_no_warnings() -> None:
    document = parse(GOOD, "rules.yaml")
    assert list(warnings_of(read_rules(document), document)) == []


def test_points_of_a_profile_that_are_no_standard_ones() -> None:
    text = GOOD.replace("cell_temperature_max_c", "probe_1_c")
    assert read_rules(parse(text, "rules.yaml"), {"probe_1_c": "number"}.get)
    with pytest.raises(DocumentError, match="no point and no parameter 'probe_1_c'"):
        read(text)
