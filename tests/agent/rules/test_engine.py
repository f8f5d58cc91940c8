"""The engine: from frames to alerts, through gaps, restarts and people's actions."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.reading import Frame, Quality
from agent.rules.facts import ActionRefusedError
from agent.rules.shelf import MAX_SHELF_MS

HOT = (
    "id: X-01, scope: {kind: battery}, when: soc_pct > 50, clear: soc_pct < 47, for: 30s, clear_for: 60s, "
    "max_gap: 30s, hold_max: 120s, severity: medium"
)
AT_ONCE = "id: X-01, scope: {kind: battery}, when: soc_pct > 50, for: 0s, clear_for: 0s, severity: high"


@pytest.fixture
def hot(make, rules, dev):
    return make(rules(HOT), (dev("bat-1", "battery", "soc_pct"),))


@pytest.fixture
def at_once(make, rules, dev):
    return make(rules(AT_ONCE), (dev("bat-1", "battery", "soc_pct"),))


def test_an_episode_is_told_once_per_change_and_never_while_pending(hot) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 6, *[46.0] * 8)
    assert hot.states() == ["X-01@bat-1 active", "X-01@bat-1 clearing", "X-01@bat-1 cleared"]
    first, last = hot.told[0], hot.told[-1]
    assert {alert.id for alert in hot.told} == {first.id}
    assert first.since_ms == last.since_ms
    assert last.until_ms - last.since_ms == 90_000
    assert first.values == {"soc_pct": 51.0}
    assert first.title.zh == "题"
    assert hot.stored == {}
    assert hot.engine.open_alerts() == ()


def test_for_0_alerts_with_the_first_frame(at_once) -> None:
    outcome = at_once.frame("bat-1", {"soc_pct": 60.0})
    assert [alert.state for alert in outcome.alerts] == ["active"]
    assert list(outcome.watches) == ["X-01|bat-1|"]


def test_the_quiet_case_says_nothing_and_stores_nothing(hot) -> None:
    assert hot.play("bat-1", "soc_pct", *[40.0] * 20) == " ".join(["normal"] * 20)
    assert hot.outcomes == []


@pytest.mark.parametrize("bad", [Quality.BAD, Quality.ABSENT, Quality.STALE, Quality.UNCERTAIN])
def test_values_that_are_not_good_raise_nothing(at_once, bad) -> None:
    at_once.play("bat-1", "soc_pct", 40.0, bad, bad, 40.0)
    assert at_once.told == []


def test_a_failed_poll_makes_its_points_bad(hot) -> None:
    hot.play("bat-1", "soc_pct", 51.0, 51.0)
    for _ in range(4):
        hot.frame("bat-1", {"soc_pct": Quality.BAD}, reason="timeout")
        hot.wait(10_000)
    assert str(hot.engine.phase("X-01", "bat-1")) == "normal"


def test_without_frames_the_ticks_judge_the_gap(hot) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 4)
    for _ in range(13):
        hot.tick(10_000)
    assert hot.states() == ["X-01@bat-1 active", "X-01@bat-1 unknown"]
    hot.play("bat-1", "soc_pct", 51.0)
    assert hot.states()[-1] == "X-01@bat-1 active"
    assert len({alert.id for alert in hot.told}) == 1


def test_ticks_between_frames_do_not_fire_on_held_values(hot) -> None:
    hot.play("bat-1", "soc_pct", 51.0, 51.0, 51.0, every_ms=10_000)
    hot.tick(9_000)
    assert str(hot.engine.phase("X-01", "bat-1")) == "pending"


def test_only_points_that_a_rule_looks_at_wake_it(make, rules, dev) -> None:
    site = make(rules(AT_ONCE), (dev("bat-1", "battery", "soc_pct", "soh_pct"),))
    site.frame("bat-1", {"soc_pct": 40.0, "soh_pct": 99.0})
    site.frame("bat-1", {"soh_pct": 98.0})
    assert site.told == []
    site.frame("bat-1", {"soc_pct": 60.0})
    assert site.states() == ["X-01@bat-1 active"]


@pytest.mark.parametrize(
    ("on_bad", "samples", "phases"),
    [
        ("freeze", (60.0, 60.0, Quality.BAD, 60.0, 60.0), "pending pending pending pending active"),
        ("ignore", (60.0, 60.0, Quality.BAD, 60.0, 60.0), "pending pending pending active active"),
        ("raise", (60.0, Quality.BAD, Quality.BAD, 60.0, 60.0), "pending pending active active active"),
        ("clear", (60.0, Quality.BAD, Quality.BAD, 60.0, 60.0), "pending normal normal pending pending"),
    ],
)
def test_on_bad(make, rules, dev, on_bad, samples, phases) -> None:
    rule = (
        f"id: X-01, scope: {{kind: battery}}, when: soc_pct > 50, for: 20s, severity: low, on_bad: {on_bad}"
    )
    site = make(rules(rule), (dev("bat-1", "battery", "soc_pct"),))
    assert site.play("bat-1", "soc_pct", *samples) == phases


def test_only_if_freezes(make, rules, dev) -> None:
    rule = HOT + ", only_if: battery_power_kw > 0"
    site = make(rules(rule), (dev("bat-1", "battery", "soc_pct", "battery_power_kw"),))
    phases = []
    for power in (1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0):
        site.frame("bat-1", {"soc_pct": 60.0, "battery_power_kw": power})
        phases.append(str(site.engine.phase("X-01", "bat-1")))
        site.wait(10_000)
    assert phases == ["pending"] * 9 + ["active"]


STEPS = (
    "id: X-01, scope: {kind: battery}, when: soc_pct > 50, for: 20s, clear_for: 0s, severity: low, "
    "steps: [{when: soc_pct > 80, for: 10s, severity: high}, {after: 60s, severity: medium}]"
)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([60.0] * 3, ["low"]),
        ([60.0] * 9, ["low", "medium"]),
        ([90.0, 90.0], ["high"]),
        ([60.0, 60.0, 60.0, 90.0, 90.0, 60.0], ["low", "high"]),
        ([90.0, 60.0, 90.0, 60.0], ["low"]),
    ],
    ids=[
        "its own",
        "after a minute",
        "the step raises by itself",
        "severity stays",
        "the step needs its time",
    ],
)
def test_steps(make, rules, dev, samples, told) -> None:
    site = make(rules(STEPS), (dev("bat-1", "battery", "soc_pct"),))
    site.play("bat-1", "soc_pct", *samples)
    assert [alert.severity for alert in site.told] == told


def test_each_channel_has_a_watch_and_an_alert_of_its_own(make, rules, dev) -> None:
    rule = (
        "id: X-01, scope: {kind: inverter, each: n}, "
        "when: 'dc_current_{n}_a < low * dc_voltage_{n}_v', params: {low: 0.1}, for: 0s, severity: low"
    )
    points = ["dc_current_1_a", "dc_current_2_a", "dc_current_3_a", "dc_voltage_1_v", "dc_voltage_2_v"]
    site = make(rules(rule), (dev("inv-1", "inverter", *points),))
    site.frame("inv-1", dict.fromkeys(points, 5.0) | {"dc_current_2_a": 0.1})
    assert [(alert.channel, alert.values) for alert in site.told] == [
        (2, {"dc_current_2_a": 0.1, "dc_voltage_2_v": 5.0})
    ]
    assert [report.channel for report in site.engine.bindings()] == [1, 2]


def test_parameters_of_the_device_hold_there_only(make, rules, dev) -> None:
    rule = AT_ONCE.replace("soc_pct > 50", "soc_pct > high") + ", params: {high: 50}"
    site = make(
        rules(rule),
        (
            dev("bat-1", "battery", "soc_pct"),
            dev("bat-2", "battery", "soc_pct", params={"X-01": {"high": 90}}),
        ),
    )
    site.frame("bat-1", {"soc_pct": 60.0})
    site.frame("bat-2", {"soc_pct": 60.0})
    assert site.states() == ["X-01@bat-1 active"]


def test_the_sun_and_the_site_s_own_point(make, rules, dev) -> None:
    rule = (
        "id: X-01, scope: {kind: inverter}, for: 0s, clear_for: 0s, severity: low, "
        "when: \"state == 'off' and first(site.irradiance_poa_w_m2 > 150, sun_elevation() > 10)\""
    )
    inverter, station = dev("inv-1", "inverter", "state"), dev("met-1", "weather", "irradiance_poa_w_m2")
    alone = make(rules(rule), (inverter,), sun=lambda _ts: 20.0)
    alone.frame("inv-1", {"state": "off"})
    assert alone.states() == ["X-01@inv-1 active"]

    dark = make(rules(rule), (inverter, station), sun=lambda _ts: 20.0)
    dark.frame("met-1", {"irradiance_poa_w_m2": 30.0})
    dark.frame("inv-1", {"state": "off"})
    assert dark.told == []
    dark.wait(60_000)  # the station's value is stale now: the sun decides again
    dark.frame("inv-1", {"state": "off"})
    assert dark.states() == ["X-01@inv-1 active"]

    unsure = make(rules(rule), (inverter,), sun=lambda _ts: 20.0)
    unsure.frame("inv-1", {"state": "off"}, unsure=True)
    assert unsure.told == []


def test_polls_are_counted(make, rules, dev) -> None:
    rule = "id: X-01, scope: {kind: meter}, when: failed_polls >= 3, clear: good_polls >= 2, clear_for: 0s, severity: low"
    site = make(rules(rule), (dev("m-1", "meter", "active_power_kw"),))
    answers = [False, True, False, False, False, True, True]
    for answered in answers:
        if answered:
            site.frame("m-1", {"active_power_kw": 1.0})
        else:
            site.frame("m-1", {"active_power_kw": Quality.BAD}, reason="timeout")
        site.wait(10_000)
    assert site.states() == ["X-01@m-1 active", "X-01@m-1 cleared"]
    assert site.told[-1].until_ms - site.told[0].since_ms == 20_000


def test_age_is_judged_by_ticks(make, rules, dev) -> None:
    rule = "id: X-01, scope: {kind: meter}, when: age(active_power_kw) > 60, clear_for: 0s, severity: low"
    site = make(rules(rule), (dev("m-1", "meter", "active_power_kw"),))
    site.frame("m-1", {"active_power_kw": 1.0})
    for _ in range(7):
        site.tick(10_000)
    assert site.states() == ["X-01@m-1 active"]


# -- restarts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reboot", [False, True], ids=["same clock", "another boot"])
def test_a_timer_goes_on_after_a_short_restart(make, rules, dev, reboot) -> None:
    rule = HOT.replace("for: 30s", "for: 90s")
    site = make(rules(rule), (dev("bat-1", "battery", "soc_pct"),))
    site.play("bat-1", "soc_pct", *[51.0] * 6)  # 50 s counted, 30 s of them stored
    site.restart(away_ms=-10_000 + 5_000, reboot=reboot)
    site.play("bat-1", "soc_pct", *[51.0] * 6)
    assert site.told == []
    site.play("bat-1", "soc_pct", 51.0)
    assert site.states() == ["X-01@bat-1 active"]


def test_a_long_restart_starts_a_pending_watch_anew(hot) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 3)
    hot.restart(away_ms=600_000, reboot=True)
    hot.play("bat-1", "soc_pct", *[51.0] * 3)
    assert hot.told == []


@pytest.mark.parametrize("reboot", [False, True], ids=["same clock", "another boot"])
def test_an_open_alert_is_neither_lost_nor_doubled_by_a_restart(hot, reboot) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 4)
    hot.engine.attach_ticket("alert-1", "ticket-1")
    hot.restart(away_ms=3_600_000, reboot=reboot)
    hot.play("bat-1", "soc_pct", *[51.0] * 3, *[46.0] * 8)
    assert hot.states() == ["X-01@bat-1 active", "X-01@bat-1 clearing", "X-01@bat-1 cleared"]
    assert {alert.id for alert in hot.told} == {"alert-1"}


def test_a_rule_that_is_gone_clears_its_alert(hot, rules) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 4)
    hot.restart(rules=rules(HOT.replace("X-01", "X-02")))
    hot.tick()
    assert hot.states() == ["X-01@bat-1 active", "X-01@bat-1 cleared"]
    assert hot.stored == {}


def test_a_changed_rule_goes_on_with_the_same_alert(hot, rules) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 4)
    hot.restart(rules=rules(HOT.replace("> 50", "> 52").replace("clear_for: 60s", "clear_for: 0s")))
    hot.play("bat-1", "soc_pct", 51.0, 46.0)
    assert hot.states() == ["X-01@bat-1 active", "X-01@bat-1 cleared"]


def test_a_device_that_is_identified_later_finds_its_stored_watch(make, rules, dev) -> None:
    known = dev("bat-1", "battery", "soc_pct")
    site = make(rules(AT_ONCE), (known,))
    site.frame("bat-1", {"soc_pct": 60.0})
    unknown = type(known)("bat-1", ("battery",), None, 10_000)
    site.restart(devices=(unknown,))
    site.tick()
    assert [report.reason for report in site.engine.bindings()] == ["the device has not been identified yet"]
    assert len(site.told) == 1
    site.take(site.engine.bind(known))
    assert [alert.id for alert in site.engine.open_alerts()] == ["alert-1"]
    site.frame("bat-1", {"soc_pct": 40.0})
    assert site.states() == ["X-01@bat-1 active", "X-01@bat-1 cleared"]


def test_binding_anew_keeps_what_runs(hot, dev) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 3)
    hot.take(hot.engine.bind(dev("bat-2", "battery", "soc_pct")))
    assert hot.play("bat-1", "soc_pct", 51.0, 51.0) == "pending active"


# -- binding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("when: soc_pct > 50", ""),
        ("when: soh_pct > 50", "there is no soh_pct"),
        ("when: site.irradiance_poa_w_m2 > 50", "there is no site.irradiance_poa_w_m2"),
        ("when: site.active_power_kw > 50", "site.active_power_kw could be of any of m-1, m-2"),
        ("when: failed_polls > 5", ""),
    ],
)
def test_why_a_rule_is_not_bound(make, rules, dev, rule, reason) -> None:
    devices = (
        dev("bat-1", "battery", "soc_pct"),
        dev("m-1", "meter", "active_power_kw"),
        dev("m-2", "meter", "active_power_kw"),
    )
    site = make(rules(f"id: X-01, scope: {{kind: battery}}, severity: low, {rule}"), devices)
    (report,) = site.engine.bindings()
    assert (report.device, report.bound, report.reason) == ("bat-1", not reason, reason)


def test_the_main_meter_speaks_for_the_site(make, rules, dev) -> None:
    devices = (
        dev("bat-1", "battery", "soc_pct"),
        dev("m-1", "meter", "active_power_kw", role="main_meter"),
        dev("m-2", "meter", "active_power_kw", role="sub_meter"),
    )
    site = make(
        rules("id: X-01, scope: {kind: battery}, severity: low, when: site.active_power_kw > 50"), devices
    )
    site.frame("m-1", {"active_power_kw": 60.0})
    site.frame("m-2", {"active_power_kw": 10.0})
    site.frame("bat-1", {"soc_pct": 10.0})
    assert site.states() == ["X-01@bat-1 active"]
    assert site.told[0].values == {"site.active_power_kw": 60.0}


@pytest.mark.parametrize(
    ("scope", "bound"),
    [
        ("{kind: battery}", ["bat-1", "hyb-1"]),
        ("{kind: [battery, meter]}", ["bat-1", "hyb-1", "m-1"]),
        ("{role: main_meter}", ["m-1"]),
        ("{device: bat-1}", ["bat-1"]),
        ("{bus: lan-2}", ["m-1"]),
        ("{kind: battery, labels: {hall: east}}", ["bat-1"]),
        ("{kind: battery, site: elsewhere}", []),
    ],
)
def test_scopes(make, rules, dev, scope, bound) -> None:
    hybrid = dev("hyb-1", "inverter", "temperature_c", bus="lan-1")
    devices = (
        dev("bat-1", "battery", "temperature_c", bus="lan-1", labels={"hall": "east"}),
        type(hybrid)("hyb-1", ("inverter", "battery"), hybrid.points, 10_000, bus="lan-1"),
        dev("m-1", "meter", "temperature_c", bus="lan-2", role="main_meter"),
    )
    site = make(rules(f"id: X-01, scope: {scope}, severity: low, when: temperature_c > 50"), devices)
    assert [report.device for report in site.engine.bindings()] == bound


# -- people -----------------------------------------------------------------------------------


def test_acknowledged_once(at_once) -> None:
    at_once.frame("bat-1", {"soc_pct": 60.0})
    first = at_once.engine.acknowledge("alert-1", "zhang", at_once.ts_ms + 5)
    again = at_once.engine.acknowledge("alert-1", "li", at_once.ts_ms + 9)
    assert [a.acknowledged.by for a in first.alerts] == ["zhang"]
    assert not again


def test_a_latched_alert_needs_acknowledgement_then_reset(make, rules, dev) -> None:
    site = make(rules(AT_ONCE + ", latch: true"), (dev("bat-1", "battery", "soc_pct"),))
    site.frame("bat-1", {"soc_pct": 60.0})
    refused("not_latched", site.engine.reset_latch, "alert-1", "zhang", site.ts_ms)
    site.wait(10_000)
    site.frame("bat-1", {"soc_pct": 40.0})
    refused("not_acknowledged", site.engine.reset_latch, "alert-1", "zhang", site.ts_ms)
    site.take(site.engine.acknowledge("alert-1", "zhang", site.ts_ms))
    site.take(site.engine.reset_latch("alert-1", "zhang", site.ts_ms))
    assert [a.state for a in site.told] == ["active", "latched", "latched", "cleared"]
    assert site.stored == {}
    refused("unknown_alert", site.engine.reset_latch, "alert-1", "zhang", site.ts_ms)


def test_a_shelf_silences_survives_a_restart_and_ends_by_itself(at_once) -> None:
    at_once.frame("bat-1", {"soc_pct": 60.0})
    until = at_once.ts_ms + 3_600_000
    (shelved,) = at_once.take(
        at_once.engine.shelve("alert-1", "zhang", until, "sensor at calibration", at_once.ts_ms)
    ).alerts
    assert (shelved.suppressed.by, shelved.suppressed.until_ms, shelved.suppressed.person) == (
        "shelved", until, "zhang",
    )  # fmt: skip
    at_once.restart(away_ms=60_000, reboot=True)
    at_once.frame("bat-1", {"soc_pct": 60.0})
    assert at_once.engine.open_alerts()[0].suppressed is not None
    at_once.tick(3_600_000)
    at_once.frame("bat-1", {"soc_pct": 60.0})
    assert at_once.told[-1].suppressed is None


def test_a_shelf_also_silences_the_next_episode(at_once) -> None:
    at_once.frame("bat-1", {"soc_pct": 60.0})
    at_once.take(at_once.engine.shelve("alert-1", "zhang", at_once.ts_ms + 3_600_000, "known", at_once.ts_ms))
    at_once.wait(10_000)
    at_once.frame("bat-1", {"soc_pct": 40.0})
    at_once.wait(10_000)
    at_once.frame("bat-1", {"soc_pct": 60.0})
    assert at_once.told[-1].id == "alert-2"
    assert at_once.told[-1].suppressed.by == "shelved"
    at_once.take(at_once.engine.unshelve("alert-2", "zhang", at_once.ts_ms))
    assert at_once.told[-1].suppressed is None
    refused("not_shelved", at_once.engine.unshelve, "alert-2", "zhang", at_once.ts_ms)


def test_a_shelf_needs_a_reason_and_an_end(at_once) -> None:
    at_once.frame("bat-1", {"soc_pct": 60.0})
    now, shelve = at_once.ts_ms, at_once.engine.shelve
    refused("no_reason", shelve, "alert-1", "zhang", now + 1, " ", now)
    refused("until_past", shelve, "alert-1", "zhang", now, "why", now)
    refused("until_too_far", shelve, "alert-1", "zhang", now + MAX_SHELF_MS + 1, "why", now)
    refused("unknown_alert", shelve, "alert-9", "zhang", now + 1, "why", now)


def refused(code, action, *arguments) -> None:
    with pytest.raises(ActionRefusedError) as error:
        action(*arguments)
    assert error.value.code == code


def test_an_alert_says_by_which_rule_and_on_which_data_it_was_raised(hot) -> None:
    hot.play("bat-1", "soc_pct", *[51.0] * 4)
    (alert,) = hot.engine.open_alerts()
    assert len(alert.basis.rule_hash) == 16
    assert alert.basis.quality == {"soc_pct": "good"}
    assert type(alert).from_document(alert.document()) == alert
    hot.play("bat-1", "soc_pct", *[46.0] * 8)
    assert hot.told[-1].state == "cleared"
    assert hot.told[-1].basis == alert.basis


def test_a_journal_rule_makes_no_alert(make, rules, dev) -> None:
    site = make(
        rules(AT_ONCE.replace("severity: high", "severity: journal")), (dev("bat-1", "battery", "soc_pct"),)
    )
    site.play("bat-1", "soc_pct", 60.0, 40.0)
    assert site.told == []
    assert site.stored == {}


# -- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", [86_400_000, -86_400_000], ids=["a day forward", "a day back"])
def test_timers_run_on_the_monotonic_clock(hot, jump_ms) -> None:
    hot.play("bat-1", "soc_pct", 51.0, 51.0)
    hot.ts_ms += jump_ms
    assert hot.play("bat-1", "soc_pct", 51.0, 51.0) == "pending active"


def test_windows_can_be_filled_from_history(make, rules, dev) -> None:
    rule = "id: X-01, scope: {kind: battery}, when: \"avg(soc_pct, '1m') > 50\", for: 0s, clear_for: 0s, severity: low"
    site = make(rules(rule), (dev("bat-1", "battery", "soc_pct"),))
    for index in range(6):
        old = Frame("bat-1", "boot-0", index + 1, 0, 0, False, 0, ("soc_pct",), (60.0,))
        site.engine.remember(old, site.mono_ms - 60_000 + index * 10_000)
    site.frame("bat-1", {"soc_pct": 40.0})
    assert site.states() == ["X-01@bat-1 active"]


def test_windows_of_equal_text_are_shared(make, rules, dev) -> None:
    rule = (
        "id: X-01, scope: {kind: battery}, when: \"avg(soc_pct, '1m') > 50\", "
        "clear: \"avg(soc_pct, '1m') < 40\", severity: low"
    )
    site = make(rules(rule, rule.replace("X-01", "X-02")), (dev("bat-1", "battery", "soc_pct"),))
    assert len(site.engine._values.devices["bat-1"].series) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    history=st.lists(
        st.sampled_from([51.0, 48.0, 46.0, Quality.BAD, "restart", "reboot", "tick"]), max_size=60
    )
)
def test_whatever_happens_an_episode_begins_and_ends_once(make, rules, dev, history) -> None:
    site = make(rules(HOT), (dev("bat-1", "battery", "soc_pct"),))
    for event in history:
        if event in ("restart", "reboot"):
            site.restart(away_ms=2_000, reboot=event == "reboot")
        elif event == "tick":
            site.tick(10_000)
        else:
            site.play("bat-1", "soc_pct", event)
    site.tick()  # an engine that was not told the time yet knows of no alert
    by_id: dict[str, list[str]] = {}
    for alert in site.told:
        by_id.setdefault(alert.id, []).append(alert.state)
    for states in by_id.values():
        assert states[0] == "active"
        assert "cleared" not in states[:-1]
        assert all(a != b for a, b in pairwise(states))
    still_open = [states for states in by_id.values() if states[-1] != "cleared"]
    assert len(still_open) == len(site.engine.open_alerts()) <= 1
