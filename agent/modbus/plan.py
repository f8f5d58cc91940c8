"""Points → reads: which registers to ask for together, at the least time on the wire.

Every turn of a device is planned by itself: of all ways to read the points that are due in it,
the one that takes the line the shortest time, and no other points. So where several rates meet,
their reads are merged if that is cheaper, and elsewhere nobody pays for it. The model of the
cost is stated in docs/acquisition.md. This module knows no device and no time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import lcm

from agent.modbus.address import MAX_BITS, Span, Table
from agent.profile import Link, Point, Profile


@dataclass(frozen=True, slots=True)
class LineCost:
    """What a line charges for a read.

    Args:
        byte_ms: time of one byte.
        turnaround_ms: the device's thinking and all silences around one exchange.
        overhead_bytes: request and reply without the data.
    """

    byte_ms: float
    turnaround_ms: float
    overhead_bytes: int

    def request_ms(self, span: Span) -> float:
        """Line time of one read."""
        size = (span.count + 7) // 8 if span.table.is_bits else 2 * span.count
        return self.turnaround_ms + (self.overhead_bytes + size) * self.byte_ms


@dataclass(frozen=True, slots=True)
class Holes:
    """What a device has been found to refuse.

    Args:
        refused: spans of points that it does not give even alone.
        apart: spans that no request may cover as a whole, though their parts can be read.
    """

    refused: frozenset[Span] = frozenset()
    apart: frozenset[Span] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.refused or self.apart)

    def __or__(self, other: "Holes") -> "Holes":
        return Holes(self.refused | other.refused, self.apart | other.apart)

    def __and__(self, other: "Holes") -> "Holes":
        return Holes(self.refused & other.refused, self.apart & other.apart)

    def __sub__(self, other: "Holes") -> "Holes":
        return Holes(self.refused - other.refused, self.apart - other.apart)

    def within(self, span: Span) -> "Holes":
        """Those that a read of this span would cover."""
        return Holes(*(frozenset(s for s in own if span.covers(s)) for own in (self.refused, self.apart)))


NO_HOLES = Holes()


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the points that its reply holds. Blocks of one turn differ in points.

    Args:
        span: what is asked for.
        points: those that are due; the rest of the span only saves requests.
        every_ms: the shortest rate among them.
    """

    span: Span
    points: tuple[Point, ...]
    every_ms: int

    @property
    def used(self) -> int:
        """Registers (or bits) that some point needs."""
        needed: set[int] = set()
        for point in self.points:
            needed.update(point.address + place for place in point.format.places)
        return len(needed)


@dataclass(frozen=True, slots=True)
class Turn:
    """All turns of a device in which the same rates are due.

    Args:
        rates_ms: which.
        per_ms: how many of them come in a millisecond.
        blocks: what is read in each.
    """

    rates_ms: frozenset[int]
    per_ms: float
    blocks: tuple[Block, ...]


def plan(
    profile: Profile,
    *,
    cost: LineCost,
    every_ms: int | None = None,
    holes: Holes = NO_HOLES,
    due_ms: frozenset[int] | None = None,
) -> tuple[Block, ...]:
    """Cover every readable point that is due with exactly one block, at the least line time.

    Values wider than a register and their scale registers are never torn over two blocks; nor are
    a state and the fault words beside it, where the device can give them in one request.

    Args:
        profile: with concrete points.
        cost: of the line that the device hangs on.
        every_ms: the site's own rate for this device; no point is read more often than it.
        holes: what the device is known to refuse.
        due_ms: the rates that are due; None: all of them.

    Raises:
        ValueError: a point alone is wider than the device allows, or lies in a forbidden range.
    """
    link = profile.link
    for point in profile.points:
        if point.span.count > _widest(link, point.table):
            raise ValueError(
                f"{point.name} needs {point.span.count} registers in one request, "
                f"{profile.name} allows {_widest(link, point.table)}"
            )
        if _is_forbidden(point.span, link):
            raise ValueError(f"{point.name} lies in a forbidden range of {profile.name}")
    rates = {point.name: rate_ms(point, profile, every_ms) for point in profile.points}
    wanted = [
        point
        for point in profile.points
        if point.span not in holes.refused and (due_ms is None or rates[point.name] in due_ms)
    ]
    blocks: list[Block] = []
    for _, of_table in groupby(sorted(wanted, key=_by_table), key=_by_table):
        runs = _cover(list(of_table), link, cost, holes)
        blocks += [block_of(run, min(rates[point.name] for point in run)) for run in runs]
    return tuple(blocks)


def turns(
    profile: Profile, *, cost: LineCost, every_ms: int | None = None, holes: Holes = NO_HOLES
) -> tuple[Turn, ...]:
    """Every kind of turn that the device has, its rates being counted from one instant.

    Raises:
        ValueError: see `plan`.
    """
    rates = {rate_ms(point, profile, every_ms) for point in profile.points}
    return tuple(
        Turn(due, per_ms, plan(profile, cost=cost, every_ms=every_ms, holes=holes, due_ms=due))
        for due, per_ms in meetings(rates)
    )


def meetings(rates_ms: Iterable[int]) -> Iterator[tuple[frozenset[int], float]]:
    """Which rates are due together, and how often that happens in a millisecond."""
    rates = sorted(set(rates_ms))
    all_due = [frozenset(r for i, r in enumerate(rates) if bits >> i & 1) for bits in range(1 << len(rates))]
    exactly = [Fraction(1, lcm(*due)) if due else Fraction(0) for due in all_due]
    for i in range(len(rates)):  # at least these are due → exactly these are due
        for bits in range(1, len(exactly)):
            if not bits >> i & 1:
                exactly[bits] -= exactly[bits | 1 << i]
    for due, per_ms in zip(all_due, exactly, strict=True):
        if due and per_ms:
            yield due, float(per_ms)


def line_load(planned: Iterable[Turn], cost: LineCost) -> float:
    """The share of the line's time that these turns take, 1.0 = all of it."""
    return sum(turn.per_ms * sum(cost.request_ms(b.span) for b in turn.blocks) for turn in planned)


def rate_ms(point: Point, profile: Profile, every_ms: int | None) -> int:
    """How often a point is due, with the site's own rate for its device."""
    if point.every_ms is None:
        return every_ms or profile.every_ms
    return max(point.every_ms, every_ms or 0)


def block_of(points: Sequence[Point], every_ms: int) -> Block:
    """The narrowest block that holds these points of one table.

    Raises:
        ValueError: no points, or points of several tables.
    """
    if len({p.table for p in points}) != 1:
        raise ValueError("a block holds points of exactly one table")
    return Block(_hull(points), tuple(points), every_ms)


def split(block: Block) -> tuple[Block, Block]:
    """Halve a refused block, at its widest gap if it has one: that is where the trouble mostly lies.

    Raises:
        ValueError: the block holds one point; it cannot be split.
    """
    if len(block.points) < 2:
        raise ValueError("a block of one point cannot be split")
    points = sorted(block.points, key=_by_place)
    middle = len(points) / 2
    end, cuts = points[0].span.end, []
    for index, point in enumerate(points[1:], 1):
        cuts.append((point.span.start - end, -abs(index - middle), index))
        end = max(end, point.span.end)
    gap, _, at = max(cuts)
    if gap <= 0:
        at = len(points) // 2
    return block_of(points[:at], block.every_ms), block_of(points[at:], block.every_ms)


def between(first: Block, second: Block) -> Span:
    """What no request may cover when two blocks can be read, but not in one request."""
    end, start = max(p.span.end for p in first.points), min(p.span.start for p in second.points)
    if start < end:  # they overlap: only the whole is known to be too much
        return _hull((*first.points, *second.points))
    return Span(first.span.table, end - 1, start - end + 2)


def _by_table(point: Point) -> Table:
    return point.table


def _by_place(point: Point) -> tuple[int, int]:
    return point.span.start, point.span.end


def _hull(points: Sequence[Point]) -> Span:
    start, end = min(p.span.start for p in points), max(p.span.end for p in points)
    return Span(points[0].table, start, end - start)


def _widest(link: Link, table: Table) -> int:
    return min(MAX_BITS, 16 * link.max_registers) if table.is_bits else link.max_registers


def _is_forbidden(span: Span, link: Link) -> bool:
    return any(start < span.end and span.start < start + count for start, count in link.forbidden)


def _can_be_asked(span: Span, link: Link, holes: Holes) -> bool:
    """Whether a request for several points may be as wide as this; then a narrower one may, too."""
    return (
        span.count <= _widest(link, span.table)
        and not _is_forbidden(span, link)
        and not any(span.covers(hole) for hole in holes.refused)
        and not any(span.covers(hole) for hole in holes.apart)
    )


def _cover(points: list[Point], link: Link, cost: LineCost, holes: Holes) -> list[list[Point]]:
    """The cheapest way to ask for points of one table.

    What must be asked together is one item. Of the cheapest ways, one cuts the items, in order of
    address, into runs: where two runs overlap, what starts in the second can be moved into it, and
    a run inside another is not needed. So it is enough to look at the places to cut.
    """
    alone: dict[Span, list[Point]] = {}
    together: list[Point] = []
    for point in points:
        if _can_be_asked(point.span, link, holes):
            together.append(point)
        else:  # it holds what was refused to others; asked just for itself it may be given
            alone.setdefault(point.span, []).append(point)
    items = _items(together, link, holes)
    hulls = [_hull(item) for item in items]
    best_ms = [0.0] + [float("inf")] * len(items)
    cut_at = [0] * (len(items) + 1)
    for first in range(len(items)):
        hull = hulls[first]
        for last in range(first, len(items)):
            end = max(hull.end, hulls[last].end)
            hull = Span(hull.table, hull.start, end - hull.start)
            if not _can_be_asked(hull, link, holes):
                break
            total_ms = best_ms[first] + cost.request_ms(hull)
            if total_ms < best_ms[last + 1]:
                best_ms[last + 1], cut_at[last + 1] = total_ms, first
    runs: list[list[Point]] = []
    stop = len(items)
    while stop:
        first = cut_at[stop]
        runs.append(sorted((p for item in items[first:stop] for p in item), key=_by_place))
        stop = first
    return runs[::-1] + list(alone.values())


_STATES = ("state", "battery_state", "connector_state")
_FAULTS = ("fault_code", "fault_number", "warning_code")


def _items(points: list[Point], link: Link, holes: Holes) -> list[list[Point]]:
    """Each point by itself, but a state with those fault words that it can be asked with."""
    faults = [p for p in points if p.name in _FAULTS]
    paired: set[str] = set()
    items: list[list[Point]] = []
    for state in (p for p in points if p.name in _STATES):
        item = [state]
        for fault in sorted(faults, key=lambda f: _hull((state, f)).count):
            if fault.name not in paired and _can_be_asked(_hull([*item, fault]), link, holes):
                item.append(fault)
        if len(item) > 1:
            items.append(item)
            paired.update(p.name for p in item)
    items += [[point] for point in points if point.name not in paired]
    return sorted(items, key=lambda item: (_hull(item).start, _hull(item).end))
