"""Points → reads: which registers to ask for together.

Bytes on the wire are weighed against one more request: on a slow serial line
only small gaps are worth reading and throwing away, on a network wide ones are.
This module knows no device and no time; holes are what others have learnt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

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
        size = (span.count + 7) / 8 if span.table.is_bits else 2.0 * span.count
        return self.turnaround_ms + (self.overhead_bytes + size) * self.byte_ms


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the points that its reply holds. Blocks of one device differ in points."""

    span: Span
    points: tuple[Point, ...]
    every_ms: int

    @property
    def used(self) -> int:
        """Registers (or bits) that some point needs; the rest only saves requests."""
        needed: set[int] = set()
        for point in self.points:
            needed.update(_addresses(point))
        return len(needed)


def plan(
    profile: Profile, *, cost: LineCost, every_ms: int | None = None, holes: frozenset[Span] = frozenset()
) -> tuple[Block, ...]:
    """Cover every readable point with exactly one block, at the least line time.

    Args:
        profile: with concrete points.
        cost: of the line that the device hangs on.
        every_ms: the site's own rate for this device; no point is read more often than it.
        holes: learnt spans that the device refuses. A point that touches one is left out.

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
        if _touches(point.span, (), link.forbidden):
            raise ValueError(f"{point.name} lies in a forbidden range of {profile.name}")
    readable = [p for p in profile.points if not _touches(p.span, holes, ())]
    blocks: list[Block] = []

    def key(point: Point) -> tuple[int, Table]:
        return _rate_ms(point, profile, every_ms), point.table

    for (rate_ms, _), group in groupby(sorted(readable, key=key), key=key):
        blocks.extend(_cover(list(group), link, cost, rate_ms, holes))
    return tuple(blocks)


def block_of(points: Sequence[Point], every_ms: int) -> Block:
    """The narrowest block that holds these points of one table.

    Raises:
        ValueError: no points, or points of several tables.
    """
    spans = [p.span for p in points]
    if len({s.table for s in spans}) != 1:
        raise ValueError("a block holds points of exactly one table")
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    return Block(Span(spans[0].table, start, end - start), tuple(points), every_ms)


def split(block: Block) -> tuple[Block, Block]:
    """Halve a refused block, at its widest gap if it has one: that is where the trouble mostly lies.

    Raises:
        ValueError: the block holds one point; it cannot be split.
    """
    if len(block.points) < 2:
        raise ValueError("a block of one point cannot be split")
    points = sorted(block.points, key=lambda p: (p.span.start, p.span.end))
    middle = len(points) / 2
    end, cuts = points[0].span.end, []
    for index, point in enumerate(points[1:], 1):
        cuts.append((point.span.start - end, -abs(index - middle), index))
        end = max(end, point.span.end)
    gap, _, at = max(cuts)
    if gap <= 0:
        at = len(points) // 2
    return block_of(points[:at], block.every_ms), block_of(points[at:], block.every_ms)


def gap_between(first: Block, second: Block) -> Span | None:
    """The registers between two halves that no point needs, None when they touch."""
    start, end = first.span.end, second.span.start
    return Span(first.span.table, start, end - start) if end > start else None


def line_load(blocks: Iterable[Block], cost: LineCost) -> float:
    """The share of the line's time that these blocks take, 1.0 = all of it."""
    return sum(cost.request_ms(b.span) / b.every_ms for b in blocks)


def _rate_ms(point: Point, profile: Profile, every_ms: int | None) -> int:
    if point.every_ms is None:
        return every_ms or profile.every_ms
    return max(point.every_ms, every_ms or 0)


def _widest(link: Link, table: Table) -> int:
    return min(MAX_BITS, 16 * link.max_registers) if table.is_bits else link.max_registers


def _addresses(point: Point) -> Iterable[int]:
    yield from range(point.address, point.address + point.format.registers)
    for offset in (point.format.scale_at, point.format.times_at):
        if offset is not None:
            yield point.address + offset


def _touches(span: Span, holes: Iterable[Span], forbidden: Iterable[tuple[int, int]]) -> bool:
    return any(h.table is span.table and h.start < span.end and span.start < h.end for h in holes) or any(
        start < span.end and span.start < start + count for start, count in forbidden
    )


def _cover(
    points: list[Point], link: Link, cost: LineCost, every_ms: int, holes: frozenset[Span]
) -> list[Block]:
    """Least line time over all ways to cut the points, in order of address, into runs."""
    points.sort(key=lambda p: (p.span.start, p.span.end))
    widest = _widest(link, points[0].table)
    holes = frozenset(h for h in holes if h.table is points[0].table)
    best_ms = [0.0] + [float("inf")] * len(points)
    cut_at = [0] * (len(points) + 1)
    for first in range(len(points)):
        start, end = points[first].span.start, 0
        for last in range(first, len(points)):
            end = max(end, points[last].span.end)
            if end - start > widest:
                break
            span = Span(points[0].table, start, end - start)
            if _touches(span, holes, link.forbidden):
                break
            total_ms = best_ms[first] + cost.request_ms(span)
            if total_ms < best_ms[last + 1]:
                best_ms[last + 1], cut_at[last + 1] = total_ms, first
    blocks: list[Block] = []
    stop = len(points)
    while stop:
        first = cut_at[stop]
        blocks.append(block_of(points[first:stop], every_ms))
        stop = first
    return blocks[::-1]
