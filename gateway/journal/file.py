"""The journal's SQLite file: made whole or not at all, opened if sound, else set aside.

`synchronous=FULL`, because NORMAL loses acknowledged commits in a power cut. The WAL is
small and reused: SQLite drops all of it behind one damaged frame, and a growing one costs
file-system metadata at each commit.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

import structlog

from gateway.journal.errors import JournalTooNew, JournalUnavailable

_log = structlog.get_logger(__name__)

SCHEMA = 1
_APPLICATION_ID = 0x4D41504C
_WAL_PAGES = 64
_CACHE_KIB = 512
_KEPT_ASIDE = 3
_NOT_OURS_TO_MEND = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
)
# A block is one commit; a segment is a run of blocks without a hole, the unit of retention and
# the coarse index by time. `state` holds all readers' progress, so that it costs no page of its own.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE block (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, ts_min INTEGER NOT NULL, ts_max INTEGER NOT NULL,
    frames INTEGER NOT NULL, readings INTEGER NOT NULL, state BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE segment (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, ts_min INTEGER NOT NULL, ts_max INTEGER NOT NULL,
    frames INTEGER NOT NULL, readings INTEGER NOT NULL);
CREATE TABLE layout (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, points TEXT NOT NULL, UNIQUE (device, points));
CREATE TABLE watch (key TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE gap (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, boot TEXT NOT NULL,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, slots INTEGER,
    seq_first INTEGER, seq_last INTEGER, reason TEXT NOT NULL);
CREATE INDEX gap_run ON gap (device, boot, reason, seq_last);
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ts_ms INTEGER NOT NULL, reader TEXT NOT NULL,
    position INTEGER NOT NULL, reason TEXT NOT NULL, record BLOB NOT NULL);
CREATE TABLE boot (
    boot TEXT PRIMARY KEY, kernel_boot TEXT NOT NULL, position INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL, trusted INTEGER NOT NULL, offset_ms INTEGER);
"""


LOOKS = 3
LOOK_AGAIN_S = 0.05
"""SQLite calls a file malformed also where the card refused one read (SQLITE_IOERR_CORRUPTFS, and pages
that came back short): only what is malformed at each look, on a new connection, is damage."""


class DamagedFileError(Exception):
    """It is there and it is not a sound journal."""


def refused(error: sqlite3.Error) -> bool:
    """Whether the storage said no, as against the file being damaged."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in _NOT_OURS_TO_MEND


def connect(path: Path) -> sqlite3.Connection:
    """Open a sound journal of this schema for the calling thread.

    Raises:
        DamagedFileError: garbage, empty, a directory, or another program's file.
        JournalTooNew: a later schema.
        JournalUnavailable: the storage refuses.
    """
    if path.is_dir():
        raise DamagedFileError("it is a directory")
    if path.stat().st_size == 0:
        raise DamagedFileError("it is empty")
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5
        )
        _check(connection, path)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except sqlite3.Error as error:
        abandon(connection)
        if refused(error):
            raise JournalUnavailable(f"{path}: {error}") from error
        raise DamagedFileError(str(error)) from error
    except UnicodeDecodeError as error:  # of a message that quotes the damaged schema
        abandon(connection)
        raise DamagedFileError(str(error)) from error
    except (DamagedFileError, JournalTooNew):
        abandon(connection)
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open beside a running gateway, unable to change anything. Raises as `connect`."""
    if not path.is_file():
        raise JournalUnavailable(f"{path}: there is no journal yet; it begins with the first `run`")
    connection = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5
        )
        _check(connection, path)
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except sqlite3.Error as error:
        abandon(connection)
        raise JournalUnavailable(f"{path}: {error}") from error
    except (DamagedFileError, UnicodeDecodeError) as damage:
        abandon(connection)
        raise JournalUnavailable(f"{path}: {damage}") from damage
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID:
        raise DamagedFileError("it is no journal of this program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise JournalTooNew(
            f"{path} has schema {version}, this version knows {SCHEMA}; "
            "install the version that wrote it, or move the file away"
        )
    if version < SCHEMA:
        raise DamagedFileError(f"its schema {version} is unknown")


def create(path: Path) -> None:
    """Make an empty journal; it has its name only once it is whole.

    Raises:
        JournalUnavailable: the storage refuses.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        for leftover in (new, *_beside(new), *_beside(path)):
            leftover.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("PRAGMA auto_vacuum=NONE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA}")
            connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
        new.replace(path)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailable(f"{path}: cannot be made: {error}") from error


def set_aside(path: Path, why: str, stamp_ms: int) -> Path:
    """Give a damaged file (or whatever has its place) another name; a person may look at it.

    The newest three are kept, so that a failing card does not fill itself.

    Raises:
        JournalUnavailable: the storage refuses.
    """
    aside = path.with_name(f"{path.name}.damaged-{stamp_ms}")
    try:
        wal, shm = _beside(path)
        shm.unlink(missing_ok=True)
        if wal.exists():  # first: a fresh file must never meet an old WAL
            wal.rename(f"{aside}-wal")
        if path.exists():
            path.rename(aside)
        sync_folder(path.parent)
        for old in aside_files(path)[:-_KEPT_ASIDE]:
            if old.is_file():
                old.unlink()
                Path(f"{old}-wal").unlink(missing_ok=True)
    except OSError as error:
        raise JournalUnavailable(f"{path}: damaged ({why}) and cannot be set aside: {error}") from error
    _log.error("journal.set_aside", file=str(path), aside=str(aside), why=why)
    return aside


def aside_files(path: Path) -> list[Path]:
    """What was set aside and is still there, oldest first."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return sorted(file for file in found if not file.name.endswith("-wal"))


def abandon(connection: sqlite3.Connection | None) -> None:
    """Close a connection that may be broken."""
    if connection is not None:
        with contextlib.suppress(sqlite3.Error):
            connection.close()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
