"""The JSON by MQTT: exactly the contract's shapes."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.address import Table
from agent.profile import Format, Link, Point, Profile
from agent.reading import Frame, Quality, Text
from gateway.journal.record import Change, Gap
from gateway.sinks import mqtt_json
from gateway.sinks.mqtt_json import DeviceMeta, Topics

POINTS = ("ac_power_kw", "state", "insulation_ok", "temperature_c")


def frame(values, faults=None, **over):
    base = {
        "device": "inv-1",
        "boot": "b1",
        "seq": 7,
        "mono_ms": 5,
        "ts_ms": 1_780_000_000_000,
        "unsure": False,
        "span_ms": 12,
        "points": POINTS,
        "values": values,
        "faults": faults or {},
    }
    return Frame(**base | over)


def test_a_good_frame_has_values_and_an_empty_quality():
    assert json.loads(mqtt_json.readings(frame((12.5, "running", True, 41.0)))) == {
        "ts": 1_780_000_000_000,
        "boot": "b1",
        "seq": 7,
        "values": {"ac_power_kw": 12.5, "state": "running", "insulation_ok": True, "temperature_c": 41.0},
        "quality": {},
        "span_ms": 12,
    }


def test_quality_names_every_due_point_that_is_not_good_and_values_only_what_has_one():
    sent = json.loads(
        mqtt_json.readings(
            frame((12.5, "unknown:9", None, None), {1: Quality.UNCERTAIN, 2: Quality.BAD, 3: Quality.ABSENT})
        )
    )
    assert sent["values"] == {"ac_power_kw": 12.5, "state": "unknown:9"}
    assert sent["quality"] == {"state": "uncertain", "insulation_ok": "bad", "temperature_c": "absent"}


def test_a_failed_poll_is_a_frame_without_values_and_with_its_reason():
    failed = frame((None,) * 4, dict.fromkeys(range(4), Quality.BAD), reason="timeout")
    sent = json.loads(mqtt_json.readings(failed))
    assert (sent["values"], sent["quality"], sent["reason"]) == ({}, {"*": "bad"}, "timeout")


@pytest.mark.parametrize(
    ("unsure", "late", "clock", "marked"),
    [(False, False, None, None), (True, False, "unsure", None), (True, True, "unsure", True)],
)
def test_an_untrusted_clock_and_a_late_frame_say_so(unsure, late, clock, marked):
    sent = json.loads(mqtt_json.readings(frame((1.0, "off", False, 2.0), unsure=unsure), late=late))
    assert sent.get("clock") == clock
    assert sent.get("late") == marked


@given(st.lists(st.floats(), min_size=4, max_size=4))
def test_numbers_are_finite_whatever_came_in(values):
    sent = json.loads(mqtt_json.readings(frame(tuple(values))))
    assert all(isinstance(value, float) and math.isfinite(value) for value in sent["values"].values())
    lost = {point for point, value in zip(POINTS, values, strict=True) if not math.isfinite(value)}
    assert sent["quality"] == dict.fromkeys(lost, "bad")
    assert sent["values"].keys() | lost == set(POINTS)


def test_the_topics_of_the_contract():
    topics = Topics("microgrid", "hall")
    assert [
        topics.status,
        topics.meta("inv-1"),
        topics.device_status("inv-1"),
        topics.readings("inv-1"),
        topics.gaps("inv-1"),
        topics.alert("a1"),
        topics.ticket("t1"),
        topics.changes,
    ] == [
        "microgrid/hall/status",
        "microgrid/hall/inv-1/meta",
        "microgrid/hall/inv-1/status",
        "microgrid/hall/inv-1/readings",
        "microgrid/hall/inv-1/gaps",
        "microgrid/hall/alerts/a1",
        "microgrid/hall/tickets/t1",
        "microgrid/hall/changes",
    ]


def test_site_and_device_status():
    assert json.loads(mqtt_json.site_status("offline", since_ms=None, boot="b1", version="0.1.0")) == {
        "state": "offline",
        "since": None,
        "boot": "b1",
        "version": "0.1.0",
    }
    assert json.loads(mqtt_json.device_status("unsure", 5)) == {"state": "unsure", "since": 5}


def test_meta_comes_from_the_profile_and_from_what_the_device_said():
    profile = Profile(
        name="goodwe-et",
        kind="inverter",
        also=("battery", "meter"),
        vendor="GoodWe",
        model="ET",
        title=Text("x", "x"),
        sources=(),
        link=Link(),
        every_ms=1_000,
        points=(
            Point("ac_power_kw", Table.HOLDING, 1, Format("i16", 1), unit="kW"),
            Point("state", Table.HOLDING, 2, Format("u16", 1, states={0: "off"})),
        ),
    )
    assert json.loads(mqtt_json.meta(DeviceMeta.of(profile, model="GW10K-ET", serial="91000"))) == {
        "kind": "inverter",
        "also": ["battery", "meter"],
        "profile": "goodwe-et",
        "vendor": "GoodWe",
        "model": "GW10K-ET",
        "serial": "91000",
        "points": {
            "ac_power_kw": {"unit": "kW", "type": "number"},
            "state": {"unit": "", "type": "string"},
        },
    }


def test_changes_carry_their_place_and_gaps_their_bounds():
    change = Change("b1", 3, 10, 99, True, {"alert": {"id": "a1"}})
    assert json.loads(mqtt_json.change(change, late=True)) == {
        "boot": "b1",
        "seq": 3,
        "ts": 99,
        "alert": {"id": "a1"},
        "clock": "unsure",
        "late": True,
    }
    gap = Gap(1, "inv-1", "b1", 10, 20, 3, (4, 6), "backoff")
    assert json.loads(mqtt_json.gap(gap, late=True))["late"] is True
    assert json.loads(mqtt_json.gap(gap)) == {
        "boot": "b1",
        "from": 10,
        "to": 20,
        "slots": 3,
        "seq": [4, 6],
        "reason": "backoff",
    }


def test_a_ticket_leaves_the_site_with_persons_as_ids_only():
    document = {
        "id": "t1",
        "assignee": {"id": "zhang", "name": "Zhang", "role": "inspector"},
        "events": [{"event": "accept", "by": {"id": "zhang", "name": "Zhang"}, "at": 5}],
        "evidence": [{"name": "readings.csv", "size": 5}],
    }
    assert json.loads(mqtt_json.ticket(document)) == {
        "id": "t1",
        "assignee": "zhang",
        "events": [{"event": "accept", "by": "zhang", "at": 5}],
        "evidence": [{"name": "readings.csv", "size": 5}],
    }
