"""Keeps SQLite from throwing away a write-ahead log that it could not read.

A connection that is refused the `-shm` file for writing goes on for reading only; closed as the last one,
it deletes the log with every commit that stands only there (SQLite 3.40: one refused open at a start cost
all that the run before had acknowledged). It does so only under an exclusive lock of the database, which
it cannot get while somebody else holds a shared one: that is held here, as a lock of the open file (fcntl(2),
F_OFD_SETLK), since locks of one process do not keep each other out.
"""

import fcntl
import os
import struct
from pathlib import Path

import structlog

_log = structlog.get_logger(__name__)

_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
"""The bytes on which SQLite holds its shared locks (os.h: SHARED_FIRST, SHARED_SIZE)."""


class WalGuard:
    """A shared lock on one database file.

    Closing any file of a database drops the locks that SQLite holds on it in this process, so the file
    stays open until `release`, which must come after the last connection was closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._held: tuple[int, int] | None = None

    def hold(self) -> None:
        """Take the lock, unless it is held on this very file or there is none; before each connection."""
        try:
            there = self._path.stat()
            if not there.st_size or self._held == (there.st_dev, there.st_ino):
                return  # a file that is still to become a database has no log, and needs its exclusive lock
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # not there, or refused: whoever connects will meet the same, and say so
            return
        try:
            lock = struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0)
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        except OSError as error:
            _log.warning("wal_guard.refused", file=str(self._path), why=str(error))
        self.release()
        self._file, self._held = file, (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            os.close(self._file)
        self._file = self._held = None
