"""The writing side of the journal file: one commit at a time, on one thread.

After an error of the storage the connection is thrown away and the batch written again
on a new one; an `fsync` that failed is never just repeated, because the kernel may have
dropped the pages it failed on. Whether the failed commit took place is read from the file.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from agent.reading import Frame
from gateway.journal import retention
from gateway.journal.batch import Batch, Boot, Committed, Opened, pack_state, runs
from gateway.journal.ends import with_ends
from gateway.journal.errors import JournalUnavailable
from gateway.journal.file import (
    LOOK_AGAIN_S,
    LOOKS,
    DamagedFileError,
    abandon,
    connect,
    create,
    refused,
    set_aside,
)
from gateway.journal.loss import caught_up, follow, last_frames, lost_behind, lost_with_the_file
from gateway.journal.mark import Devices, HighWater, Mark
from gateway.journal.packing import pack
from gateway.journal.query import FILE, Layouts, load_base, load_boots, load_state, present
from gateway.journal.ranges import Progress, Ranges
from gateway.journal.record import Position, Record
from gateway.journal.rows import write_boot, write_gaps, write_letters, write_watches
from gateway.wal_guard import WalGuard

_log = structlog.get_logger(__name__)

_MARGIN = 100_000
"""Positions skipped after a loss: a mark that is ten seconds old must not make us use one twice."""


class Store:
    """Owned by the writer thread from `open` to `close`."""

    def __init__(self, folder: Path, max_bytes: int, boot: Boot, utc_ms: Callable[[], int]) -> None:
        self.periods_ms: Mapping[str, int] = {}
        """How often a frame of each device is due; replaced as a whole, from any thread."""
        self._path = folder / FILE
        self._max_bytes = max_bytes
        self._boot = boot
        self._utc_ms = utc_ms
        self._mark = HighWater(folder)
        self._mark_works = True
        self._guard = WalGuard(self._path)
        self._connection: sqlite3.Connection | None = None
        self._layouts: Layouts
        self._segments: retention.Segments
        self._generation = 0
        self._head: Position = 0
        self._gone = Ranges()
        self._first_ms = 0
        self._devices: Devices = {}
        self._watches: dict[str, bytes] = {}
        self._boots: dict[str, Boot] = {}
        self._readers: Mapping[str, Progress] = {}
        self._replaced = False
        self._margin = _MARGIN

    def open(self) -> Opened:
        """Find the file sound, or set it aside and begin a new one; tell what was lost.

        Raises:
            JournalTooNew: the file is left as it is.
            JournalUnavailable: the storage refuses.
        """
        folder = self._path.parent
        if folder.exists() and not folder.is_dir():
            set_aside(folder, "a file stands where the folder belongs", self._utc_ms())
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalUnavailable(f"{folder}: {error}") from error
        mark = self._mark.load()
        if mark is not None:
            self._devices = mark.devices
        for look in range(LOOKS + 1):
            self._attach(mark)
            try:
                return self._begin()
            except (sqlite3.Error, ValueError, TypeError) as error:
                self._drop()
                if look == LOOKS or (isinstance(error, sqlite3.Error) and refused(error)):
                    raise JournalUnavailable(f"{self._path}: {error}") from error
                self._look_again(look, str(error))
        raise AssertionError("the last look returns or raises")

    def _look_again(self, look: int, why: str) -> None:
        """Wait a little; what was malformed at the last look is damage."""
        if look + 1 < LOOKS:
            time.sleep(LOOK_AGAIN_S)
        else:
            set_aside(self._path, why, self._utc_ms())

    def _begin(self) -> Opened:
        connection = self._connected()
        self._watches = dict(connection.execute("SELECT key, state FROM watch"))
        self._boot = replace(self._boot, position=self._head)
        self._boots = {**load_boots(connection), self._boot.boot: self._boot}
        connection.execute("BEGIN IMMEDIATE")
        write_boot(connection, self._boot)
        connection.execute("COMMIT")
        readers = load_state(connection)[1]
        boots = with_ends(connection, self._layouts, self._boots)
        self._margin = 0  # from here on the positions come from us
        return Opened(
            self._head,
            self._gone,
            {name: progress.settle_all(self._gone) for name, progress in readers.items()},
            dict(self._watches),
            boots,
            retention.live_bytes(connection),
        )

    def commit(self, batch: Batch) -> Committed:
        """All of it on the card, or nothing.

        Raises:
            JournalUnavailable: the storage refuses; hand in the same records again later.
        """
        self._readers = batch.readers
        self._replaced = False
        if batch.condemned is not None:
            self._drop()
            set_aside(self._path, batch.condemned, self._utc_ms())
        for look in range(LOOKS + 1):
            try:
                self._try(batch)
                break
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._drop()
                if look == LOOKS or (isinstance(error, sqlite3.Error) and refused(error)):
                    raise JournalUnavailable(f"{self._path}: {error}") from error
                self._look_again(look, str(error))
        self._write_mark(batch.mono_ms)
        return Committed(self._gone, self._replaced, self._retain(batch))

    def close(self) -> None:
        self._drop()
        self._guard.release()
        try:
            self._mark.close()
        except OSError as error:
            _log.warning("journal.mark_refused", error=str(error))

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalUnavailable(f"{self._path}: not open")
        return self._connection

    def _drop(self) -> None:
        abandon(self._connection)
        self._connection = None

    def _try(self, batch: Batch) -> None:
        if self._connection is None:
            self._attach(self._mark.load())
        connection = self._connected()
        connection.execute("BEGIN IMMEDIATE")
        # part of it may be there already, if the commit took place and its answer was an error
        records = [record for record in batch.records if record.position > self._head]
        devices, stops = follow(self._devices, records, self._boot.boot, self.periods_ms)
        self._generation += 1
        state = pack_state(self._generation, batch.readers)
        after = self._head
        for run in runs(records):
            self._write_block(run, state, after)
            after = run[-1].position
        if not records:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (state,))
        write_watches(connection, batch.watches)
        write_gaps(connection, [*batch.gaps, *stops])
        write_letters(connection, batch.letters)
        if batch.offset_ms is not None:
            connection.execute(
                "UPDATE boot SET offset_ms = ? WHERE boot = ?", (batch.offset_ms, self._boot.boot)
            )
        connection.execute("COMMIT")
        self._devices = devices
        for key, watch in batch.watches.items():
            if watch is None:
                self._watches.pop(key, None)
            else:
                self._watches[key] = watch
        if records:
            self._head = records[-1].position
            self._first_ms = self._first_ms or records[0].entry.ts_ms

    def _write_block(self, records: Sequence[Record], state: bytes, after: Position) -> None:
        times = [record.entry.ts_ms for record in records]
        frames = readings = 0
        for record in records:
            if isinstance(record.entry, Frame):
                frames += 1
                readings += len(record.entry.values) - record.entry.values.count(None)
        data = pack(records, self._layouts.id_of)
        first, last = records[0].position, records[-1].position
        block = (first, last, min(times), max(times), frames, readings)
        self._connected().execute("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*block, state, data))
        if first > after + 1:
            self._gone = self._gone.add(after + 1, first - 1)
        self._segments.add((*block, len(data)))

    def _write_mark(self, mono_ms: int) -> None:
        try:
            self._mark.write(Mark(self._head, self._first_ms, self._devices), mono_ms)
            self._mark_works = True
        except OSError as error:
            if self._mark_works:
                _log.warning("journal.mark_refused", error=str(error))
            self._mark_works = False

    def _retain(self, batch: Batch) -> int:
        """Free what exceeds the size; the commit stands whatever comes of it. Live bytes afterwards."""
        connection = self._connected()
        try:
            live = retention.live_bytes(connection)
            if live > self._max_bytes and self._segments.closed:
                readers = [batch.readers[name] for name in batch.active]
                for first, last in retention.free(connection, self._layouts, self._max_bytes, readers):
                    self._gone = self._gone.add(first, last)
                live = retention.live_bytes(connection)
        except sqlite3.Error as error:
            _log.warning("journal.retention_refused", error=str(error))
            self._drop()
            return 0
        return live

    def _attach(self, mark: Mark | None) -> None:
        """Connect, or begin anew; afterwards all that is known of the file is loaded."""
        lost_all = mark is not None
        for look in range(LOOKS):
            if not self._path.exists():
                break
            lost_all = True
            try:
                self._load(mark)
            except DamagedFileError as damage:
                self._look_again(look, str(damage))
            else:
                return
        create(self._path)
        self._guard.hold()
        connection = self._connection = connect(self._path)
        base = max(self._head, self._boot.position)
        if mark is not None:
            base = max(base, mark.position)
        elif lost_all and base == 0:
            base = self._utc_ms()  # nothing tells how far it got: no journal commits 1,000 records a second
        if lost_all:
            base += self._margin
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO meta VALUES ('base', ?)", (base,))
        # ids of gaps go on rising, for those who remember which they were told
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('gap', ?)", (base,))
        self._layouts = Layouts(connection)
        if mark is not None:
            self._first_ms = self._first_ms or mark.first_ms
            write_gaps(connection, lost_with_the_file(mark))
        self._generation += 1
        state = pack_state(self._generation, self._readers)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (state,))
        connection.executemany("INSERT INTO watch VALUES (?, ?)", self._watches.items())
        for boot in self._boots.values():
            write_boot(connection, boot)
        connection.execute("COMMIT")
        self._replaced = True
        self._head = base
        self._gone = Ranges(((1, base),)) if base else Ranges()
        self._segments = retention.Segments(connection, self._max_bytes)

    def _load(self, mark: Mark | None) -> None:
        self._guard.hold()
        connection = connect(self._path)
        try:
            self._layouts = Layouts(connection)
            self._layouts.load()
            self._segments = retention.Segments(connection, self._max_bytes)
            connection.execute("BEGIN IMMEDIATE")
            write_gaps(connection, self._segments.load())
            connection.execute("COMMIT")
            self._generation, _ = load_state(connection)
            head = load_base(connection)
            there = present(connection)
            first_ms = _first_ms(connection)
            self._connection = connection
            if mark is not None and mark.position > head:
                head = self._report_loss(connection, mark, head)
            elif mark is not None:
                boot = next(reversed(load_boots(connection)), "")
                self._devices = caught_up(mark, connection, self._layouts, boot)
        except (sqlite3.Error, ValueError, TypeError) as error:
            self._drop()
            abandon(connection)
            if isinstance(error, sqlite3.Error) and refused(error):
                raise JournalUnavailable(f"{self._path}: {error}") from error
            raise DamagedFileError(str(error)) from error
        self._head = head
        self._first_ms = first_ms
        self._gone = _missing(there, head)

    def _report_loss(self, connection: sqlite3.Connection, mark: Mark, head: Position) -> Position:
        """The file ends before the mark: name what is missing, device by device."""
        gaps = lost_behind(mark, last_frames(connection, self._layouts))
        _log.error("journal.shortened", records=mark.position - head, devices=len(gaps))
        base = mark.position + self._margin
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('base', ?)", (base,))
        write_gaps(connection, gaps)
        connection.execute("COMMIT")
        return base


def _first_ms(connection: sqlite3.Connection) -> int:
    """From when the file tells anything: its oldest block, or a loss before it; 0: nothing."""
    (oldest,) = connection.execute(
        "SELECT min(ms) FROM (SELECT ts_min AS ms FROM block WHERE first = (SELECT min(first) FROM block)"
        " UNION ALL SELECT min(from_ms) FROM gap WHERE reason = 'damaged')"
    ).fetchone()
    return int(oldest or 0)


def _missing(there: Ranges, head: Position) -> Ranges:
    gone = []
    start = 1
    for first, last in there:
        if first > start:
            gone.append((start, first - 1))
        start = last + 1
    if start <= head:
        gone.append((start, head))
    return Ranges(tuple(gone))
