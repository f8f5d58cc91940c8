"""`peers_median`: a string beside the other strings, a device beside the others of its kind."""

import pytest

from agent.document import DocumentError
from agent.points import same_family
from agent.reading import Quality
from agent.rules.vectors import run_tests

STRING = (
    'id: PV-06, scope: {kind: inverter, each: n, labels: {shaded: "false"}}, params: {low: 0.9, ok: 0.95}, '
    "when: 'dc_current_{n}_a < low * peers_median(dc_current_{n}_a)', "
    "clear: 'dc_current_{n}_a >= ok * peers_median(dc_current_{n}_a)', for: 0s, clear_for: 0s, severity: medium"
)
MEAN = (
    "id: X-01, scope: {kind: battery}, when: \"avg(cell_temperature_max_c, '1m') > "
    "peers_median(cell_temperature_max_c, '1m') + 5\", for: 0s, clear_for: 0s, severity: low"
)
STRINGS = ("dc_current_1_a", "dc_current_2_a", "ac_power_kw")


def inverter(dev, name, shaded="false"):
    return dev(name, "inverter", *STRINGS, labels={"shaded": shaded})


@pytest.fixture
def strings(make, rules, dev):
    return make(
        rules(STRING), (inverter(dev, "inv-1"), inverter(dev, "inv-2"), inverter(dev, "inv-3", "true"))
    )


def frame(world, name, first, second):
    world.frame(name, {"dc_current_1_a": first, "dc_current_2_a": second, "ac_power_kw": 5.0})


def test_a_string_below_the_median_of_all_others_is_told_by_its_number(strings):
    frame(strings, "inv-1", 8.0, 8.0)
    frame(strings, "inv-2", 8.0, 5.0)
    assert strings.states() == ["PV-06@inv-2 active"]
    assert strings.told[0].channel == 2
    frame(strings, "inv-2", 8.0, 7.7)
    assert strings.states()[-1] == "PV-06@inv-2 cleared"


def test_what_is_out_of_the_rules_scope_is_no_peer_and_is_not_watched(strings):
    frame(strings, "inv-3", 50.0, 50.0)
    frame(strings, "inv-1", 8.0, 8.0)
    frame(strings, "inv-2", 8.0, 8.0)
    frame(strings, "inv-3", 1.0, 1.0)
    assert strings.states() == []


def test_fewer_than_two_good_peers_say_nothing(strings):
    frame(strings, "inv-1", 8.0, 1.0)
    assert strings.states() == [], "one other string is no crowd"
    frame(strings, "inv-2", Quality.BAD, Quality.BAD)
    frame(strings, "inv-1", 8.0, 1.0)
    assert strings.states() == [], "bad ones count for nothing"
    frame(strings, "inv-2", 8.0, 8.0)
    frame(strings, "inv-1", 8.0, 1.0)
    assert strings.states() == ["PV-06@inv-1 active"]


def test_peers_that_have_not_been_heard_for_long_count_for_nothing(strings):
    frame(strings, "inv-2", 8.0, 8.0)
    strings.wait(3_600_000)
    frame(strings, "inv-1", 8.0, 1.0)
    assert strings.states() == []


def test_with_a_window_means_are_compared(make, rules, dev):
    world = make(rules(MEAN), tuple(dev(f"bat-{n}", "battery", "cell_temperature_max_c") for n in (1, 2, 3)))
    for second in range(12):
        for name, celsius in (("bat-1", 30.0), ("bat-2", 31.0), ("bat-3", 50.0 if second % 7 == 6 else 32.0)):
            world.frame(name, {"cell_temperature_max_c": celsius})
        world.wait(10_000)
    assert world.states() == [], "one spike in a minute is no mean"
    for _ in range(8):
        for name, celsius in (("bat-1", 30.0), ("bat-2", 31.0), ("bat-3", 40.0)):
            world.frame(name, {"cell_temperature_max_c": celsius})
        world.wait(10_000)
    assert world.states() == ["X-01@bat-3 active"]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("dc_current_1_a", "dc_current_12_a", True),
        ("ac_power_kw", "ac_power_kw", True),
        ("dc_current_1_a", "dc_voltage_1_v", False),
        ("ac_voltage_l1_v", "ac_voltage_l2_v", False),
        ("own_1_x", "own_2_x", False),
    ],
)
def test_which_points_are_of_one_family(a, b, same):
    assert same_family(a, b) is same


def test_a_rules_own_tests_say_what_the_peers_say(rules):
    (rule,) = rules(
        STRING.replace('labels: {shaded: "false"}', "")
        + ', tests: [{name: one low, every: 1m, channel: 1, samples: {dc_current_1_a: "8 5 8", dc_current_2_a: "8", '
        'peers.dc_current_1_a: "8"}, expect: {"1m": active, "2m": normal}}, '
        '{name: all low, every: 1m, channel: 1, samples: {dc_current_1_a: "8 5", dc_current_2_a: "8 5", '
        'peers.dc_current_1_a: "8 5"}, expect: {}}]'
    )
    assert [verdict.difference() for verdict in run_tests(rule) if not verdict.ok] == []


def test_a_sample_of_peers_that_the_rule_does_not_look_at_is_a_mistake(rules):
    with pytest.raises(DocumentError, match=r"the rule does not look at 'peers\.soc_pct'"):
        rules(STRING + ', tests: [{name: x, every: 1m, samples: {peers.soc_pct: "8"}, expect: {}}]')
