"""A frame says what was read, and how far each value can be trusted."""

from agent.reading import Frame, Quality, Reading, Text


def frame(**changes) -> Frame:
    parts = {
        "device": "inv-1",
        "boot": "b",
        "seq": 1,
        "mono_ms": 10,
        "ts_ms": 1_000,
        "unsure": False,
        "span_ms": 3,
        "points": ("ac_power_kw", "temperature_c"),
        "values": (61.2, None),
        "faults": {1: Quality.ABSENT},
    }
    return Frame(**(parts | changes))


def test_a_point_is_good_unless_it_is_told_otherwise():
    assert frame().reading("ac_power_kw") == Reading(61.2, Quality.GOOD)
    assert frame().reading("temperature_c") == Reading(None, Quality.ABSENT)


def test_a_point_that_was_not_due_has_no_reading():
    assert frame().reading("frequency_hz") is None


def test_a_failed_poll_says_why():
    assert not frame().failed
    assert frame(reason="timeout").failed


def test_missing_is_never_a_value():
    assert frame().good_values() == {"ac_power_kw": 61.2}
    assert {quality for quality in Quality if quality.has_value} == {"good", "uncertain", "substituted"}


def test_texts_speak_both_languages():
    text = Text("Over-voltage", "过压")
    assert (text.in_("zh"), text.in_("en")) == ("过压", "Over-voltage")
