from collections import Counter
from math import gcd, lcm

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.modbus.address import Span, Table
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import Holes, LineCost, between, block_of, line_load, meetings, plan, split, turns
from agent.profile import Format, Link, Point, Profile
from agent.reading import Text

NETWORK = parse_url("tcp://plant").cost()
SERIAL = parse_url("rtu:///dev/ttyUSB0?baudrate=9600").cost()


def a_point(name, address, registers=1, *, table=Table.HOLDING, scale_at=None, every_ms=None):
    types = {1: "u16", 2: "f32", 4: "u64"}
    form = Format(types.get(registers, "string"), registers, scale_at=scale_at)
    return Point(name, table, address, form, every_ms=every_ms)


def a_profile(*points, every_ms=1_000, **link):
    return Profile(
        "p", "meter", (), "v", "m", Text("t", "t"), (), link=Link(**link), every_ms=every_ms, points=points
    )


def spans_of(blocks):
    return [(b.span.start, b.span.count) for b in blocks]


def at(*addresses, **more):
    return tuple(a_point(f"p{a}", a, **more) for a in addresses)


@pytest.mark.parametrize(
    ("cost", "addresses", "reads"),
    [
        (SERIAL, (0, 1, 2), [(0, 3)]),
        (SERIAL, (0, 8), [(0, 9)]),
        (SERIAL, (0, 40), [(0, 1), (40, 1)]),
        (NETWORK, (0, 40), [(0, 41)]),
        (NETWORK, (0, 100), [(0, 101)]),
        (NETWORK, (0, 125), [(0, 1), (125, 1)]),
    ],
    ids=[
        "neighbours",
        "a small gap",
        "a gap dearer than a request",
        "cheap bytes",
        "a wide gap",
        "too wide",
    ],
)
def test_a_gap_is_bridged_where_its_bytes_cost_less_than_a_request(cost, addresses, reads):
    assert spans_of(plan(a_profile(*at(*addresses)), cost=cost)) == reads


def test_a_device_that_takes_less_gets_less():
    assert [b.span.count for b in plan(a_profile(*at(*range(20)), max_registers=8), cost=NETWORK)] in (
        [8, 8, 4],
        [4, 8, 8],
        [8, 4, 8],
    )


def test_forbidden_ranges_and_holes_are_read_around():
    profile = a_profile(*at(0, 1, 10, 11), forbidden=((5, 2),))
    assert spans_of(plan(profile, cost=NETWORK)) == [(0, 2), (10, 2)]
    apart = Holes(apart=frozenset({Span(Table.HOLDING, 1, 10)}))
    assert spans_of(plan(a_profile(*at(0, 1, 10, 11)), cost=NETWORK, holes=apart)) == [(0, 2), (10, 2)]


def test_a_refused_point_is_left_out_and_read_around_and_the_others_are_kept():
    holes = Holes(refused=frozenset({Span(Table.HOLDING, 1, 1)}))
    blocks = plan(a_profile(*at(0, 1, 2)), cost=NETWORK, holes=holes)
    assert [(b.span.start, b.span.count, [p.name for p in b.points]) for b in blocks] == [
        (0, 1, ["p0"]),
        (2, 1, ["p2"]),
    ]


def test_a_point_that_only_shares_registers_with_a_refused_one_is_still_asked_for():
    holes = Holes(refused=frozenset({Span(Table.HOLDING, 4, 2)}))
    wide, narrow = a_point("wide", 4, 4), a_point("narrow", 5)
    blocks = plan(a_profile(wide, narrow, *at(9)), cost=NETWORK, holes=holes)
    assert sorted(([p.name for p in b.points], b.span.count) for b in blocks) == [
        (["narrow", "p9"], 5),
        (["wide"], 4),
    ]


def test_a_hole_of_another_table_does_not_matter():
    holes = Holes(refused=frozenset({Span(Table.INPUT, 1, 1)}))
    assert spans_of(plan(a_profile(*at(0, 1, 2)), cost=NETWORK, holes=holes)) == [(0, 3)]


def test_each_point_keeps_its_rate_and_no_point_is_read_faster_than_the_site_wants():
    profile = a_profile(a_point("fast", 0), a_point("slow", 1, every_ms=10_000), every_ms=1_000)

    def shown(every_ms=None):
        return [
            (sorted(t.rates_ms), round(1 / t.per_ms), [[p.name for p in b.points] for b in t.blocks])
            for t in turns(profile, cost=NETWORK, every_ms=every_ms)
        ]

    assert shown() == [
        ([1_000], 1_111, [["fast"]]),
        ([1_000, 10_000], 10_000, [["fast", "slow"]]),
    ]
    assert shown(5_000) == [([5_000], 10_000, [["fast"]]), ([5_000, 10_000], 10_000, [["fast", "slow"]])]
    assert shown(30_000) == [([30_000], 30_000, [["fast", "slow"]])]


def test_where_rates_meet_their_reads_are_merged_and_elsewhere_nobody_pays_for_it():
    slow = tuple(a_point(f"s{a}", a, every_ms=5_000) for a in (3, 4, 40))
    fast, both = turns(a_profile(*at(0, 1), *slow), cost=SERIAL)
    assert (sorted(fast.rates_ms), spans_of(fast.blocks)) == ([1_000], [(0, 2)])
    assert (sorted(both.rates_ms), spans_of(both.blocks)) == ([1_000, 5_000], [(0, 5), (40, 1)])


@pytest.mark.parametrize("names", [("state", "fault_code"), ("battery_state", "warning_code")])
def test_a_state_and_its_fault_word_come_in_one_request_however_dear_the_gap(names):
    state, fault = names
    pair = (a_point(state, 0), a_point(fault, 60, 2))
    assert spans_of(plan(a_profile(*pair), cost=SERIAL)) == [(0, 62)]
    assert spans_of(plan(a_profile(*pair, max_registers=61), cost=SERIAL)) == [(0, 1), (60, 2)]
    apart = Holes(apart=frozenset({Span(Table.HOLDING, 0, 61)}))
    assert spans_of(plan(a_profile(*pair), cost=SERIAL, holes=apart)) == [(0, 1), (60, 2)]


@given(st.sets(st.sampled_from([200, 300, 500, 1_000, 1_500, 7_000, 10_000, 60_000]), min_size=1, max_size=4))
def test_how_often_rates_meet_is_counted_right(rates):
    whole_ms = lcm(*rates)
    seen = Counter(
        frozenset(r for r in rates if at_ms % r == 0)
        for at_ms in range(0, whole_ms, 100)
        if any(at_ms % r == 0 for r in rates)
    )
    assert dict(meetings(rates)) == pytest.approx({due: n / whole_ms for due, n in seen.items()})


def test_a_scale_register_comes_in_the_same_request():
    (block,) = plan(a_profile(a_point("w", 10, scale_at=30)), cost=SERIAL)
    assert (block.span.start, block.span.count, block.used) == (10, 31, 2)


def test_a_point_that_the_device_cannot_give_at_once_is_named():
    with pytest.raises(ValueError, match="p0 needs 4 registers"):
        plan(a_profile(a_point("p0", 0, 4), max_registers=2), cost=NETWORK)
    with pytest.raises(ValueError, match="p0 lies in a forbidden range"):
        plan(a_profile(a_point("p0", 0), forbidden=((0, 1),)), cost=NETWORK)


@st.composite
def profiles(draw):
    widths = st.sampled_from([1, 1, 2, 4, 7])
    raw = draw(
        st.lists(st.tuples(st.integers(0, 300), widths, st.sampled_from(Table)), min_size=1, max_size=25)
    )
    points = tuple(
        a_point(f"p{i}", address, 1 if table.is_bits else registers, table=table)
        for i, (address, registers, table) in enumerate(raw)
    )
    return a_profile(*points, max_registers=draw(st.integers(8, 125)))


@st.composite
def costs(draw):
    return LineCost(draw(st.floats(0.001, 5)), draw(st.floats(0.1, 50)), draw(st.integers(8, 30)))


spans = st.frozensets(
    st.builds(Span, st.sampled_from(Table), st.integers(0, 310), st.integers(1, 3)), max_size=4
)
holes = st.builds(Holes, spans, spans)


@given(profiles(), costs(), holes)
def test_every_readable_point_is_in_exactly_one_legal_block(profile, cost, holes):
    blocks = plan(profile, cost=cost, holes=holes)
    placed = [p.name for b in blocks for p in b.points]
    assert sorted(placed) == sorted(p.name for p in profile.points if p.span not in holes.refused)
    for block in blocks:
        assert all(block.span.covers(p.span) for p in block.points)
        assert _is_legal(block.points, profile.link, holes)
        assert 1 <= block.used <= block.span.count


@st.composite
def small_maps(draw):
    """Few points close together, at up to three rates, so that all ways to read them can be tried."""
    count = draw(st.integers(1, 6))
    points = tuple(
        a_point(
            draw(st.sampled_from(["state", "fault_code", "x"])) + str(i) * (i > 1),
            draw(st.integers(0, 24)),
            draw(st.sampled_from([1, 2, 4])),
            every_ms=draw(st.sampled_from([None, 2_000, 3_000])),
        )
        for i in range(count)
    )
    near = st.frozensets(
        st.builds(Span, st.just(Table.HOLDING), st.integers(0, 26), st.integers(1, 3)), max_size=2
    )
    link = {"max_registers": draw(st.integers(4, 30)), "forbidden": ()}
    taken = {a for p in points for a in range(p.span.start, p.span.end)}
    free = sorted(set(range(28)) - taken)
    if free and draw(st.booleans()):
        link["forbidden"] = ((draw(st.sampled_from(free)), 1),)
    return a_profile(*points, **link), draw(st.builds(Holes, near, near))


@settings(max_examples=150)
@given(small_maps(), st.sampled_from([SERIAL, NETWORK, LineCost(1.0, 5.0, 13)]))
def test_no_other_way_to_read_what_is_due_takes_the_line_less_time(small_map, cost):
    profile, holes = small_map
    assume(len({p.name for p in profile.points}) == len(profile.points))
    least = sum(per_ms * _least_ms(profile, cost, holes, due) for due, per_ms in meetings(_rates(profile)))
    assert line_load(turns(profile, cost=cost, holes=holes), cost) == pytest.approx(least)


@settings(max_examples=50)
@given(small_maps(), st.sampled_from([SERIAL, NETWORK]))
def test_slow_points_that_always_ride_along_never_cost_less(small_map, cost):
    profile, holes = small_map
    assume(len({p.name for p in profile.points}) == len(profile.points))
    wanted = [p for p in profile.points if p.span not in holes.refused]
    legal = [way for way in _ways(wanted) if all(_is_legal(run, profile.link, holes) for run in way)]
    fixed = min(
        sum(
            cost.request_ms(block_of(run, 1).span) / gcd(*(p.every_ms or profile.every_ms for p in run))
            for run in way
        )
        for way in legal
    )
    assume(not _pairs(wanted))
    planned = turns(profile, cost=cost, holes=holes)
    assert line_load(planned, cost) <= fixed + 1e-9


def _rates(profile):
    return {p.every_ms or profile.every_ms for p in profile.points}


def _least_ms(profile, cost, holes, due):
    wanted = [
        p for p in profile.points if p.span not in holes.refused and (p.every_ms or profile.every_ms) in due
    ]
    ways = [way for way in _ways(wanted) if all(_is_legal(run, profile.link, holes) for run in way)]
    for state, fault in _pairs(wanted):
        together = [way for way in ways if any(state in run and fault in run for run in way)]
        if _is_legal([state, fault], profile.link, holes, several=True):
            ways = together
    return min(sum(cost.request_ms(block_of(run, 1).span) for run in way) for way in ways)


def _pairs(points):
    return [(s, f) for s in points for f in points if (s.name, f.name) == ("state", "fault_code")]


def _ways(points):
    """All partitions."""
    if not points:
        yield []
        return
    first, *rest = points
    for way in _ways(rest):
        yield [[first], *way]
        for i, run in enumerate(way):
            yield [*way[:i], [first, *run], *way[i + 1 :]]


def _is_legal(points, link, holes, *, several=False):
    hull = block_of(points, 1).span
    widest = min(2_000, 16 * link.max_registers) if hull.table.is_bits else link.max_registers
    if hull.count > widest or any(hull.start < a + n and a < hull.end for a, n in link.forbidden):
        return False
    covered = any(hull.covers(h) for h in holes.refused | holes.apart)
    return not covered or (not several and len({p.span for p in points}) == 1)


@given(profiles(), costs())
def test_splitting_ends_at_single_points_and_loses_none(profile, cost):
    for block in plan(profile, cost=cost):
        pieces, done = [block], []
        while pieces:
            piece = pieces.pop()
            if len(piece.points) == 1:
                done.extend(piece.points)
            else:
                pieces.extend(split(piece))
        assert sorted(p.name for p in done) == sorted(p.name for p in block.points)


def test_a_refused_block_is_split_at_its_gap():
    (block,) = plan(a_profile(*at(0, 1, 2, 20)), cost=NETWORK)
    first, second = split(block)
    assert (spans_of([first]), spans_of([second])) == ([(0, 3)], [(20, 1)])
    assert between(first, second) == Span(Table.HOLDING, 2, 19)
    assert between(*split(first)) in (Span(Table.HOLDING, 0, 2), Span(Table.HOLDING, 1, 2))


def test_of_two_blocks_that_overlap_only_the_whole_is_too_much():
    first, second = block_of([a_point("a", 0, 4)], 1), block_of([a_point("b", 2, 4)], 1)
    assert between(first, second) == Span(Table.HOLDING, 0, 6)
