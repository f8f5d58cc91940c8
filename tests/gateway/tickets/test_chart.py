"""The chart of the evidence: well-formed, alone, and true to its readings."""

import re
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agent.rules.limits import Limit
from gateway.tickets.chart import HEIGHT, Curve, chart

ZONE = ZoneInfo("Asia/Shanghai")
T0 = 1_780_000_000_000


def drawn(samples, limits=(), title="bat-1 · Cell <max> & more", marks=()):
    svg = chart([Curve(title, "°C", samples, limits)], marks, ZONE)
    return svg, ET.fromstring(svg)  # noqa: S314  # our own text


def moves(svg: str) -> list[str]:
    return re.findall(r"[ML][^ML]*", re.search(r'<path d="([^"]*)"', svg)[1])


def test_limits_marks_and_names_are_shown_as_text():
    limit = Limit("t", ">=", 45.0, "when")
    svg, root = drawn([(T0, 40.0), (T0 + 60_000, 46.0)], [limit], marks=[(T0 + 30_000, "BAT-01")])
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "bat-1 · Cell <max> & more (°C)" in said
    assert "when >= 45" in said
    assert "BAT-01" in said
    assert "05-29 04:26:40" in said
    assert "script" not in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_gap_is_not_bridged_and_a_lone_sample_is_a_dot():
    samples = [(T0 + n * 10_000, 40.0 + n) for n in range(4)]
    samples += [(T0 + 40_000, None), (T0 + 50_000, 41.0), (T0 + 60_000, None), (T0 + 200_000, 42.0)]
    svg, _ = drawn(samples)
    assert [move[0] for move in moves(svg)] == ["M", "L", "L", "L", "M", "M"]


def test_many_samples_keep_their_peaks():
    samples = [(T0 + n * 1_000, 20.0) for n in range(7_200)]
    samples[3_333] = (T0 + 3_333_000, 99.0)
    svg, _ = drawn(samples)
    heights = [float(re.split(r"[ h]", move[1:])[1]) for move in moves(svg)]
    assert min(heights) < 60 < max(heights)
    assert len(svg) < 40_000


def test_nothing_to_draw_says_so():
    svg = chart([Curve("x", "", [(T0, None)])], (), ZONE)
    assert "no readings" in svg
    ET.fromstring(svg)  # noqa: S314  # our own text


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=50))
def test_every_good_sample_lies_inside_its_panel(values):
    samples = [(T0 + n * 1_000, value) for n, value in enumerate(values)]
    if all(value is None for value in values):
        return
    svg, _ = drawn(samples)
    for move in moves(svg):
        x, y = (float(part) for part in re.split(r"[ h]", move[1:])[:2])
        assert 0 <= x <= 760
        assert 0 <= y <= HEIGHT
