"""One process per data folder."""

import fcntl
import os
from pathlib import Path

import structlog

from gateway.journal.errors import JournalLocked, JournalUnavailable

_log = structlog.get_logger(__name__)


class FolderLock:
    """Held until `release` or the end of the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take it.

        Raises:
            JournalLocked: another process has it.
            JournalUnavailable: the folder cannot be made or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise JournalUnavailable(f"{folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise JournalLocked(
                f"{folder}: process {holder} has this data folder; stop it, or give another one by --data"
            ) from error
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            _log.warning("journal.holder_not_noted", why=str(error))  # the lock holds all the same

    def release(self) -> None:
        os.close(self._file)
