"""Root causes: one dead bus is one alert that is told, whatever order the news come in."""

import pytest

from agent.reading import Quality

BUS = "id: COM-06, scope: {kind: bus}, when: devices_silent >= devices_total, for: 0s, clear_for: 0s, severity: high"
DEVICE = (
    "id: COM-02, scope: {kind: meter}, when: failed_polls >= 2, clear: good_polls >= 1, clear_for: 0s, "
    "severity: medium, inhibited_by: [{rule: COM-06, equal: [site, bus]}]"
)


@pytest.fixture
def village(make, rules, dev):
    bus = ("devices_silent", "devices_total")
    return make(
        rules(BUS, DEVICE),
        (
            dev("bus-a", "bus", *bus, bus="a"),
            dev("bus-b", "bus", *bus, bus="b"),
            dev("m-1", "meter", "active_power_kw", bus="a"),
            dev("m-2", "meter", "active_power_kw", bus="a"),
            dev("m-3", "meter", "active_power_kw", bus="b"),
        ),
    )


def fail(village, *meters: str) -> None:
    for meter in meters:
        village.frame(meter, {"active_power_kw": Quality.BAD}, reason="timeout")


def bus(village, name: str, silent: float) -> None:
    village.frame(name, {"devices_silent": silent, "devices_total": 2.0})


def test_children_of_a_dead_bus_are_recorded_but_not_told(village) -> None:
    bus(village, "bus-a", 2.0)
    for _ in range(2):
        fail(village, "m-1", "m-2")
        village.wait(10_000)
    assert village.states() == ["COM-06@bus-a active", "COM-02@m-1 active*", "COM-02@m-2 active*"]
    parent = village.told[0]
    assert {a.suppressed.alert for a in village.told[1:]} == {parent.id}


def test_a_parent_that_comes_a_little_later_still_catches_its_children(village) -> None:
    fail(village, "m-1", "m-2")
    village.wait(10_000)
    fail(village, "m-1", "m-2")
    assert village.told == []
    village.tick(10_000)
    assert village.told == []
    bus(village, "bus-a", 2.0)
    assert village.states() == ["COM-06@bus-a active", "COM-02@m-1 active*", "COM-02@m-2 active*"]


def test_a_child_alone_is_told_after_two_poll_periods(village) -> None:
    fail(village, "m-1")
    village.wait(10_000)
    fail(village, "m-1")
    village.tick(10_000)
    assert village.told == []
    village.tick(10_000)
    assert village.states() == ["COM-02@m-1 active"]


def test_a_child_waits_while_its_parent_is_still_counting(make, rules, dev) -> None:
    village = make(
        rules(BUS.replace("for: 0s", "for: 60s", 1), DEVICE),
        (
            dev("bus-a", "bus", "devices_silent", "devices_total", bus="a"),
            dev("m-1", "meter", "active_power_kw", bus="a"),
        ),
    )
    for _ in range(9):
        fail(village, "m-1")
        bus(village, "bus-a", 2.0)
        village.tick(10_000)
    assert village.states() == ["COM-06@bus-a active", "COM-02@m-1 active*"]


def test_another_bus_is_not_inhibited(village) -> None:
    bus(village, "bus-a", 2.0)
    bus(village, "bus-b", 1.0)
    for _ in range(4):
        fail(village, "m-3")
        village.tick(10_000)
    assert village.states() == ["COM-06@bus-a active", "COM-02@m-3 active"]


def test_a_child_that_still_holds_after_its_parent_is_told_then(village) -> None:
    bus(village, "bus-a", 2.0)
    for _ in range(2):
        fail(village, "m-1", "m-2")
        village.wait(10_000)
    village.told.clear()
    bus(village, "bus-a", 1.0)
    village.frame("m-2", {"active_power_kw": 1.0})
    for _ in range(3):
        village.tick(10_000)
        fail(village, "m-1")
    assert village.states() == ["COM-06@bus-a cleared", "COM-02@m-2 cleared*", "COM-02@m-1 active"]


def test_a_parent_that_comes_late_takes_back_what_was_told(village) -> None:
    for _ in range(5):
        fail(village, "m-1")
        village.tick(10_000)
    assert village.states() == ["COM-02@m-1 active"]
    bus(village, "bus-a", 2.0)
    assert village.states()[1:] == ["COM-06@bus-a active", "COM-02@m-1 active*"]


def test_a_child_that_ends_before_it_was_told_is_recorded(village) -> None:
    for _ in range(2):
        fail(village, "m-1")
        village.wait(1_000)
    village.frame("m-1", {"active_power_kw": 1.0})
    assert village.states() == ["COM-02@m-1 cleared"]


def test_suppression_survives_a_restart(village) -> None:
    bus(village, "bus-a", 2.0)
    for _ in range(2):
        fail(village, "m-1")
        village.wait(10_000)
    village.restart(away_ms=5_000, reboot=True)
    village.told.clear()
    fail(village, "m-1")
    for _ in range(3):
        bus(village, "bus-a", 2.0)
        fail(village, "m-1")
        village.tick(10_000)
    assert village.told == []
    assert {a.rule: bool(a.suppressed) for a in village.engine.open_alerts()} == {
        "COM-06": False,
        "COM-02": True,
    }
