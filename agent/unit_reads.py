"""The reads in use for one device: by which of its rates are due, and around what it refuses."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.last_poll import Read
from agent.modbus.address import Span
from agent.modbus.pdu import BusError, UnitRefused
from agent.modbus.plan import Block, Holes, LineCost, line_load, plan, rate_ms, turns
from agent.profile import Point, Profile


@dataclass(frozen=True, slots=True)
class Due:
    """What one kind of turn asks for.

    Args:
        reads: the requests.
        lacking: points that are due and not asked for, because the device refuses them.
    """

    reads: tuple[Read, ...]
    lacking: tuple[Point, ...]


class UnitReads:
    """Plans each kind of turn once.

    Args:
        profile: with concrete points.
        cost: of the line.
        every_ms: the site's own rate for the device.
        holes: what it is known to refuse.

    Raises:
        ValueError: the profile cannot be planned.
    """

    def __init__(self, profile: Profile, cost: LineCost, every_ms: int | None, holes: Holes) -> None:
        self.profile = profile
        self.rates_ms = frozenset(rate_ms(p, profile, every_ms) for p in profile.points) or frozenset(
            {every_ms or profile.every_ms}
        )
        self.why: dict[str, BusError] = {}
        """Why points are not asked for, as far as the device has said it in this run."""
        self._cost = cost
        self._every_ms = every_ms
        self._holes = holes
        self._load: float | None = None
        self._due: dict[frozenset[int], Due] = {}
        self._names: dict[tuple[tuple[Read, ...], tuple[Point, ...]], tuple[str, ...]] = {}
        self._last: dict[frozenset[int], tuple[Read, ...]] = {}
        self._silences: dict[Span, int] = {}
        self.due(self.rates_ms)

    def due(self, rates_ms: frozenset[int]) -> Due:
        """What to ask for when these rates are due."""
        due = self._due.get(rates_ms)
        if due is None:
            blocks = plan(
                self.profile, cost=self._cost, every_ms=self._every_ms, holes=self._holes, due_ms=rates_ms
            )
            lacking = tuple(
                p
                for p in self.profile.points
                if p.span in self._holes.refused and rate_ms(p, self.profile, self._every_ms) in rates_ms
            )
            due = self._due[rates_ms] = Due(tuple(map(Read.of, blocks)), lacking)
        if self._silences:  # the device is known to be there once another block has been answered
            return replace(due, reads=tuple(sorted(due.reads, key=lambda r: self.silences(r.block))))
        return due

    @property
    def load(self) -> float:
        """The share of the line's time that all turns take by the cost model."""
        if self._load is None:
            kinds = turns(self.profile, cost=self._cost, every_ms=self._every_ms, holes=self._holes)
            self._load = line_load(kinds, self._cost)
        return self._load

    def change(self, holes: Holes) -> None:
        """The device refuses something else than before."""
        self._holes, self._load = holes, None
        self._due.clear()
        self._names.clear()

    def names(self, reads: tuple[Read, ...], lacking: tuple[Point, ...]) -> tuple[str, ...]:
        """Of the points of these reads, then of the lacking ones: one tuple for all frames with them."""
        names = self._names.get((reads, lacking))
        if names is None:
            names = tuple(n for read in reads for n in read.names) + tuple(p.name for p in lacking)
            self._names[reads, lacking] = names
        return names

    def lacking(self) -> dict[str, BusError]:
        """All points that the device refuses, with its words where it has said them lately."""
        return {
            p.name: self.why.get(p.name, UnitRefused(2))
            for p in self.profile.points
            if p.span in self._holes.refused
        }

    # --- silence of single blocks

    def silences(self, block: Block) -> int:
        """How many times in a row this block was not answered."""
        return self._silences.get(block.span, 0)

    def note_silence(self, block: Block) -> None:
        self._silences[block.span] = self._silences.get(block.span, 0) + 1

    def note_answer(self, block: Block) -> bool:
        """Whether its silence before was chance, therefore."""
        return self._silences.pop(block.span, 0) > 0

    # --- what the last polls brought

    def note_poll(self, rates_ms: frozenset[int], reads: Iterable[Read]) -> None:
        """These reads were used in the last poll of these rates."""
        self._last[rates_ms] = tuple(reads)

    def note_failure(self, rates_ms: frozenset[int], problem: str) -> None:
        """A whole poll failed: nothing that was read before is the present state."""
        self._last.setdefault(rates_ms, self.due(rates_ms).reads)
        for read in (read for reads in self._last.values() for read in reads):
            read.data, read.problem = None, problem

    def last(self) -> list[Read]:
        """For every point the latest read that asked for it, the latest first."""
        reads = [read for reads in self._last.values() for read in reads]
        shown: set[str] = set(self.lacking())
        latest: list[Read] = []
        for read in sorted(reads or self.due(self.rates_ms).reads, key=lambda read: -read.asked_ms):
            if not shown.issuperset(read.names):
                shown.update(read.names)
                latest.append(read)
        return latest
