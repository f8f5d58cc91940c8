"""The power balance: who is counted where, and what a missing part does to the sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Quality
from gateway.console.balance import Figure, Part, balance

GOOD, BAD, STALE, UNCERTAIN, SUBSTITUTED = (
    Quality.GOOD,
    Quality.BAD,
    Quality.STALE,
    Quality.UNCERTAIN,
    Quality.SUBSTITUTED,
)


def part(id_, kinds, role=None, parent=None, **points):
    figures = {
        name: value if isinstance(value, Figure) else Figure(float(value), GOOD)
        for name, value in points.items()
    }
    return Part(id_, tuple(kinds.split()), role, parent, figures.get)


def main(kw):
    return part("m", "meter", "main_meter", active_power_kw=kw)


def pv(kw, id_="inv"):
    return part(id_, "inverter", ac_power_kw=kw)


def bat(kw):
    return part("bat", "battery", battery_power_kw=kw)


def chg(kw, id_="chg"):
    return part(id_, "charger", charging_power_kw=kw)


def sub(kw, id_="s", parent="m"):
    return part(id_, "meter", "sub_meter", parent, active_power_kw=kw)


def hybrid(ac, battery, **more):
    return part("hyb", "inverter battery meter", ac_power_kw=ac, battery_power_kw=battery, **more)


NONE = (None, None)

TABLE = {
    "an empty site": ([], [NONE] * 6),
    "a meter alone: all it sees is load": (
        [main(12)],
        [(12, GOOD), NONE, NONE, NONE, (12, SUBSTITUTED), NONE],
    ),
    "two inverters add": (
        [main(-20), pv(30), pv(31, "inv2")],
        [(-20, GOOD), (61, GOOD), NONE, NONE, (41, SUBSTITUTED), NONE],
    ),
    "charging takes, discharging gives": (
        [main(10), pv(20), bat(-8), chg(7), chg(15, "chg2")],
        [(10, GOOD), (20, GOOD), (-8, GOOD), (22, GOOD), (16, SUBSTITUTED), NONE],
    ),
    "without a main meter there is no load to derive": ([pv(20)], [NONE, (20, GOOD), NONE, NONE, NONE, NONE]),
    "a silent inverter is a hole in pv and load": (
        [main(10), pv(20), pv(Figure(None, BAD), "inv2")],
        [(10, GOOD), (None, BAD), NONE, NONE, (None, BAD), NONE],
    ),
    "a device without the point is a hole too": (
        [main(10), part("inv", "inverter")],
        [(10, GOOD), (None, BAD), NONE, NONE, (None, BAD), NONE],
    ),
    "the worst quality stays with the sum": (
        [main(Figure(10.0, UNCERTAIN)), pv(20)],
        [(10, UNCERTAIN), (20, GOOD), NONE, NONE, (30, UNCERTAIN), NONE],
    ),
    "a stale main meter": (
        [main(Figure(None, STALE)), pv(20), sub(5)],
        [(None, STALE), (20, GOOD), NONE, NONE, (None, STALE), (None, STALE)],
    ),
    "what an inverter draws at night is no generation but load sees it": (
        [main(5), pv(-0.1)],
        [(5, GOOD), (0, GOOD), NONE, NONE, (4.9, SUBSTITUTED), NONE],
    ),
    "sub-meters leave a residual": (
        [main(10), sub(6), sub(3.7, "s2")],
        [(10, GOOD), NONE, NONE, NONE, (10, SUBSTITUTED), (0.3, SUBSTITUTED)],
    ),
    "a meter below a sub-meter is not counted twice": (
        [main(10), sub(6), sub(2, "s2", parent="s")],
        [(10, GOOD), NONE, NONE, NONE, (10, SUBSTITUTED), (4, SUBSTITUTED)],
    ),
    "a hybrid hides its battery behind one port": (
        [main(2), hybrid(ac=5, battery=3)],
        [(2, GOOD), (8, GOOD), (3, GOOD), NONE, (7, SUBSTITUTED), NONE],
    ),
    "a hybrid's own grid meter is the main meter where there is no other": (
        [hybrid(ac=5, battery=-1, active_power_kw=1)],
        [(1, GOOD), (4, GOOD), (-1, GOOD), NONE, (6, SUBSTITUTED), NONE],
    ),
    "a hybrid beside a cabinet": (
        [main(0), hybrid(ac=5, battery=3), bat(2)],
        [(0, GOOD), (8, GOOD), (5, GOOD), NONE, (3, SUBSTITUTED), NONE],
    ),
    "meters stand in for machines that do not talk": (
        [
            main(1),
            part("p", "meter", "pv_meter", active_power_kw=-20),
            part("b", "meter", "storage_meter", active_power_kw=4),
            part("c", "meter", "charger_meter", active_power_kw=7),
        ],
        [(1, GOOD), (20, GOOD), (4, GOOD), (7, GOOD), (10, SUBSTITUTED), NONE],
    ),
    "and are not counted beside machines that do": (
        [main(1), pv(20), part("p", "meter", "pv_meter", active_power_kw=-20)],
        [(1, GOOD), (20, GOOD), NONE, NONE, (21, SUBSTITUTED), NONE],
    ),
}


@pytest.mark.parametrize(("parts", "expected"), TABLE.values(), ids=TABLE.keys())
def test_the_balance(parts, expected):
    found = balance(parts)
    figures = [
        found.grid_kw,
        found.pv_kw,
        found.battery_kw,
        found.charging_kw,
        found.load_kw,
        found.residual_kw,
    ]
    for figure, (value, quality) in zip(figures, expected, strict=True):
        if quality is None:
            assert figure is None
        else:
            assert figure.quality is quality
            assert figure.value == (None if value is None else pytest.approx(value))


kw = st.floats(-500, 500)


@given(
    grid=kw, pvs=st.lists(st.floats(0, 500), min_size=1, max_size=4), battery=kw, charging=st.floats(0, 500)
)
def test_whatever_flows_adds_up(grid, pvs, battery, charging):
    parts = [main(grid), bat(battery), chg(charging), *(pv(v, f"i{n}") for n, v in enumerate(pvs))]
    found = balance(parts)
    assert found.load_kw.value == pytest.approx(grid + sum(pvs) - battery - charging)


@given(grid=kw, ac=kw, battery=kw)
def test_with_a_hybrid_the_load_is_what_the_ac_side_says(grid, ac, battery):
    found = balance([main(grid), hybrid(ac=ac, battery=battery)])
    assert found.load_kw.value == pytest.approx(grid + ac)
    assert found.pv_kw.value >= 0
