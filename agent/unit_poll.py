"""One device on a bus: what it is, how it is asked, and what one poll of it says.

A block that the device refuses is halved until the refused points are known; the rest
is read in the same poll. A device that does not answer is asked less and less often,
with one cheap read, and is polled in full again with the first reply.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from agent.clock import Clock
from agent.device import Device
from agent.last_poll import LastPoll, Read, last_poll
from agent.modbus.address import Span
from agent.modbus.halving import Halved, halve
from agent.modbus.lessons import Lessons
from agent.modbus.pdu import BadReply, BusDown, BusError, UnitRefused, UnitSilent, words_of
from agent.modbus.plan import Holes, block_of, plan
from agent.modbus.reader import Reader
from agent.modbus.sunspec import Chain, resolve, walk
from agent.parts import Parts
from agent.patience import Patience
from agent.poll import Poll
from agent.profile import Point, Profile
from agent.quantity import MINUTE_MS
from agent.reading import Quality
from agent.second_look import SecondLook
from agent.unit_lessons import UnitLessons
from agent.unit_reads import UnitReads

_BUSY_MS = 100
_BUSY = (5, 6)
_UNIT_DOWN = (4, 10, 11)
_SEARCH_AFTER = 2
"""Silences in a row of one block of a device that answers otherwise."""
_FLAKY_MS = MINUTE_MS
"""For so long after a silence that was chance, silence says nothing about registers."""
_LONG_SILENCE_MS = MINUTE_MS
_NAMING = ("model", "firmware")
"""Points that tell which lessons hold for a device."""


class UnitPoll:
    """Polls one device; owned by its bus's task.

    Args:
        device: with its profile.
        bus: the line that it hangs on.
        clock: for the times of replies and of patience.
        lessons: what the devices of a site have been found to refuse.
        second_look: at what its polls bring; one that remembers nothing unless given.
    """

    def __init__(
        self,
        device: Device,
        bus: Reader,
        clock: Clock,
        lessons: Lessons | None = None,
        second_look: SecondLook | None = None,
    ) -> None:
        self.device = device
        self.profile: Profile | None = None
        self.chain: Chain | None = None
        self.identified = 0
        """Counts up whenever the device has become known, or turned out to be another one."""
        self.answered_ms: int | None = None
        self.duration_ms = 0
        """Of the last poll in which everything was due, or that failed."""
        self.problem = ""
        """Why the last failed poll failed, in words."""
        self._bus = bus
        self._clock = clock
        self._second_look = second_look or SecondLook(device, clock)
        self._lessons = UnitLessons(device.id, lessons or Lessons(), clock)
        self._naming = [p for p in device.profile.points if p.name in _NAMING]
        self._reads: UnitReads | None = None
        self._reason = "timeout"
        self.patience = Patience(device.period_ms)
        self._heard: Span | None = None
        """The narrowest read that is known to be answered."""
        self._flaky_until_ms = 0
        self._conversation = -1
        if device.profile.sunspec is None:
            self._learn(device.profile)
        if device.profile.sunspec is None and not self._naming:
            self._turn_to("")

    @property
    def rates_ms(self) -> frozenset[int]:
        """All rates at which something of this device is due."""
        return self._reads.rates_ms if self._reads is not None else frozenset({self.device.period_ms})

    @property
    def jumped(self) -> bool:
        """Whether a number of the last poll jumped, and only the next one says if it is true."""
        return self._second_look.jumped

    @property
    def holes(self) -> Holes:
        """What the device is known to refuse."""
        return self._lessons.holes

    @property
    def failed_polls(self) -> int:
        """How many polls in a row have failed."""
        return self.patience.failed_polls

    @property
    def planned_load(self) -> float:
        """The share of the line's time that its reads should take, 0 until they are known."""
        return self._reads.load if self._reads is not None else 0.0

    async def poll(self, rates_ms: frozenset[int]) -> Poll:
        """Read what is due; never raises for what a device or a line may do."""
        started_ms = self._clock.monotonic_ms()
        if self.patience.is_waiting(started_ms):
            return self._failed(rates_ms, self._reason, started_ms)
        parts = Parts()
        try:
            reads = await self._find(started_ms, parts)
        except BusError as error:
            self._note_failure(error, rates_ms, started_ms)
            return self._failed(rates_ms, error.reason, started_ms)
        if self._lessons.doubt():
            reads.change(self._lessons.holes)
        for read in reads.due(rates_ms).reads:
            await self._read(read, reads, parts)
        self._lessons.note_given(read.block.span for read in parts.reads if read.data is not None)
        if parts.lessons and (parts.good or parts.sure):
            await self._heed(parts, reads)
        lacking = reads.due(rates_ms).lacking
        if not parts.good and (parts.error is not None or parts.lessons or lacking):
            taught = [why for halved in parts.lessons for _, why in halved.lacking]
            cause = parts.error or (taught[0] if taught else reads.lacking()[lacking[0].name])
            self._note_failure(cause, rates_ms, started_ms)
            return self._failed(rates_ms, cause.reason, started_ms)
        if rates_ms >= reads.rates_ms:
            self.duration_ms = self._clock.monotonic_ms() - started_ms
        self.patience.note_success()
        if self._heard is None:
            given = [p for read in parts.reads if read.data is not None for p in read.block.points]
            self._heard = min(given, key=_by_width).span if given else None
        self.answered_ms = parts.last_ms or started_ms
        reads.note_poll(rates_ms, parts.reads)
        return self._second_look.look(parts.whole(reads, lacking))

    def last(self) -> LastPoll:
        """The last raw words, and why points are not good."""
        problem = self.problem if self.failed_polls else None
        if self._reads is None:
            return last_poll(self.device.id, problem, (), {})
        last = last_poll(self.device.id, problem, self._reads.last(), self._reads.lacking())
        return replace(last, why={**self._second_look.why, **last.why})

    # --- what the device is -------------------------------------------------

    def _learn(self, profile: Profile) -> UnitReads:
        cost = self._bus.endpoint.cost(profile.link.gap_ms)
        reads = self._reads = UnitReads(profile, cost, self.device.every_ms, self._lessons.holes)
        self._second_look.learn(profile)
        self.profile = profile
        self.identified += 1
        return reads

    def _turn_to(self, *said: str) -> None:
        """The lessons of its model and firmware hold; its own ones where it does not say what it is."""
        device = self.device
        names = said if any(said) else (f"{device.id} at {device.bus}:{device.unit}",)
        if self._lessons.turn_to("|".join((device.profile.name, *names))) and self._reads is not None:
            self._reads.change(self._lessons.holes)

    async def _find(self, now_ms: int, parts: Parts) -> UnitReads:
        """Make sure that the device is there, and still the one that we know."""
        reads = self._reads
        sunspec = self.device.profile.sunspec
        unsure = (sunspec is not None or bool(self._naming)) and not self._known(now_ms)
        if self.failed_polls and (sunspec is None or not unsure):
            await self._probe()
        if unsure and sunspec is not None:
            reads = await self._walk(sunspec.bases)
        elif unsure:
            await self._ask_its_name(self._naming)
        if reads is None:
            raise BadReply("the device has not said what it is")
        parts.alive = unsure or self.failed_polls > 0
        self._conversation = self._bus.opened
        return reads

    async def _walk(self, bases: Sequence[int]) -> UnitReads:
        chain = await walk(self._read_span, bases)
        if chain is None:
            raise BadReply("the device has no SunSpec marker where the profile looks for it")
        if chain == self.chain and self._reads is not None:
            return self._reads
        try:
            found = resolve(self.device.profile, chain)
            if not found.points:
                raise BadReply("the device has none of the SunSpec models that the profile reads")
            self._turn_to(chain.vendor, chain.model, chain.version)
            reads = self._learn(found)
        except ValueError as error:
            raise BadReply(f"the device's models do not fit its profile: {error}") from None
        self.chain = chain
        return reads

    async def _ask_its_name(self, naming: Sequence[Point]) -> None:
        """Which model and firmware it is, where its profile has points for that."""
        said = dict.fromkeys(_NAMING, "")
        profile = replace(self.device.profile, points=tuple(naming))
        for block in plan(profile, cost=self._bus.endpoint.cost(profile.link.gap_ms)):
            read = Read.of(block)
            try:
                values, _ = read.decode.of_bytes(await self._fetch(block.span))
            except UnitRefused as refused:
                if not refused.about_address:
                    raise
            except UnitSilent:
                if not self.failed_polls:
                    raise
                self._naming = []  # it is there, but meets this question with silence: never ask again
                break
            else:
                said |= {n: str(v) for n, v in zip(read.names, values, strict=True) if v is not None}
        self._turn_to(*said.values())

    def _known(self, now_ms: int) -> bool:
        if self._reads is None or self._conversation < 0:
            return False
        reconnected = self._conversation != self._bus.opened or not self._bus.is_open
        silent_ms = now_ms - self.answered_ms if self.answered_ms is not None else _LONG_SILENCE_MS
        expected = self.device.profile.link.close_between_polls
        return (expected or not reconnected) and silent_ms < _LONG_SILENCE_MS

    async def _read_span(self, span: Span) -> tuple[int, ...]:
        return words_of(span, await self._fetch(span))

    async def _fetch(self, span: Span) -> bytes:
        """Ask, and wait shortly where the device has not answered lately."""
        timeout_ms = self._probe_timeout_ms() if self.failed_polls else None
        return await self._bus.fetch(self.device.unit, span, timeout_ms=timeout_ms)

    async def _probe(self) -> None:
        """One cheap read, of what was once answered if possible: a refusal is an answer, too."""
        if self._heard is not None:
            span = self._heard
        else:
            points = sorted(self.profile.points if self.profile is not None else (), key=_by_width)
            if not points:
                return
            span = points[self.failed_polls % len(points)].span
        try:
            await self._bus.fetch(self.device.unit, span, timeout_ms=self._probe_timeout_ms())
        except UnitRefused as refusal:
            if not refusal.about_address:
                raise
        self._heard = span

    def _probe_timeout_ms(self) -> float | None:
        if self.patience.is_full_probe(self._clock.monotonic_ms()):
            return None
        return self._bus.probe_timeout_ms(self.device.unit)

    # --- one poll -------------------------------------------------------------

    async def _read(self, read: Read, reads: UnitReads, parts: Parts) -> None:
        if parts.stopped:
            parts.miss(read, parts.error or UnitSilent("not asked any more"), self._clock.monotonic_ms())
            return
        try:
            data = await self._ask(read.block.span, short=parts.silent > 0)
        except UnitRefused as error:
            if error.about_address:
                await self._search(read, error, parts)
                return
            parts.stopped = error.code in _UNIT_DOWN and not parts.good
            parts.miss(read, error, self._clock.monotonic_ms())
        except UnitSilent as error:
            parts.silent += 1
            reads.note_silence(read.block)
            if self._is_about(read, reads, parts):
                await self._search(read, error, parts)
            else:
                parts.miss(read, error, self._clock.monotonic_ms())
            parts.stopped |= parts.silent > 1
        except BusDown as error:
            parts.stopped = True
            parts.miss(read, error, self._clock.monotonic_ms())
        except BadReply as error:
            parts.stopped = not parts.good  # rubbish holds up the others on the line, too
            parts.miss(read, error, self._clock.monotonic_ms())
        else:
            if reads.note_answer(read.block):
                self._flaky_until_ms = self._clock.monotonic_ms() + _FLAKY_MS
            parts.have(read, data, self._clock.monotonic_ms())

    def _is_about(self, read: Read, reads: UnitReads, parts: Parts) -> bool:
        """Whether silence is about this block alone: a device that answers otherwise, without fail."""
        there = (parts.good > 0 or parts.alive) and parts.silent == 1
        steady = self._clock.monotonic_ms() >= self._flaky_until_ms
        return there and steady and reads.silences(read.block) >= _SEARCH_AFTER

    async def _ask(self, span: Span, *, short: bool = False) -> bytes:
        """Read, and ask once more where asking again may help."""
        timeout_ms = self._bus.probe_timeout_ms(self.device.unit) if short else None
        try:
            return await self._bus.fetch(self.device.unit, span, timeout_ms=timeout_ms)
        except BadReply:
            if self.failed_polls:
                raise
        except UnitRefused as error:
            if error.code not in _BUSY:
                raise
            await asyncio.sleep(_BUSY_MS / 1_000)
        return await self._bus.fetch(self.device.unit, span, timeout_ms=timeout_ms)

    async def _ask_or_doubt(self, span: Span) -> bytes:
        """Read; that it is silent counts only while it answers what it is known to have."""
        try:
            return await self._ask(span, short=True)
        except UnitSilent:
            try:
                await self._probe()
            except UnitSilent:
                self._flaky_until_ms = self._clock.monotonic_ms() + _FLAKY_MS
                raise BadReply("the device answers only now and then") from None
            raise

    async def _search(self, read: Read, error: BusError, parts: Parts) -> None:
        """Find which points of a block the device has, and use those now."""
        silent = isinstance(error, UnitSilent)
        ask = self._ask_or_doubt if silent else self._ask
        try:
            halved = await halve(read.block, error, ask, patience=parts.patience)
            if silent and not halved.found:
                parts.sure = True  # it was there all the time: its silence was about these points
        except BusError as trouble:  # learnt nothing; the block stays as it is until the next poll
            parts.miss(read, trouble, self._clock.monotonic_ms())
            parts.stopped = True
            return
        parts.lessons.append(halved)
        parts.patience -= halved.silences
        parts.silent = 0
        parts.stopped = bool(halved.unknown)  # what is left to ask for has been silent before, too
        for block, data in halved.found:
            parts.have(Read.of(block), data, self._clock.monotonic_ms())
        for block in halved.unknown:
            parts.miss(Read.of(block), error, self._clock.monotonic_ms())

    async def _heed(self, parts: Parts, reads: UnitReads) -> None:
        """Ask from now on for what the device has; refusing everything says nothing of what it lacks."""
        for halved in parts.lessons:
            gives_it = await self._gives_it_now(halved)
            believed = self._lessons.weigh(halved.holes, by_silence=halved.silences > 0, gives_it=gives_it)
            for point, why in halved.lacking:
                if point.span in believed.refused:
                    reads.why[point.name] = why
                else:
                    only = Read.of(block_of([point], self.device.period_ms))
                    parts.miss(only, why, self._clock.monotonic_ms(), lacks=not gives_it and point.optional)
            for block in halved.unknown:
                reads.note_silence(block)
        reads.change(self._lessons.holes)

    async def _gives_it_now(self, halved: Halved) -> bool:
        """Some refuse for a moment, such as while they start: what is believed is asked for once more."""
        if halved.silences:  # that was insisted on already
            return False
        try:
            await self._ask(halved.lacking[0][0].span if halved.lacking else halved.block.span)
        except UnitRefused:
            return False
        except BusError:
            return True
        return True

    # --- the outcome ----------------------------------------------------------

    def _failed(self, rates_ms: frozenset[int], reason: str, now_ms: int) -> Poll:
        names: tuple[str, ...] = ()
        if self._reads is not None:
            due = self._reads.due(rates_ms)
            names = self._reads.names(due.reads, due.lacking)
        return Poll(
            names, (None,) * len(names), dict.fromkeys(range(len(names)), Quality.BAD), reason, now_ms, now_ms
        )

    def _note_failure(self, error: BusError, rates_ms: frozenset[int], started_ms: int) -> None:
        self._reason, self.problem = error.reason, str(error)
        now_ms = self._clock.monotonic_ms()
        self.duration_ms = now_ms - started_ms
        self.patience.note_failure(error, started_ms, now_ms)
        if self._reads is not None:
            self._reads.note_failure(rates_ms, str(error))


def _by_width(point: Point) -> int:
    return point.span.count
