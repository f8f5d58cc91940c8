"""Line protocol: measurement, tags, typed fields, milliseconds."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Frame, Quality
from gateway.journal.record import Change
from gateway.sinks.line_protocol import LineEncoder

KINDS = {"inv-1": "inverter", "hyb 1": "inverter"}


def frame(points, values, faults=None, device="inv-1", reason=None):
    return Frame(device, "b1", 7, 5, 1_780_000_000_000, False, 3, points, values, faults or {}, reason)


@pytest.mark.parametrize(
    ("points", "values", "faults", "line"),
    [
        (
            ("ac_power_kw", "energy_total_kwh"),
            (12.0, 1234567.25),
            {},
            "inverter,site=hall,device=inv-1 ac_power_kw=12.0,energy_total_kwh=1234567.25,seq=7i,bad=0i 1780000000000",
        ),
        (
            ("state", "insulation_ok"),
            ('say "hi"\\', True),
            {},
            'inverter,site=hall,device=inv-1 state="say \\"hi\\"\\\\",insulation_ok=true,seq=7i,bad=0i 1780000000000',
        ),
        (
            ("temperature_c", "state"),
            (None, "unknown:7"),
            {0: Quality.ABSENT, 1: Quality.UNCERTAIN},
            'inverter,site=hall,device=inv-1 state="unknown:7",seq=7i,bad=2i 1780000000000',
        ),
        (
            ("temperature_c",),
            (None,),
            {0: Quality.BAD},
            "inverter,site=hall,device=inv-1 seq=7i,bad=1i 1780000000000",
        ),
        (
            ("a b,c=d",),
            (1e-7,),
            {},
            "inverter,site=hall,device=inv-1 a\\ b\\,c\\=d=1e-07,seq=7i,bad=0i 1780000000000",
        ),
    ],
    ids=["numbers are floats", "texts and flags", "missing is not written", "nothing good", "escaped"],
)
def test_a_frame_is_one_line(points, values, faults, line):
    assert LineEncoder("hall", KINDS).frame(frame(points, values, faults)) == line


def test_an_estimated_time_says_so():
    estimated = replace(frame(("ac_power_kw",), (12.0,)), unsure=True)
    line = 'inverter,site=hall,device=inv-1 ac_power_kw=12.0,seq=7i,bad=0i,clock="estimated" 1780000000000'
    assert LineEncoder("hall", KINDS).frame(estimated) == line
    failed = replace(estimated, reason="timeout")
    line = 'inverter,site=hall,device=inv-1 seq=7i,bad=1i,clock="estimated" 1780000000000'
    assert LineEncoder("hall", KINDS).frame(failed) == line


def test_a_failed_poll_counts_all_its_points_as_bad():
    failed = frame(("a", "b"), (None, None), {0: Quality.BAD, 1: Quality.BAD}, reason="timeout")
    line = "inverter,site=hall,device=inv-1 seq=7i,bad=2i 1780000000000"
    assert LineEncoder("hall", KINDS).frame(failed) == line


def test_tags_are_escaped():
    line = LineEncoder("old hall", KINDS).frame(frame(("a",), (1.0,), device="hyb 1"))
    assert line.startswith("inverter,site=old\\ hall,device=hyb\\ 1 a=1.0,")


@given(st.floats(), st.text())
def test_a_line_is_one_line_with_finite_numbers(number, text):
    line = LineEncoder("hall", KINDS).frame(frame(("x_kw", "note"), (number, text)))
    assert "\n" not in line
    assert ("x_kw=" in line.split('"')[0]) == math.isfinite(number)
    assert f"bad={0 if math.isfinite(number) else 1}i" in line


ALERT = {
    "id": "a1",
    "rule": "PV-01",
    "device": "inv-1",
    "channel": None,
    "state": "active",
    "severity": "high",
}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            {"alert": ALERT},
            'alert,site=hall,device=inv-1,rule=PV-01 state="active",severity="high",id="a1" 99',
        ),
        (
            {"alert": ALERT | {"channel": 2}},
            'alert,site=hall,device=inv-1,rule=PV-01,channel=2 state="active",severity="high",id="a1" 99',
        ),
        ({"ticket": "t1", "event": {}}, None),
    ],
    ids=["an alert", "of a channel", "a ticket is none"],
)
def test_alert_changes_have_a_measurement_of_their_own(body, line):
    assert LineEncoder("hall", KINDS).alert(Change("b1", 1, 5, 99, False, body)) == line
