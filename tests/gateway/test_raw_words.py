"""The words behind a value, as evidence: anybody can work the value out again."""

from agent.last_poll import BlockPoll, LastPoll
from agent.modbus.address import Table
from agent.reading import Quality, Reading
from gateway.profiles import ProfileShelf
from gateway.raw_words import raw_lines


def test_each_read_is_a_line_with_its_points_and_their_words():
    profile = ProfileShelf().find("eastron-sdm630")
    poll = LastPoll(
        "meter-1",
        None,
        (
            BlockPoll(Table.INPUT, 0, 2, (17254, 16384), 5_000, None),
            BlockPoll(Table.INPUT, 52, 2, None, 5_000, "timeout"),
        ),
        {},
    )
    readings = {"ac_voltage_l1_v": Reading(230.25, Quality.GOOD)}
    first, second = raw_lines(poll, profile.points, readings, lambda mono_ms: 1_000_000 + mono_ms)
    assert first == {
        "device": "meter-1",
        "ts": 1_005_000,
        "function": 4,
        "address": 0,
        "count": 2,
        "words": [17254, 16384],
        "problem": None,
        "points": {"ac_voltage_l1_v": {"address": 0, "count": 2, "value": 230.25, "quality": "good"}},
    }
    assert (second["words"], second["problem"]) == (None, "timeout")
    assert second["points"]["active_power_kw"] == {"address": 52, "count": 2, "value": None, "quality": None}
