"""The desk over the moment at which the time becomes known: nothing is late that is not, nothing opens too soon."""

import pytest

NOON_MS = 1_780_000_000_000


@pytest.fixture
async def unsure(house):
    """A house that woke up in 1970, an hour ago."""
    house.clock.is_trusted = False
    house.clock._start_utc_ms = 0
    house.wait(minutes=60)
    return house


async def test_the_clocks_of_a_ticket_go_on_in_true_time(unsure):
    house = unsure
    house.alert("a1")
    await house.settle()
    before = await house.only()
    assert before["number"] is None
    opened_ms, due_ms = before["opened"], before["clocks"]["accept"]["due"]
    assert opened_ms == 3_600_000
    house.wait(minutes=5)
    house.clock.learn(NOON_MS)
    await house.settle()
    ticket = await house.only()
    assert ticket["number"] == "T-20260529-s1-001"
    assert ticket["opened"] == NOON_MS - 300_000
    clock = ticket["clocks"]["accept"]
    assert clock["due"] - ticket["opened"] == due_ms - opened_ms, "as much time as was promised"
    assert clock["started"] == NOON_MS - 300_000
    assert clock["state"] == "running", "not late"
    assert ticket["events"][0]["at"] == opened_ms, "the log says what was known then"


async def test_an_alert_that_has_to_stand_for_a_while_does_so_over_the_leap(unsure):
    house = unsure
    silent = {"rule": "COM-02", "values": {"failed_polls": 5.0}}
    house.alert("a1", **silent)
    await house.settle()
    house.wait(seconds=60)
    house.clock.learn(NOON_MS)
    await house.settle()
    assert await house.tickets() == []
    house.wait(seconds=61)
    await house.settle()
    assert len(await house.tickets()) == 1
