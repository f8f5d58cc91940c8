"""Questions to a journal file: what comes next, what was in a time, how it stands."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from agent.clock import SystemClock
from agent.reading import Frame
from gateway.journal.batch import Boot, unpack_state
from gateway.journal.boots import Boots
from gateway.journal.damaged import DamagedBlock, damaged_block, lacking
from gateway.journal.errors import JournalUnavailable
from gateway.journal.file import LOOKS, DamagedFileError, abandon, aside_files, connect_to_read, refused
from gateway.journal.packing import DamagedBlobError, Layout, unpack
from gateway.journal.ranges import Progress, Ranges
from gateway.journal.record import Gap, Position, Record

_log = structlog.get_logger(__name__)

FILE = "journal.db"
_STATES_LOOKED_AT = 8
_NO_END = 1 << 62


class Layouts(Mapping[int, Layout]):
    """Layouts by id, fetched when first met; the store remembers those it makes itself."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, Layout] = {}
        self._ids: dict[Layout, int] = {}

    def __getitem__(self, layout_id: int) -> Layout:
        try:
            return self._known[layout_id]
        except KeyError:
            self.load()
            return self._known[layout_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def load(self) -> None:
        for layout_id, device, points in self._connection.execute("SELECT id, device, points FROM layout"):
            if layout_id not in self._known:
                self._remember(layout_id, (device, tuple(orjson.loads(points))))

    def id_of(self, layout: Layout) -> int:
        """The layout's id, made inside the running transaction where it is new."""
        known = self._ids.get(layout)
        if known is not None:
            return known
        device, points = layout
        made = self._connection.execute(
            "INSERT INTO layout (device, points) VALUES (?, ?)", (device, orjson.dumps(points).decode())
        ).lastrowid
        if made is None:
            raise sqlite3.DatabaseError("no id for a new layout")
        self._remember(made, layout)
        return made

    def _remember(self, layout_id: int, layout: Layout) -> None:
        self._known[layout_id] = layout
        self._ids[layout] = layout_id


@dataclass(frozen=True, slots=True)
class Found:
    """Records, and the blocks that could not be read."""

    records: list[Record]
    damaged: tuple[DamagedBlock, ...] = ()


class LogReader:
    """One read-only connection; belongs to the thread that asks first.

    Every question raises JournalUnavailable when the storage refuses, and DamagedFileError
    when the file is not sound; the next question opens it again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: tuple[sqlite3.Connection, Layouts] | None = None
        self._looks = 0

    def close(self) -> None:
        if self._open is not None:
            self._open[0].close()
            self._open = None

    @contextmanager
    def _ask(self) -> Iterator[tuple[sqlite3.Connection, Layouts]]:
        if self._open is None:
            connection = connect_to_read(self._path)
            self._open = connection, Layouts(connection)
        try:
            yield self._open
            self._looks = 0
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:  # or a row nobody wrote so
            abandon(self._open[0])
            self._open = None
            self._looks += 1
            if self._looks < LOOKS or (isinstance(error, sqlite3.Error) and refused(error)):
                raise JournalUnavailable(f"{self._path}: {error}") from error
            self._looks = 0
            raise DamagedFileError(str(error)) from error

    def after(self, position: Position, limit: int, *, changes: bool = False) -> Found:
        """Up to `limit` records beyond `position`; changes only, if asked.

        What lies between two blocks is told as damaged: the caller knows which of it was freed.
        """
        blocks = _blocks_with_changes if changes else _blocks_after
        with self._ask() as (connection, layouts), closing(blocks(connection, position)) as rows:
            records: list[Record] = []
            damaged = []
            expected = position + 1
            for first, last, data in rows:
                if last <= position:
                    continue
                if first > expected and not changes:
                    damaged.append(lacking(connection, expected, first))
                expected = max(expected, last + 1)
                try:
                    block = unpack(data, first, layouts)
                except DamagedBlobError:
                    damaged.append(damaged_block(connection, first))
                    continue
                records += (
                    record
                    for record in block
                    if record.position > position and not (changes and isinstance(record.entry, Frame))
                )
                if len(records) >= limit:
                    break
            return Found(records[:limit], tuple(damaged))

    def frames(self, device: str, windows: Iterable[tuple[int, int]], limit: int) -> list[Frame]:
        """A device's frames with stored times in any of the windows (inclusive), oldest record first.

        Where there are more than `limit`, the newest.
        """
        with self._ask() as (connection, layouts):
            wanted = list(windows)
            frames: list[Frame] = []
            for first, last in reversed(_spans_in(connection, wanted)):
                rows = connection.execute(
                    "SELECT first, ts_min, ts_max, data FROM block"
                    " WHERE first BETWEEN ? AND ? ORDER BY first DESC",
                    (first, last),
                )
                for at, ts_min, ts_max, data in rows:
                    if not any(ts_min <= to and ts_max >= since for since, to in wanted):
                        continue
                    try:
                        block = unpack(data, at, layouts, device)
                    except DamagedBlobError:
                        continue
                    for record in reversed(list(block)):
                        entry = record.entry
                        if isinstance(entry, Frame) and any(s <= entry.ts_ms <= to for s, to in wanted):
                            frames.append(entry)
                    if len(frames) >= limit:
                        rows.close()
                        return frames[:limit][::-1]
            return frames[::-1]

    def gaps(self, after: int, limit: int) -> list[Gap]:
        with self._ask() as (connection, _):
            rows = connection.execute(f"{_GAPS} WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
            return [gap_of(row) for row in rows]

    def gaps_between(self, devices: tuple[str, ...], from_ms: int, to_ms: int) -> list[Gap]:
        with self._ask() as (connection, _):
            marks = ",".join("?" * len(devices))
            rows = connection.execute(
                f"{_GAPS} WHERE device IN ({marks}) AND from_ms <= ? AND to_ms >= ?"
                " ORDER BY from_ms LIMIT 1000",
                (*devices, to_ms, from_ms),
            )
            return [gap_of(row) for row in rows]

    def oldest_unsettled(self, progress: Progress) -> tuple[Position, int] | None:
        """Position and stamp of the first block that the reader has not settled."""
        with self._ask() as (connection, _):
            return _oldest_unsettled(connection, progress)

    def statistics(self, now_ms: int, readers: Mapping[str, Progress] | None = None) -> dict[str, Any]:
        """The `journal stats --json` document; progress as committed unless told."""
        with self._ask() as (connection, _):
            return _statistics(connection, self._path, now_ms, readers)


def read_statistics(folder: Path, journal: str = "journal", now_ms: int | None = None) -> dict[str, Any]:
    """How the journal in a data folder stands, without a lock, beside a running gateway.

    Raises:
        JournalUnavailable: there is none yet, or it cannot be read.
        JournalTooNew: a newer version wrote it.
    """
    path = folder / journal / FILE
    connection = connect_to_read(path)
    try:
        return _statistics(connection, path, SystemClock().utc_ms() if now_ms is None else now_ms, None)
    finally:
        connection.close()


def load_state(connection: sqlite3.Connection) -> tuple[int, dict[str, Progress]]:
    """The newest state: of the last block, or written apart when no block was due."""
    rows = connection.execute(
        "SELECT value FROM meta WHERE key = 'state' UNION ALL"
        " SELECT state FROM (SELECT state FROM block ORDER BY first DESC LIMIT ?)",
        (_STATES_LOOKED_AT,),
    )
    newest: tuple[int, dict[str, Progress]] = 0, {}
    for (packed,) in rows:
        try:
            state = unpack_state(packed)
        except (ValueError, TypeError) as damage:  # an older one only makes readers read again
            _log.warning("journal.damaged_state", error=str(damage))
            continue
        newest = max(newest, state, key=lambda state: state[0])
    return newest


def load_base(connection: sqlite3.Connection) -> Position:
    """The last position used."""
    (base,) = connection.execute(
        "SELECT max(coalesce((SELECT last FROM block ORDER BY first DESC LIMIT 1), 0),"
        " coalesce((SELECT value FROM meta WHERE key = 'base'), 0))"
    ).fetchone()
    return int(base)


def load_boots(connection: sqlite3.Connection) -> dict[str, Boot]:
    rows = connection.execute(
        "SELECT boot, kernel_boot, position, mono_ms, utc_ms, trusted, offset_ms FROM boot ORDER BY rowid"
    )
    return {row[0]: Boot(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows}


def tail_blocks(connection: sqlite3.Connection) -> list[tuple[int, int, int, int, int, int, int]]:
    """Blocks that are in no segment yet: first, last, ts_min, ts_max, frames, readings, bytes."""
    return connection.execute(
        "SELECT first, last, ts_min, ts_max, frames, readings, length(data) FROM block"
        " WHERE first > coalesce((SELECT last FROM segment ORDER BY first DESC LIMIT 1), 0) ORDER BY first"
    ).fetchall()


def present(connection: sqlite3.Connection) -> Ranges:
    """The positions that are there."""
    segments = connection.execute("SELECT first, last FROM segment").fetchall()
    return Ranges.of([*segments, *((row[0], row[1]) for row in tail_blocks(connection))])


def gap_of(row: tuple[Any, ...]) -> Gap:
    seq = None if row[6] is None else (row[6], row[7])
    return Gap(row[0], row[1], row[2], row[3], row[4], row[5], seq, row[8])


def _blocks_after(
    connection: sqlite3.Connection, position: Position
) -> Generator[tuple[Position, Position, bytes]]:
    yield from connection.execute(
        "SELECT first, last, data FROM block WHERE first >="
        " coalesce((SELECT max(first) FROM block WHERE first <= ?), 0) ORDER BY first",
        (position + 1,),
    )


def _blocks_with_changes(
    connection: sqlite3.Connection, position: Position
) -> Generator[tuple[Position, Position, bytes]]:
    """Found by the counts of segments, so that a long journal is not read for them."""
    spans = connection.execute(
        "SELECT first, last FROM segment WHERE last > ? AND last - first + 1 > frames ORDER BY first",
        (position,),
    ).fetchall()
    (rest,) = connection.execute("SELECT coalesce(max(last), 0) + 1 FROM segment").fetchone()
    for first, last in [*spans, (rest, _NO_END)]:
        yield from connection.execute(
            "SELECT first, last, data FROM block WHERE first BETWEEN ? AND ?"
            " AND last - first + 1 > frames ORDER BY first",
            (first, last),
        )


_GAPS = "SELECT id, device, boot, from_ms, to_ms, slots, seq_first, seq_last, reason FROM gap"


def _spans_in(
    connection: sqlite3.Connection, windows: list[tuple[int, int]]
) -> tuple[tuple[Position, Position], ...]:
    spans: list[tuple[int, int]] = []
    for since, to in windows:
        spans += connection.execute(
            "SELECT first, last FROM segment WHERE ts_max >= ? AND ts_min <= ?", (since, to)
        ).fetchall()
        spans += (row[:2] for row in tail_blocks(connection) if row[3] >= since and row[2] <= to)
    return Ranges.of(spans).spans


def _oldest_unsettled(connection: sqlite3.Connection, progress: Progress) -> tuple[Position, int] | None:
    start = progress.cursor + 1
    for first, last in progress.beyond:
        row = _block_from(connection, start)
        if row is None or row[0] < first:
            break
        start = last + 1
    return _block_from(connection, start)


def _block_from(connection: sqlite3.Connection, start: Position) -> tuple[int, int] | None:
    found: tuple[int, int] | None = connection.execute(
        "SELECT first, ts_min FROM block WHERE last >= ? AND first >="
        " coalesce((SELECT max(first) FROM block WHERE first <= ?), 0) ORDER BY first LIMIT 1",
        (start, start),
    ).fetchone()
    return found


def _statistics(
    connection: sqlite3.Connection, path: Path, now_ms: int, readers: Mapping[str, Progress] | None
) -> dict[str, Any]:
    connection.execute("BEGIN")  # one picture, whatever the gateway commits meanwhile
    try:
        frames, readings, first_ms, last_ms = connection.execute(
            "SELECT coalesce(sum(frames), 0), coalesce(sum(readings), 0), min(ts_min), max(ts_max)"
            " FROM segment"
        ).fetchone()
        tail = tail_blocks(connection)
        times = [ms for ms in (first_ms, last_ms, *(t for row in tail for t in row[2:4])) if ms is not None]
        head = load_base(connection)
        if readers is None:
            readers = load_state(connection)[1]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (letters,) = connection.execute("SELECT coalesce(max(id), 0) FROM dead_letter").fetchone()
        boots = Boots(load_boots(connection))
        cursors = {}
        for name, progress in sorted(readers.items()):
            backlog = progress.backlog(head)
            oldest = _oldest_unsettled(connection, progress) if backlog else None
            cursors[name] = {
                "position": progress.cursor,
                "backlog_frames": backlog,
                "backlog_age_s": 0.0 if oldest is None else boots.age_s(*oldest, now_ms),
            }
        return {
            "frames": frames + sum(row[4] for row in tail),
            "values": readings + sum(row[5] for row in tail),
            "bytes": (pages - free) * 4_096,
            "first": min(times, default=None),
            "last": max(times, default=None),
            "head": head,
            "boots": connection.execute("SELECT count(*) FROM boot").fetchone()[0],
            "cursors": cursors,
            "gaps": [
                {"device": gap.device, **gap.document()}
                for gap in reversed(
                    [gap_of(r) for r in connection.execute(f"{_GAPS} ORDER BY id DESC LIMIT 500")]
                )
            ],
            "gaps_total": connection.execute("SELECT count(*) FROM gap").fetchone()[0],
            "dead_letters": letters,
            "set_aside": [file.name for file in aside_files(path)],
        }
    finally:
        connection.execute("COMMIT")
