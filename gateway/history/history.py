"""The history as the rooms see it: fed from the journal, asked by console, rules and ledger."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Self, TypeVar

import structlog

from agent.counter import Limits
from agent.points import standard
from agent.quantity import MINUTE_MS
from agent.reading import Frame, Quality, Value
from gateway.history.bucket import QUARTER_MS, Bucket, Register, Row
from gateway.history.energy import Energy, energy_of
from gateway.history.series import Grid, Series, SeriesGap, fitting_step_ms, period_of
from gateway.history.store import Fold, HistoryStore, Key, Lasts, Level, Place
from gateway.journal.journal import Journal
from gateway.journal.record import Record

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")
READER = "history"
FILE = "history.db"
_MAX_BYTES = 1_000_000_000
_AT_ONCE = 2_000
_MAX_FRAMES = 30_000
_RETRY_S = 5.0


class _Renewed(Exception):  # noqa: N818  # no error of whoever feeds: what it knows of the file is void
    """The file was set aside: it has to be fed from the start of the journal."""


class History:
    """Reader `history` of the journal.

    A minute is written once its device has moved on, or all have; what is open stays in
    memory and is read from the journal again after a restart.
    """

    @classmethod
    async def open(cls, folder: Path, journal: Journal, max_bytes: int = _MAX_BYTES) -> Self:
        """Open or make `history.db` in the data folder.

        Raises:
            sqlite3.Error: the storage refuses.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        store = HistoryStore(folder / FILE, max_bytes)
        try:
            found = await asyncio.get_running_loop().run_in_executor(thread, store.open)
        except BaseException:
            thread.shutdown()
            raise
        return cls(journal, store, thread, *found)

    def __init__(
        self,
        journal: Journal,
        store: HistoryStore,
        thread: ThreadPoolExecutor,
        *found: *tuple[Place, Lasts, frozenset[str]],
    ) -> None:
        place, lasts, unsure = found
        self._journal = journal
        self._store = store
        self._thread = thread
        self._done = self._read_to = min(place.done, journal.head())
        self._perhaps_there = place.read_to
        self._lasts = lasts
        self._clean: dict[str, dict[tuple[str, ...], Frame]] = {}
        self._touched: set[str] = set()
        self._open: dict[Key, Bucket] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._latest_ms = 0
        self._unsure = set(unsure)
        self._renewed = False
        journal.cursor(READER)
        if self._done:
            journal.settle(READER, 1, self._done)

    async def run(self) -> None:
        """Follow the journal until cancelled."""
        while True:
            await self._journal.wait(self._read_to)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Take in all that is committed by now, and write the minutes that are over."""
        while True:
            if self._renewed:
                self._start_over()
            try:
                await self._catch_up()
            except _Renewed:
                continue
            return

    async def _catch_up(self) -> None:
        while records := await self._journal.read(self._read_to, _AT_ONCE):
            there: dict[Key, int] = {}
            if records[0].position <= self._perhaps_there:  # read again after a restart
                keys = {self._key(r.entry) for r in records if isinstance(r.entry, Frame)}
                there = await self._feed(partial(self._store.uptos, keys))
            for record in records:
                if isinstance(record.entry, Frame):
                    self._take(record, record.entry, there)
            self._read_to = records[-1].position
            await self._write_what_is_over()
        await self._mend()

    @property
    def lag(self) -> int:
        """Records of the journal that it has not read yet."""
        return self._journal.head() - self._read_to

    async def close(self) -> None:
        """Close the file; minutes that are not over are read from the journal again next time."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.close)
        self._thread.shutdown()

    # ---- feeding

    def _key(self, unmended: Frame) -> Key:
        boots = self._journal.boots
        guessed = boots.waits(unmended)
        return unmended.device, unmended.boot if guessed else "", boots.mended(unmended).ts_ms // MINUTE_MS

    def _take(self, record: Record, unmended: Frame, there: Mapping[Key, int]) -> None:
        key, frame = self._key(unmended), self._journal.boots.mended(unmended)
        position, imported = record.position, self._journal.boots.is_imported(record)
        if not imported:
            self._latest_ms = frame.ts_ms
            self._latest[key[:2]] = key[2]
        if key[1]:
            self._unsure.add(frame.boot)
        if position > there.get(key, 0):
            bucket = self._open.get(key)
            if bucket is None:
                bucket = self._open[key] = Bucket(position)
            bucket.add(position, frame)
        if frame.reason is None and not imported:
            self._touched.add(frame.device)
            if frame.faults:
                self._note_clean(frame.device)
                self._note(frame)
            else:  # the usual case costs nothing per value
                clean = self._clean.setdefault(frame.device, {})
                clean.pop(frame.points, None)  # so that they stand in the order of the journal
                clean[frame.points] = frame

    def _note_clean(self, device: str) -> None:
        for frame in self._clean.pop(device, {}).values():
            self._note(frame)

    def _note(self, frame: Frame) -> None:
        """In the order of the journal, so that a clock that was ahead hides nothing."""
        last = self._lasts.setdefault(frame.device, {})
        for index, (point, value) in enumerate(zip(frame.points, frame.values, strict=True)):
            if value is None or frame.faults.get(index, Quality.GOOD) is not Quality.GOOD:
                continue
            last[point] = (frame.ts_ms, value)

    async def _write_what_is_over(self) -> None:
        """Minutes that their device has left, and those that time has left."""
        now = self._latest_ms // MINUTE_MS
        over = [key for key in self._open if key[2] != self._latest.get(key[:2]) or abs(key[2] - now) > 1]
        if over:
            await self._write(over)

    async def _write(self, keys: Sequence[tuple[str, str, int]]) -> None:
        """Minutes and the place before the oldest record that is still only in memory, in one transaction."""
        going = set(keys)
        left = [bucket.first_position for key, bucket in self._open.items() if key not in going]
        place = Place(min(left, default=self._read_to + 1) - 1, self._read_to)
        buckets = [(key, self._open[key]) for key in keys]
        lasts = {device: self.last(device) for device in self._touched}

        def write() -> None:
            folds = [Fold(*key, bucket.last_position, bucket.fold(is_counter)) for key, bucket in buckets]
            self._store.write(place, folds, lasts)

        await self._feed(write)
        for key in keys:
            del self._open[key]
        self._touched.clear()
        if place.done > self._done:
            self._journal.settle(READER, self._done + 1, place.done)
            self._done = place.done

    async def _mend(self) -> None:
        """Once a boot's clock is known, its rows go to their true times."""
        for boot in list(self._unsure):
            shift_ms = self._journal.boots.shift_ms(boot)
            if shift_ms is None:
                continue
            if self._open:
                await self._write(list(self._open))
            await self._feed(partial(self._store.mend, boot, shift_ms))
            self._unsure.discard(boot)
            self._latest = {key: at for key, at in self._latest.items() if key[1] != boot}
            _log.info("history.mended", boot=boot, shift_ms=shift_ms)

    def _start_over(self) -> None:
        """The rows are gone: made again from all that the journal still has. Last values stay known."""
        self._renewed = False
        self._done = self._read_to = self._perhaps_there = 0
        self._open.clear()
        self._latest.clear()
        self._unsure.clear()
        self._touched = {*self._lasts, *self._clean}

    async def _feed(self, work: Callable[[], _T]) -> _T:
        """Like `_insist`, but never into a file that began anew meanwhile.

        Raises:
            _Renewed: it did.
        """

        def unless_renewed() -> _T:
            if self._renewed:
                raise _Renewed
            return work()

        return await self._insist(unless_renewed)

    async def _insist(self, work: Callable[[], _T]) -> _T:
        """On the history's thread; a storage that refuses is asked again, and the journal keeps the rest.

        A file found damaged is set aside and begun anew; who only asks gets what the new one has.
        """
        told = False
        while True:
            try:
                answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._sound, work)
            except sqlite3.OperationalError as error:
                if not told:
                    _log.error("history.refused", why=str(error))
                told = True
                await asyncio.sleep(_RETRY_S)
            else:
                if told:
                    _log.info("history.healed")
                return answer

    def _sound(self, work: Callable[[], _T]) -> _T:
        """On the history's thread, so that nobody else meets the file between damage and renewal."""
        try:
            return work()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self._renewed = True
            self._store.set_aside(str(error))
        return work()

    # ---- asking

    def last(self, device: str) -> dict[str, tuple[int, Value]]:
        """Per point the time and value of the last good reading, also from before the restart."""
        self._note_clean(device)
        return dict(self._lasts.get(device, {}))

    async def series(
        self, device: str, points: Sequence[str], from_ms: int, to_ms: int, step_ms: int
    ) -> Series:
        """The points over time, `from_ms` inclusive to `to_ms` exclusive.

        The step grows until there are at most 2,000, and to a minute where frames would be
        too many. Short spans come from the journal's frames as far as it has them.
        """
        step_ms = fitting_step_ms(from_ms, to_ms, step_ms)
        grid = Grid(points, from_ms, to_ms, step_ms)
        raw_from_ms = to_ms
        if step_ms < MINUTE_MS:
            frames = await self._journal.frames(device, grid.from_ms, to_ms - 1, _MAX_FRAMES)
            if frames:
                raw_from_ms = frames[0].ts_ms
                period_ms = period_of(frames)
                for frame in frames:
                    grid.add_frame(frame, period_ms)
        rows_to_ms = raw_from_ms - raw_from_ms % MINUTE_MS if step_ms < MINUTE_MS else to_ms
        await self._add_rows(grid, device, rows_to_ms)
        known = await self._journal.gaps_between(device, from_ms, to_ms)
        return grid.series((SeriesGap(g.from_ms, g.to_ms, g.reason) for g in known), self._latest_ms)

    async def _add_rows(self, grid: Grid, device: str, to_ms: int) -> None:
        from_ms = grid.from_ms
        if to_ms <= from_ms:
            return
        done: set[int] = set()
        if grid.step_ms >= QUARTER_MS:
            for at_ms, row in await self._insist(
                lambda: self._store.rows("quarter", device, from_ms, to_ms - 1)
            ):
                grid.add_row(at_ms, QUARTER_MS, row)
                done.add(at_ms // QUARTER_MS)
        minutes = await self._insist(lambda: self._store.rows("minute", device, from_ms, to_ms - 1))
        minutes += [
            (at * MINUTE_MS, bucket.fold(is_counter))
            for (owner, _, at), bucket in self._open.items()
            if owner == device and from_ms // MINUTE_MS <= at <= (to_ms - 1) // MINUTE_MS
        ]
        for at_ms, row in minutes:
            if at_ms // QUARTER_MS not in done:
                grid.add_row(at_ms, MINUTE_MS, row)

    async def changed(self, level: Level, after: int, limit: int) -> list[tuple[int, str, int, Row]]:
        """Finished spans that records beyond `after` went into; see `HistoryStore.changed`."""
        return await self._insist(partial(self._store.changed, level, after, limit))

    async def told(self, level: Level) -> int:
        """How far `note_told` has got."""
        return await self._insist(partial(self._store.told, level))

    async def note_told(self, level: Level, was: int, upto: int) -> bool:
        """Somebody else has every span up to this record; false where it went back since `told` said `was`.

        It goes back where earlier readings have got their true time, and where the file was made again.
        """
        return await self._insist(partial(self._store.note_told, level, was, upto))

    async def registers(self, device: str, from_ms: int, to_ms: int) -> list[tuple[int, dict[str, Register]]]:
        """Each quarter hour's start, and per counter its first and last good reading in it."""
        quarters = dict(await self._insist(lambda: self._store.rows("quarter", device, from_ms, to_ms - 1)))
        made = {at_ms // QUARTER_MS for at_ms in quarters}
        first_ms, last_ms = from_ms - from_ms % QUARTER_MS, to_ms - 1
        minutes = await self._insist(lambda: self._store.rows("minute", device, first_ms, last_ms))
        minutes += [
            (at * MINUTE_MS, bucket.fold(is_counter))
            for (owner, _, at), bucket in self._open.items()
            if owner == device and first_ms <= at * MINUTE_MS <= last_ms
        ]
        for at_ms, row in minutes:
            start_ms = at_ms - at_ms % QUARTER_MS
            if start_ms // QUARTER_MS not in made:
                quarters[start_ms] = quarters.get(start_ms, Row()).merged(row)
        return [(at_ms, row.registers) for at_ms, row in sorted(quarters.items())]

    async def energy(self, device: str, point: str, from_ms: int, to_ms: int, limits: Limits) -> Energy:
        """What a counter counted in each quarter hour, and in the gaps between; see `energy_of`.

        `limits` come from the device's profile: `agent.plausible.limits_of`.
        """
        from_ms -= from_ms % QUARTER_MS
        before = await self._insist(lambda: self._store.register_before(device, point, from_ms))
        quarters = await self.registers(device, from_ms, to_ms)
        own = [(at_ms, registers[point]) for at_ms, registers in quarters if point in registers]
        return energy_of(before, own, limits)


@lru_cache(maxsize=4_096)
def is_counter(point: str) -> bool:
    """Whether a point's register is worth keeping: a standard counter, or any energy."""
    known = standard(point)
    return (known is not None and known.counter) or point.endswith(("_kwh", "_kvarh"))
