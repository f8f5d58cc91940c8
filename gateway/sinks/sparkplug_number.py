"""The number that joins a node's birth to its death, kept over restarts."""

import json
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_MODULO = 256


class BirthNumbers:
    """0, 1, .. 255, 0, .. over all runs of one sink.

    A number that a power cut takes back does no harm: the broker says the will of the lost session
    when our client id comes again, before it takes the new birth. So nothing waits for the disk here.

    Args:
        file: where the last number stands; it may be missing or damaged, then they begin at 0.
    """

    def __init__(self, file: Path) -> None:
        self.not_kept = 0
        """Numbers that the storage did not take; they count on in memory."""
        self._file = file
        self._last = _read(file)

    def next(self) -> int:
        """Another number, on its way to the disk."""
        self._last = (self._last + 1) % _MODULO
        fresh = self._file.with_name(self._file.name + ".new")
        try:
            fresh.write_text(json.dumps({"bdSeq": self._last}), encoding="utf-8")
            fresh.replace(self._file)
        except OSError as refused:
            if not self.not_kept:
                log.warning("sparkplug.number_not_kept", file=self._file.name, why=str(refused))
            self.not_kept += 1
        return self._last


def _read(file: Path) -> int:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return int(found["bdSeq"]) % _MODULO
    except (OSError, ValueError, KeyError, TypeError):
        return _MODULO - 1
