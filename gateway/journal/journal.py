"""The journal as the rooms see it: append, commit, read, settle.

Everything here runs on the event loop and never blocks it: one writer thread owns the
connection that commits, one reader thread looks up what is no longer in memory. What the
storage refuses stays in memory, bounded, and goes to disk with the next commit that
succeeds; beyond the bound the oldest frames become a counted gap.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import orjson
import structlog

from agent.clock import Clock
from agent.reading import Frame
from gateway.journal.batch import Batch, Committed, DeadLetter, Opened, raw
from gateway.journal.boots import Boots
from gateway.journal.config import JournalConfig
from gateway.journal.damaged import DamagedBlock
from gateway.journal.errors import JournalUnavailable
from gateway.journal.file import DamagedFileError
from gateway.journal.group import Group
from gateway.journal.lock import FolderLock
from gateway.journal.outlast import outlast
from gateway.journal.places import Places
from gateway.journal.query import FILE, Found, LogReader
from gateway.journal.ranges import Ranges
from gateway.journal.record import Change, Gap, Position, Record
from gateway.journal.store import Store
from gateway.journal.tail import Tail
from gateway.journal.this_boot import this_boot

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_URGENT_EVERY_S = 0.2
_RETRY_S = 1.0
_WAL_RESERVE = 600_000


class Journal:
    """The one durable log of a site; see the module's docstring for who runs where."""

    @classmethod
    async def open(cls, folder: Path, config: JournalConfig, clock: Clock) -> Self:
        """Lock the data folder and open the journal in it, making it where it is missing.

        A damaged file is set aside and counted; what it held beyond doubt is a gap.

        Raises:
            JournalLocked: another process has the folder.
            JournalTooNew: a newer version wrote the file.
            JournalUnavailable: the storage refuses.
        """
        lock = FolderLock(folder)
        boot = this_boot(clock)
        place = folder / config.path
        store = Store(place, config.max_size - min(_WAL_RESERVE, config.max_size // 2), boot, clock.utc_ms)
        writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            opened = await asyncio.get_running_loop().run_in_executor(writer, store.open)
        except BaseException:
            writer.shutdown()
            lock.release()
            raise
        return cls(
            LogReader(place / FILE), config, clock, lock=lock, store=store, writer=writer, opened=opened
        )

    def __init__(
        self,
        log: LogReader,
        config: JournalConfig,
        clock: Clock,
        *,
        lock: FolderLock,
        store: Store,
        writer: ThreadPoolExecutor,
        opened: Opened,
    ) -> None:
        self.boot = clock.boot
        self.refusals = 0
        """Commits that the storage refused since the start."""
        self.bytes = opened.bytes
        self._every_s = config.commit_every / 1_000
        self._clock = clock
        self._lock = lock
        self._store = store
        self._writer = writer
        self._log = log
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self.boots = Boots(opened.boots)
        """How the boots' monotonic clocks stand to UTC."""
        self._found_watches = opened.watches
        self._places = Places(opened.readers, opened.gone)
        self._head = opened.base
        self._group = Group(opened.base)
        self._tail = Tail(opened.base)
        self._change_seq = 0
        self._urgent, self._news = asyncio.Event(), asyncio.Event()
        self._committing = asyncio.Lock()
        self._committed_at_s = 0.0
        self._works = True

    @property
    def works(self) -> bool:
        """Whether the storage took the last commit."""
        return self._works

    @property
    def overdue_s(self) -> float:
        """How long ago the next attempt at a commit should have begun; negative while it is not due."""
        return asyncio.get_running_loop().time() - self._committed_at_s - self._every_s

    # ---- writing

    def append(self, frame: Frame) -> Position:
        """Take a frame into the group that the next commit writes."""
        return self._group.take(frame)

    def append_outcome(
        self,
        bodies: Sequence[dict[str, Any]],
        watches: Mapping[str, bytes | None],
        *,
        mono_ms: int,
        ts_ms: int,
        unsure: bool,
    ) -> None:
        """Take changes and the watches behind them (None deletes one) into one commit.

        Changes commit at once, at most five times a second; watches alone wait for the group.
        Called right after `append`, they share the commit of the frame that they followed from.
        """
        for body in bodies:
            self._change_seq += 1
            self._group.take(Change(self.boot, self._change_seq, mono_ms, ts_ms, unsure, body))
        self._group.watches.update(watches)
        if bodies:
            self._urgent.set()

    def gap(  # noqa: PLR0917  # the shape of the contract
        self,
        device: str,
        from_ms: int,
        to_ms: int,
        slots: int | None,
        seq: tuple[int, int] | None,
        reason: str,
    ) -> None:
        """Note polls that will never be; durable with the next commit."""
        self._group.gaps.append(Gap(0, device, self.boot, from_ms, to_ms, slots, seq, reason))

    def expect(self, periods_ms: Mapping[str, int]) -> None:
        """How often a frame of each device is due: what a stop costs is counted by that."""
        self._store.periods_ms = dict(periods_ms)

    async def commit(self) -> None:
        """Everything appended so far is on disk when it returns.

        Raises:
            JournalUnavailable: the storage refuses; nothing is lost, the next commit tries again.
        """
        await self._commit_group()

    async def run(self) -> None:
        """Commit groups until cancelled, then once more."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    async with asyncio.timeout_at(self._committed_at_s + self._every_s):
                        await self._urgent.wait()
                except TimeoutError:
                    pass
                else:
                    await asyncio.sleep(self._committed_at_s + _URGENT_EVERY_S - loop.time())
                await self._attempt()
        finally:
            await self._attempt()

    async def close(self) -> None:
        """Close files and threads and release the folder; what was not committed is lost."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reader, self._log.close)
        await loop.run_in_executor(self._writer, self._store.close)
        self._reader.shutdown()
        self._writer.shutdown()
        self._lock.release()

    async def _attempt(self) -> None:
        try:
            await self._commit_group()
        except JournalUnavailable as refusal:
            if self._works:
                _log.error("journal.refused", why=str(refusal), pending=len(self._group.records))
            self._works = False
            self._wake()
        else:
            if not self._works:
                _log.info("journal.healed", refusals=self.refusals, dropped=self._group.dropped)
            self._works = True

    async def _commit_group(self) -> None:
        async with self._committing:
            self._urgent.clear()
            self._committed_at_s = asyncio.get_running_loop().time()
            offset_ms = self._newly_known_offset()
            if not self._group and offset_ms is None:
                return
            now_ms = self._clock.monotonic_ms()
            active, durable = frozenset(self._places.active), self._places.durable(now_ms)
            batch = self._group.batch(now_ms, durable, active, offset_ms)
            writing = asyncio.get_running_loop().run_in_executor(self._writer, self._store.commit, batch)
            cancelled = await outlast(writing)
            try:
                committed = writing.result()
            except JournalUnavailable:
                self.refusals += 1
                self._group.take_back(batch)
                raise
            await self._after(batch, committed)
        if cancelled is not None:
            raise cancelled

    async def _after(self, batch: Batch, committed: Committed) -> None:
        self.bytes = committed.bytes
        if batch.offset_ms is not None:
            self.boots.learn(self.boot, batch.offset_ms)
        if committed.replaced:
            await asyncio.get_running_loop().run_in_executor(self._reader, self._log.close)
        self._vanish(committed.gone)
        if batch.records:
            self._tail.extend(batch.records)
            self._head = batch.records[-1].position
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _vanish(self, gone: Ranges) -> None:
        gone = Ranges.of((*self._places.gone, *gone))  # what cannot be unpacked is only known here
        if gone != self._places.gone:
            self._places.vanish(gone)

    # ---- reading

    def head(self) -> Position:
        """The last committed position."""
        return self._head

    async def wait(self, after: Position) -> None:
        """Return once a record beyond `after` is committed."""
        while self._head <= after:
            await self.news()

    async def news(self) -> None:
        """Return at the next commit, or at the next refusal of one."""
        await self._news.wait()

    @property
    def unwritten(self) -> Sequence[Record]:
        """What waits because the storage refuses: live for who only passes it on, lasting for nobody."""
        return () if self._works else self._group.records

    async def read(self, after: Position, limit: int = 500, *, changes: bool = False) -> list[Record]:
        """Up to `limit` committed records beyond `after`, in order; changes only, if asked."""
        while after < self._head:
            if after >= self._tail.floor:
                return self._tail.after(after, limit, changes=changes)
            found = await self._ask(partial(self._log.after, after, limit, changes=changes), Found([]))
            if found.damaged:
                await self._lose(found.damaged)
            if found.records:
                return found.records
            after = max([self._tail.floor, *(block.last for block in found.damaged)])
        return []

    async def frames(self, device: str, from_ms: int, to_ms: int, limit: int = 10_000) -> list[Frame]:
        """A device's committed frames in a span of time (inclusive), in order; the newest `limit`, mended."""
        windows = [(from_ms - shift - 1, to_ms - shift + 1) for shift in self.boots.shifts_ms()]
        found = await self._ask(lambda: self._log.frames(device, windows, limit), list[Frame]())
        mended = map(self.boots.mended, found)
        return sorted((f for f in mended if from_ms <= f.ts_ms <= to_ms), key=lambda f: f.ts_ms)

    async def gaps(self, after: int = 0, limit: int = 500) -> list[Gap]:
        """Committed gaps with an id beyond `after`; one that grew comes again under a new id."""
        return await self._ask(lambda: self._log.gaps(after, limit), list[Gap]())

    async def gaps_between(self, device: str, from_ms: int, to_ms: int) -> list[Gap]:
        """The gaps of a device that touch a span of time."""
        ask = partial(self._log.gaps_between, (device, "*"), from_ms, to_ms)
        return await self._ask(ask, list[Gap]())

    async def statistics(self) -> dict[str, Any]:
        """The `journal stats --json` document, and what only the running gateway knows."""
        ask = partial(self._log.statistics, self._clock.utc_ms(), self._places.all())
        document = await self._ask(ask, dict[str, Any]())
        return {
            **document,
            "pending_records": len(self._group.records),
            "refused_commits": self.refusals,
            "dropped_records": self._group.dropped,
        }

    async def backlog(self, reader: str) -> tuple[int, float]:
        """Records that the reader has not settled, and the age of the oldest in seconds."""
        progress = self._places.of(reader)
        count = progress.backlog(self._head)
        if not count:
            return 0, 0.0
        oldest = await self._ask(lambda: self._log.oldest_unsettled(progress), None)
        return count, 0.0 if oldest is None else self.boots.age_s(*oldest, self._clock.utc_ms())

    async def _ask(self, question: Callable[[], _T], nothing: _T) -> _T:
        """Put a question to the file on the reader thread; a storage that refuses is asked again.

        A file found damaged is condemned: the next commit sets it aside. Until then: `nothing`.
        """
        loop = asyncio.get_running_loop()
        refused = False
        while True:
            try:
                answer = await loop.run_in_executor(self._reader, question)
            except JournalUnavailable as refusal:
                if not refused:
                    _log.warning("journal.read_refused", why=str(refusal))
                refused = True
                await asyncio.sleep(_RETRY_S)
            except DamagedFileError as damage:
                self._group.condemned = str(damage)
                self._group.moved = True
                return nothing
            else:
                return answer

    async def _lose(self, damaged: Sequence[DamagedBlock]) -> None:
        """Blocks that cannot be unpacked: nobody will see them, and that is said."""
        for block in damaged:
            gone = self._places.gone.add(block.first, block.last)
            if gone.count > self._places.gone.count:  # else another reader has met it before
                _log.error("journal.damaged_block", first=block.first, last=block.last)
                to_ms = self._clock.utc_ms() if block.to_ms is None else block.to_ms
                self.gap("*", min(block.from_ms, to_ms), to_ms, block.frames, None, "damaged")
                self._vanish(gone)
        self._group.moved = True

    # ---- readers' places

    def cursor(self, reader: str) -> Position:
        """Everything up to it is settled for this reader; asking makes it one that holds data back."""
        return self._places.of(reader).cursor

    def settled(self, reader: str) -> Ranges:
        """What is settled beyond the cursor."""
        return self._places.of(reader).beyond

    def readers(self) -> frozenset[str]:
        """Who has asked for a place since the start."""
        return frozenset(self._places.active)

    def leave(self, reader: str) -> None:
        """The reader is no more: it holds no data back; its place stays, should it ask again."""
        self._places.active.discard(reader)

    def settle(self, reader: str, first: Position, last: Position) -> None:
        """The reader is done with these (inclusive); durable with the next commit, unless it lags."""
        self._places.settle(reader, first, last)
        self._group.moved = True

    def lag(self, reader: str, behind_ms: int) -> None:
        """What the reader settles becomes durable only so much later: its other end may still lose it."""
        self._places.lag(reader, behind_ms)

    def recede(self, reader: str) -> None:
        """The other end of a lagging reader may have lost what it took lately: that is unsettled again."""
        self._places.recede(reader)

    async def reject(self, reader: str, record: Record, reason: str) -> None:
        """Keep a record that the reader's destination refuses for good, and settle it."""
        letter = DeadLetter(self._clock.utc_ms(), reader, record.position, reason, orjson.dumps(raw(record)))
        self._group.letters.append(letter)
        self.settle(reader, record.position, record.position)

    # ---- watches and clocks

    def watches(self) -> dict[str, bytes]:
        """The rules' watches as they were found at the start."""
        return dict(self._found_watches)

    def _newly_known_offset(self) -> int | None:
        if self.boots.known(self.boot) or not self._clock.trusted():
            return None
        return self._clock.origin_ms
