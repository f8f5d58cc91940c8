import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.address import Span, Table
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import LineCost, block_of, gap_between, line_load, plan, split
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
    hole = frozenset({Span(Table.HOLDING, 4, 1)})
    assert spans_of(plan(a_profile(*at(0, 1, 10, 11)), cost=NETWORK, holes=hole)) == [(0, 2), (10, 2)]


def test_a_point_in_a_hole_is_left_out_and_the_others_are_kept():
    blocks = plan(a_profile(*at(0, 1, 2)), cost=NETWORK, holes=frozenset({Span(Table.HOLDING, 1, 1)}))
    assert [p.name for b in blocks for p in b.points] == ["p0", "p2"]


def test_a_hole_of_another_table_does_not_matter():
    holes = frozenset({Span(Table.INPUT, 1, 1)})
    assert spans_of(plan(a_profile(*at(0, 1, 2)), cost=NETWORK, holes=holes)) == [(0, 3)]


def test_each_point_keeps_its_rate_and_no_point_is_read_faster_than_the_site_wants():
    profile = a_profile(a_point("fast", 0), a_point("slow", 1, every_ms=10_000), every_ms=1_000)
    assert [(b.every_ms, b.points[0].name) for b in plan(profile, cost=NETWORK)] == [
        (1_000, "fast"),
        (10_000, "slow"),
    ]
    assert [b.every_ms for b in plan(profile, cost=NETWORK, every_ms=5_000)] == [5_000, 10_000]
    assert [b.every_ms for b in plan(profile, cost=NETWORK, every_ms=30_000)] == [30_000]


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


holes = st.frozensets(
    st.builds(Span, st.sampled_from(Table), st.integers(0, 310), st.integers(1, 3)), max_size=4
)


@given(profiles(), costs(), holes)
def test_every_readable_point_is_in_exactly_one_legal_block_at_no_more_than_the_cost_of_asking_singly(
    profile, cost, holes
):
    blocks = plan(profile, cost=cost, holes=holes)
    touched = {p.name for p in profile.points if any(_overlap(p.span, h) for h in holes)}
    placed = [p.name for b in blocks for p in b.points]
    assert sorted(placed) == sorted({p.name for p in profile.points} - touched)
    for block in blocks:
        assert all(block.span.covers(p.span) for p in block.points)
        assert block.span.table.is_bits or block.span.count <= profile.link.max_registers
        assert not any(_overlap(block.span, h) for h in holes)
        assert 1 <= block.used <= block.span.count
    singly = [block_of([p], 1_000) for p in profile.points if p.name not in touched]
    assert line_load(blocks, cost) <= line_load(singly, cost) + 1e-9


def _overlap(a, b):
    return a.table is b.table and a.start < b.end and b.start < a.end


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
    assert gap_between(first, second) == Span(Table.HOLDING, 3, 17)
    assert gap_between(*split(first)) is None
