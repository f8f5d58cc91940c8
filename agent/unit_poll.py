"""One device on a bus: what it is, how it is asked, and what one poll of it says.

A block that the device refuses is halved until the refused points are known; the rest
is read in the same poll. A device that does not answer is asked less and less often,
with one cheap read, and is polled in full again with the first reply.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.device import Device
from agent.last_poll import LastPoll, Read, last_poll
from agent.modbus.address import Span
from agent.modbus.halving import Halved, halve
from agent.modbus.pdu import BadReply, BusDown, BusError, UnitRefused, UnitSilent, words_of
from agent.modbus.plan import plan, split
from agent.modbus.reader import Reader
from agent.modbus.sunspec import Chain, resolve, walk
from agent.profile import Point, Profile
from agent.quantity import HOUR_MS, MINUTE_MS
from agent.reading import Quality, Value

_LONGEST_WAIT_MS = 10_000
_FULL_PROBE_EACH_MS = MINUTE_MS
"""Once in so long a probe waits the full time-out: a slow unit among fast ones must be found too."""
_BUSY_MS = 100
_BUSY = (5, 6)
_UNIT_DOWN = (4, 10, 11)
_REFUSED_HOLDS_MS = HOUR_MS
"""Refused points are asked again after this long: some devices refuse while they start."""
_NARROW_AFTER = 3
_LONG_SILENCE_MS = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll, before it gets its number and its wall-clock time."""

    points: tuple[str, ...]
    values: tuple[Value | None, ...]
    faults: Mapping[int, Quality]
    reason: str | None
    first_ms: int
    last_ms: int


@dataclass(slots=True)
class _Parts:
    """What a poll has gathered so far."""

    reads: list[Read] = field(default_factory=list)
    fetched: list[tuple[Span, bytes]] = field(default_factory=list)
    values: list[Value | None] = field(default_factory=list)
    faults: dict[int, Quality] = field(default_factory=dict)
    lessons: list[tuple[Read, list[Read], Halved]] = field(default_factory=list)
    """Refused blocks, what to read in place of each, and why: believed once the poll has brought data."""
    good: int = 0
    alive: bool = False
    silent: int = 0
    stopped: bool = False
    error: BusError | None = None
    first_ms: int = 0
    last_ms: int = 0


class UnitPoll:
    """Polls one device; owned by its bus's task.

    Args:
        device: with its profile.
        bus: the line that it hangs on.
        clock: for the times of replies and of patience.
        holes: spans that the device is known to refuse.
    """

    def __init__(
        self, device: Device, bus: Reader, clock: Clock, holes: frozenset[Span] = frozenset()
    ) -> None:
        self.device = device
        self.profile: Profile | None = None
        self.chain: Chain | None = None
        self.holes = holes
        self.identified = 0
        """Counts up whenever the device has become known, or turned out to be another one."""
        self.failed_polls = 0
        self.answered_ms: int | None = None
        self.duration_ms = 0
        self.problem = ""
        """Why the last failed poll failed, in words."""
        self._bus = bus
        self._clock = clock
        self._reads: list[Read] = []
        self._refused: dict[str, tuple[Point, int, BusError]] = {}
        self._relearn_ms = clock.monotonic_ms() + _REFUSED_HOLDS_MS if holes else None
        self._names: dict[tuple[tuple[Read, ...], tuple[str, ...]], tuple[str, ...]] = {}
        self._reason = "timeout"
        self._next_probe_ms = 0
        self._full_probe_ms = 0
        self._conversation = -1
        if device.profile.sunspec is None:
            self._learn(device.profile)

    @property
    def rates_ms(self) -> frozenset[int]:
        """All rates at which something of this device is due."""
        rates = {r.block.every_ms for r in self._reads} | {rate for _, rate, _ in self._refused.values()}
        return frozenset(rates or {self.device.period_ms})

    async def poll(self, rates_ms: frozenset[int]) -> Poll:
        """Read what is due; never raises for what a device or a line may do."""
        started_ms = self._clock.monotonic_ms()
        if self.failed_polls and started_ms < self._next_probe_ms:
            return self._failed(rates_ms, self._reason, started_ms)
        try:
            alive = await self._find(started_ms)
        except BusError as error:
            self._note_failure(error, started_ms)
            return self._failed(rates_ms, error.reason, started_ms)
        self._forget_refusals(started_ms)
        parts = _Parts(alive=alive)
        for read in [r for r in self._reads if r.block.every_ms in rates_ms]:
            await self._read(read, parts)
        self.duration_ms = self._clock.monotonic_ms() - started_ms
        if parts.good:
            self._heed(parts.lessons)
        refused = [entry for entry in self._refused.values() if entry[1] in rates_ms]
        taught = [why for _, _, halved in parts.lessons for _, why in halved.refused]
        if not parts.good and (parts.error is not None or taught or refused):
            cause = parts.error or (taught[0] if taught else refused[0][2])
            self._note_failure(cause, started_ms)
            return self._failed(rates_ms, cause.reason, started_ms)
        self.failed_polls = 0
        self.answered_ms = parts.last_ms or started_ms
        return self._whole(parts, refused)

    def last(self) -> LastPoll:
        """The last raw words, and why points are not good."""
        refused = {name: error for name, (_, _, error) in self._refused.items()}
        return last_poll(self.device.id, self.problem if self.failed_polls else None, self._reads, refused)

    # --- what the device is -------------------------------------------------

    def _learn(self, profile: Profile) -> None:
        self._plan(profile)
        self.profile = profile
        self.identified += 1

    def _plan(self, profile: Profile) -> None:
        cost = self._bus.endpoint.cost(profile.link.gap_ms)
        blocks = plan(profile, cost=cost, every_ms=self.device.every_ms, holes=self.holes)
        self._reads = [Read.of(block) for block in blocks]
        planned = {p.name for b in blocks for p in b.points}
        self._refused = {
            p.name: (p, max(p.every_ms or 0, self.device.period_ms), UnitRefused(2))
            for p in profile.points
            if p.name not in planned
        }
        self._names.clear()

    async def _find(self, now_ms: int) -> bool:
        """Make sure that the device is there, and still the one that we know; True when it has answered."""
        sunspec = self.device.profile.sunspec
        stale = sunspec is not None and not self._known(now_ms)
        if self.failed_polls and not stale:
            await self._probe()
        elif sunspec is not None and stale:
            chain = await walk(self._read_span, sunspec.bases)
            if chain is None:
                raise BadReply("the device has no SunSpec marker where the profile looks for it")
            if chain != self.chain:
                try:
                    found = resolve(self.device.profile, chain)
                    if not found.points:
                        raise BadReply("the device has none of the SunSpec models that the profile reads")
                    self._learn(found)
                except ValueError as error:
                    raise BadReply(f"the device's models do not fit its profile: {error}") from None
                self.chain = chain
        self._conversation = self._bus.opened
        return bool(self.failed_polls) or stale

    def _known(self, now_ms: int) -> bool:
        if self.profile is None:
            return False
        reconnected = self._conversation != self._bus.opened or not self._bus.is_open
        silent_ms = now_ms - self.answered_ms if self.answered_ms is not None else _LONG_SILENCE_MS
        expected = self.device.profile.link.close_between_polls
        return (expected or not reconnected) and silent_ms < _LONG_SILENCE_MS

    async def _read_span(self, span: Span) -> tuple[int, ...]:
        timeout_ms = self._probe_timeout_ms() if self.failed_polls else None
        return words_of(span, await self._bus.fetch(self.device.unit, span, timeout_ms=timeout_ms))

    async def _probe(self) -> None:
        """One cheap read: a refusal is an answer too."""
        points = [p for r in self._reads for p in r.block.points] or [p for p, _, _ in self._refused.values()]
        if not points:
            return
        point = min(points, key=lambda p: p.span.count)
        try:
            await self._bus.fetch(self.device.unit, point.span, timeout_ms=self._probe_timeout_ms())
        except UnitRefused as refused:
            if not refused.about_address:
                raise

    def _probe_timeout_ms(self) -> float | None:
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._full_probe_ms:
            self._full_probe_ms = now_ms + _FULL_PROBE_EACH_MS
            return None
        return self._bus.probe_timeout_ms(self.device.unit)

    # --- one poll -------------------------------------------------------------

    async def _read(self, read: Read, parts: _Parts) -> None:
        if parts.stopped:
            self._miss(read, parts, parts.error or UnitSilent("not asked any more"))
            return
        span = read.block.span
        data = _within(parts.fetched, span) if parts.fetched else None
        try:
            if data is None:
                data = await self._ask(span)
                parts.fetched.append((span, data))
        except UnitRefused as error:
            if error.about_address:
                await self._halve(read, error, parts)
                return
            parts.stopped = error.code in _UNIT_DOWN and not parts.good
            self._miss(read, parts, error)
        except UnitSilent as error:
            parts.silent += 1
            self._miss_silent(read, parts, error)
            parts.stopped = parts.silent > 1 or not (parts.good or parts.alive)
        except BusDown as error:
            parts.stopped = True
            self._miss(read, parts, error)
        except BadReply as error:
            self._miss(read, parts, error)
        else:
            self._have(read, data, parts)

    def _miss_silent(self, read: Read, parts: _Parts, error: UnitSilent) -> None:
        if parts.good or parts.alive:
            self._note_silence(read, error)
        if read.names[0] not in self._refused:  # else it is told with the refused points, and only there
            self._miss(read, parts, error)

    def _note_silence(self, read: Read, error: UnitSilent) -> None:
        """Some devices meet an illegal address with silence: narrow a block down that never answers."""
        read.silences += 1
        if read.silences < _NARROW_AFTER:
            return
        at = self._reads.index(read)
        if len(read.block.points) > 1:
            self._reads[at : at + 1] = [Read.of(block) for block in split(read.block)]
        else:
            (point,) = read.block.points
            del self._reads[at]
            self._refused[point.name] = (point, read.block.every_ms, error)
        self._names.clear()
        self._relearn_ms = self._clock.monotonic_ms() + _REFUSED_HOLDS_MS

    async def _ask(self, span: Span) -> bytes:
        """Read, and ask once more where asking again may help."""
        try:
            return await self._bus.fetch(self.device.unit, span)
        except BadReply:
            pass
        except UnitRefused as error:
            if error.code not in _BUSY:
                raise
            await asyncio.sleep(_BUSY_MS / 1_000)
        return await self._bus.fetch(self.device.unit, span)

    async def _halve(self, read: Read, error: UnitRefused, parts: _Parts) -> None:
        """Find which points of a refused block the device has, and use those now."""
        try:
            halved = await halve(read.block, error, self._ask)
        except BusError as trouble:  # learnt nothing; the block stays as it is until the next poll
            self._miss(read, parts, trouble)
            parts.stopped = True
            return
        reads = [Read.of(block) for block, _ in halved.found]
        parts.lessons.append((read, reads, halved))
        for new, (_, data) in zip(reads, halved.found, strict=True):
            self._have(new, data, parts)

    def _heed(self, lessons: list[tuple[Read, list[Read], Halved]]) -> None:
        """Ask from now on for what the device has; refusing everything says nothing of what it lacks."""
        for read, reads, halved in lessons:
            at = self._reads.index(read)
            self._reads[at : at + 1] = reads
            self.holes |= halved.holes
            self._refused |= {p.name: (p, read.block.every_ms, why) for p, why in halved.refused}
        if lessons:
            self._names.clear()
            self._relearn_ms = self._clock.monotonic_ms() + _REFUSED_HOLDS_MS

    def _have(self, read: Read, data: bytes, parts: _Parts) -> None:
        now_ms = self._clock.monotonic_ms()
        parts.first_ms = parts.first_ms or now_ms
        parts.last_ms = read.asked_ms = now_ms
        read.data, read.problem, read.silences = data, None, 0
        values, faults = read.decode.of_bytes(data)
        if faults:
            before = len(parts.values)
            parts.faults.update({before + index: quality for index, quality in faults.items()})
        parts.reads.append(read)
        parts.values += values
        parts.good += 1

    def _miss(self, read: Read, parts: _Parts, error: BusError) -> None:
        read.data, read.problem = None, str(error)
        read.asked_ms = self._clock.monotonic_ms()
        before = len(parts.values)
        parts.faults.update(dict.fromkeys(range(before, before + len(read.names)), Quality.BAD))
        parts.reads.append(read)
        parts.values += [None] * len(read.names)
        parts.error = parts.error or error

    # --- the outcome ----------------------------------------------------------

    def _whole(self, parts: _Parts, refused: list[tuple[Point, int, BusError]]) -> Poll:
        reads, lacking = tuple(parts.reads), tuple(p.name for p, _, _ in refused)
        names = self._names.get((reads, lacking))
        if names is None:  # one tuple for all frames with these points
            names = self._names[reads, lacking] = tuple(n for r in reads for n in r.names) + lacking
        for index, (point, _, _) in enumerate(refused, len(parts.values)):
            parts.faults[index] = Quality.ABSENT if point.optional else Quality.BAD
        values = (*parts.values, *(None for _ in refused))
        return Poll(names, values, parts.faults, None, parts.first_ms, parts.last_ms)

    def _failed(self, rates_ms: frozenset[int], reason: str, now_ms: int) -> Poll:
        names = tuple(n for r in self._reads if r.block.every_ms in rates_ms for n in r.names)
        names += tuple(p.name for p, rate, _ in self._refused.values() if rate in rates_ms)
        return Poll(
            names, (None,) * len(names), dict.fromkeys(range(len(names)), Quality.BAD), reason, now_ms, now_ms
        )

    def _note_failure(self, error: BusError, now_ms: int) -> None:
        self._reason, self.problem = error.reason, str(error)
        self.failed_polls += 1
        for read in self._reads:
            read.data, read.problem = None, str(error)
        if self.failed_polls == 1:  # this poll waited long enough
            self._full_probe_ms = now_ms + _FULL_PROBE_EACH_MS
        if isinstance(error, BusDown):  # the link has its own patience
            self._next_probe_ms = now_ms
            return
        wait_ms = self.device.period_ms * 2 ** min(self.failed_polls - 2, 10) if self.failed_polls > 1 else 0
        self._next_probe_ms = now_ms + min(_LONGEST_WAIT_MS, int(wait_ms))

    def _forget_refusals(self, now_ms: int) -> None:
        if self._relearn_ms is not None and now_ms >= self._relearn_ms and self.profile is not None:
            self._relearn_ms, self.holes = None, frozenset()
            self._plan(self.profile)


def _within(fetched: list[tuple[Span, bytes]], span: Span) -> bytes | None:
    """The data of `span` where a wider block of this poll already brought it: slow points among fast ones."""
    for wide, data in fetched:
        if wide.covers(span) and not span.table.is_bits:
            first = 2 * (span.start - wide.start)
            return data[first : first + 2 * span.count]
    return None
