"""The history's SQLite file: rows of minutes and quarter hours, last values, and the place in the journal.

Place and rows are written in one transaction, and every row knows the last record that went
into it: whatever is read again after a crash counts once. `synchronous=NORMAL` is enough,
since what a power cut takes is made again from the journal.

When the file outgrows its bound, the oldest days of minutes go; quarter hours stay. The
bound is by size and order, never by the wall clock, so a wrong clock deletes nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import orjson
import structlog

from agent.quantity import MINUTE_MS
from agent.reading import Value
from gateway.history.bucket import QUARTER_MS, Register, Row
from gateway.wal_guard import WalGuard

_log = structlog.get_logger(__name__)

Level: TypeAlias = Literal["minute", "quarter"]
WIDTH_MS: Mapping[Level, int] = {"minute": MINUTE_MS, "quarter": QUARTER_MS}
Lasts: TypeAlias = dict[str, dict[str, tuple[int, Value]]]
"""Device → point → time and value of the last good reading."""

_SCHEMA = 1
_PAGE = 4_096
_DAY = 1_440
_LOOKED_BACK = 3_000
_PER_QUARTER = QUARTER_MS // MINUTE_MS
# `boot` is empty for trusted time; otherwise the boot whose clock was not sure: its rows stand
# at a guessed time until the truth is known.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE minute (
    device TEXT, boot TEXT, at INTEGER, upto INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (device, boot, at)) WITHOUT ROWID;
CREATE TABLE quarter (
    device TEXT, boot TEXT, at INTEGER, upto INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (device, boot, at)) WITHOUT ROWID;
CREATE TABLE newest (
    device TEXT, boot TEXT, at INTEGER NOT NULL, PRIMARY KEY (device, boot)) WITHOUT ROWID;
CREATE TABLE last (device TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""


Key: TypeAlias = tuple[str, str, int]
"""Device, boot (empty for trusted time), minutes since 1970."""


@dataclass(frozen=True, slots=True)
class Place:
    """`done`: records up to it are in the rows; `read_to`: later ones up to it may be."""

    done: int
    read_to: int


@dataclass(frozen=True, slots=True)
class Fold:
    """A finished minute; `upto` is the last record in it."""

    device: str
    boot: str
    at: int
    upto: int
    row: Row


class HistoryStore:
    """Owned by one thread from `open` to `close`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._guard = WalGuard(path)
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None
        self._newest: dict[tuple[str, str], int] = {}

    def open(self) -> tuple[Place, Lasts, frozenset[str]]:
        """The place in the journal, the last values, and the boots at guessed times.

        A damaged file is set aside and made anew.

        Raises sqlite3.Error when the storage refuses.
        """
        try:
            return self._attach()
        except (sqlite3.DatabaseError, ValueError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.set_aside(str(error))
            return self._attach()

    def set_aside(self, why: str) -> None:
        """Give a damaged file another name, of which one is kept; whoever asks next makes it anew."""
        self.close()
        aside = self._path.with_name(f"{self._path.name}.damaged")
        self._path.replace(aside)
        for beside in ("-wal", "-shm"):
            Path(f"{self._path}{beside}").unlink(missing_ok=True)
        _log.error("history.set_aside", file=str(self._path), aside=str(aside), why=why)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._guard.release()

    def _attach(self) -> tuple[Place, Lasts, frozenset[str]]:
        self._newest.clear()
        self._guard.hold()
        connection = self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=5)
        try:
            found = self._load(connection)
        except (sqlite3.Error, ValueError):
            self.close()
            raise
        self._guard.hold()  # where there was no file before
        return found

    def _load(self, connection: sqlite3.Connection) -> tuple[Place, Lasts, frozenset[str]]:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA cache_size=-1024")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={_SCHEMA}; COMMIT;")
        elif version != _SCHEMA:
            raise ValueError(f"its schema {version} is unknown")
        for level in WIDTH_MS:
            connection.execute(f"CREATE INDEX IF NOT EXISTS {level}_upto ON {level} (upto) WHERE boot = ''")
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        for device, boot, at in connection.execute("SELECT device, boot, at FROM newest"):
            self._newest[device, boot] = at
        lasts: Lasts = {}
        for device, data in connection.execute("SELECT device, data FROM last"):
            lasts[device] = {point: (ts, value) for point, (ts, value) in orjson.loads(data).items()}
        place = Place(meta.get("done", 0), meta.get("read_to", 0))
        return place, lasts, frozenset(boot for _, boot in self._newest if boot)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:  # set aside under way
            self._attach()
        if self._connection is None:
            raise sqlite3.OperationalError("the history is not open")
        return self._connection

    def write(self, place: Place, folds: Iterable[Fold], lasts: Lasts) -> None:
        """All of it, or nothing. Raises sqlite3.Error when the storage refuses."""
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            newest = self._write_minutes(connection, folds)
            for device, points in lasts.items():
                connection.execute(
                    "INSERT OR REPLACE INTO last VALUES (?, ?)", (device, orjson.dumps(points))
                )
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('done', ?), ('read_to', ?)", (place.done, place.read_to)
            )
            connection.execute("COMMIT")
            self._newest = newest
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._retain(connection)

    def _write_minutes(
        self, connection: sqlite3.Connection, folds: Iterable[Fold]
    ) -> dict[tuple[str, str], int]:
        """And the quarters that their devices have left, or that a late minute belongs to."""
        newest = dict(self._newest)
        quarters: set[Key] = set()
        for fold in folds:
            key = (fold.device, fold.boot, fold.at)
            upto, row = fold.upto, fold.row
            there = connection.execute(
                "SELECT upto, data FROM minute WHERE device = ? AND boot = ? AND at = ?", key
            ).fetchone()
            if there is not None:
                upto, row = max(upto, there[0]), Row.unpack(there[1]).merged(row)
            connection.execute(
                "INSERT OR REPLACE INTO minute VALUES (?, ?, ?, ?, ?)", (*key, upto, row.pack())
            )
            before = newest.get(key[:2], fold.at)
            newest[key[:2]] = max(before, fold.at)
            quarters |= {(*key[:2], at // _PER_QUARTER) for at in (before, fold.at)}
        for device, boot, quarter in quarters:
            if quarter < newest[device, boot] // _PER_QUARTER:
                _make_quarter(connection, device, boot, quarter)
        connection.executemany(
            "INSERT OR REPLACE INTO newest VALUES (?, ?, ?)",
            [(*key, at) for key, at in newest.items() if self._newest.get(key) != at],
        )
        return newest

    def uptos(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The last record that each of these minutes holds, where it is there at all."""
        connection = self._open()
        found = {}
        for key in keys:
            row = connection.execute(
                "SELECT upto FROM minute WHERE device = ? AND boot = ? AND at = ?", key
            ).fetchone()
            if row is not None:
                found[key] = int(row[0])
        return found

    def mend(self, boot: str, shift_ms: int) -> None:
        """Move a boot's rows to their true time, to the nearest minute; registers exactly."""
        connection = self._open()
        minutes = round(shift_ms / MINUTE_MS)
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = connection.execute(
                "SELECT device, at, upto, data FROM minute WHERE boot = ? ORDER BY device, at", (boot,)
            )
            folds = (
                Fold(device, "", at + minutes, upto, Row.unpack(data).shifted(shift_ms))
                for device, at, upto, data in rows.fetchall()
            )
            newest = self._write_minutes(connection, folds)
            # their places are older than what was told since: all from the first of them on is told again
            connection.execute(
                "UPDATE meta SET value = min(value, (SELECT coalesce(min(upto), value + 1) - 1 FROM minute"
                " WHERE boot = ?)) WHERE key IN ('told_minute', 'told_quarter')",
                (boot,),
            )
            for table in ("minute", "quarter", "newest"):
                connection.execute(f"DELETE FROM {table} WHERE boot = ?", (boot,))  # noqa: S608  # literals
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._newest = {key: at for key, at in newest.items() if key[1] != boot}

    def rows(self, level: Level, device: str, from_ms: int, to_ms: int) -> list[tuple[int, Row]]:
        """Start time and row of every span that touches the time; quarters not made yet are missing."""
        width_ms = WIDTH_MS[level]
        connection = self._open()
        rows: list[tuple[int, Row]] = []
        for boot in sorted(boot for owner, boot in self._newest if owner == device):
            found = connection.execute(
                f"SELECT at, data FROM {level}"  # noqa: S608  # one of two literals
                " WHERE device = ? AND boot = ? AND at BETWEEN ? AND ? ORDER BY at",
                (device, boot, from_ms // width_ms, to_ms // width_ms),
            )
            rows += [(at * width_ms, Row.unpack(data)) for at, data in found]
        return rows

    def changed(self, level: Level, after: int, limit: int) -> list[tuple[int, str, int, Row]]:
        """Spans at true times that records beyond `after` went into: last record, device, start time, row."""
        found = self._open().execute(
            f"SELECT upto, device, at, data FROM {level}"  # noqa: S608  # one of two literals
            " WHERE boot = '' AND upto > ? ORDER BY upto LIMIT ?",
            (after, limit),
        )
        width_ms = WIDTH_MS[level]
        return [(upto, device, at * width_ms, Row.unpack(data)) for upto, device, at, data in found]

    def told(self, level: Level) -> int:
        """The last record whose span somebody else is known to have."""
        row = self._open().execute("SELECT value FROM meta WHERE key = ?", (f"told_{level}",)).fetchone()
        return 0 if row is None else int(row[0])

    def note_told(self, level: Level, was: int, upto: int) -> bool:
        """Somebody else has every span up to this record; not noted where it is not at `was` any more."""
        if self.told(level) != was:
            return False
        if upto != was:  # a card is not written for nothing
            self._open().execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"told_{level}", upto))
        return True

    def register_before(self, device: str, point: str, before_ms: int) -> Register | None:
        """A counter's newest readings before a time, a month or so back at most."""
        found = []
        for level, width_ms in WIDTH_MS.items():
            rows = self._open().execute(
                f"SELECT data FROM {level}"  # noqa: S608  # one of two literals
                " WHERE device = ? AND boot = '' AND at < ? ORDER BY at DESC LIMIT ?",
                (device, before_ms // width_ms, _LOOKED_BACK),
            )
            registers = (Row.unpack(data).registers.get(point) for (data,) in rows)
            found.append(next((register for register in registers if register is not None), None))
        return max((r for r in found if r is not None), key=lambda r: r.last_ms, default=None)

    def _retain(self, connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        if (pages - free) * _PAGE <= self._max_bytes:
            return
        oldest = [
            at
            for key in self._newest
            for (at,) in connection.execute("SELECT min(at) FROM minute WHERE device = ? AND boot = ?", key)
            if at is not None
        ]
        if oldest:
            for key in self._newest:
                connection.execute(
                    "DELETE FROM minute WHERE device = ? AND boot = ? AND at < ?", (*key, min(oldest) + _DAY)
                )
            _log.info("history.thinned", day_from_ms=min(oldest) * MINUTE_MS)


def _make_quarter(connection: sqlite3.Connection, device: str, boot: str, quarter: int) -> None:
    minutes = connection.execute(
        "SELECT upto, data FROM minute WHERE device = ? AND boot = ? AND at >= ? AND at < ? ORDER BY at",
        (device, boot, quarter * _PER_QUARTER, (quarter + 1) * _PER_QUARTER),
    ).fetchall()
    if not minutes:
        return
    row = Row()
    for _, data in minutes:
        row = row.merged(Row.unpack(data))
    connection.execute(
        "INSERT OR REPLACE INTO quarter VALUES (?, ?, ?, ?, ?)",
        (device, boot, quarter, max(upto for upto, _ in minutes), row.pack()),
    )
