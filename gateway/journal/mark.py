"""The high-water mark: what was committed last, told by a file that is not the journal.

SQLite drops everything behind one damaged WAL frame without a word. This mark, in two
small files written in turn and in place, tells how far the journal had got, so that a
shortened one is reported as a gap with bounds. It is handed to the kernel after every
commit and forced to the card every ten seconds: a wrong mark can only be a little old.
"""

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import orjson

_SYNC_EVERY_MS = 10_000
_HEADER = 16  # eight hexadecimal digits of length, eight of CRC-32


class LastFrame(NamedTuple):
    """The last committed frame of a device; one is due each `period_ms`, 0 if unknown."""

    boot: str
    seq: int
    ts_ms: int
    period_ms: int


Devices: TypeAlias = dict[str, LastFrame]


@dataclass(frozen=True, slots=True)
class Mark:
    """`first_ms` is the time of the oldest record that the journal held."""

    position: int
    first_ms: int
    devices: Devices = field(default_factory=dict)


class HighWater:
    """The two files; owned by the thread that commits."""

    def __init__(self, folder: Path) -> None:
        self._paths = (folder / "mark.0", folder / "mark.1")
        self._files: list[int] | None = None
        self._turn = 0
        self._synced_ms = 0

    def load(self) -> Mark | None:
        """The newest sound mark, None where there is none."""
        marks = [mark for path in self._paths if (mark := _read(path)) is not None]
        return max(marks, key=lambda mark: mark.position, default=None)

    def write(self, mark: Mark, mono_ms: int) -> None:
        """Raises OSError when the files cannot be written."""
        if self._files is None:
            self._files = [os.open(path, os.O_RDWR | os.O_CREAT, 0o640) for path in self._paths]
        body = orjson.dumps(
            [mark.position, mark.first_ms, {d: list(last) for d, last in mark.devices.items()}]
        )
        header = f"{len(body):08x}{zlib.crc32(body):08x}".encode()
        file = self._files[self._turn]
        os.pwrite(file, header + body, 0)
        if mono_ms - self._synced_ms >= _SYNC_EVERY_MS:
            os.fdatasync(file)
            self._synced_ms = mono_ms
        self._turn = 1 - self._turn

    def close(self) -> None:
        for file in self._files or ():
            os.fdatasync(file)
            os.close(file)
        self._files = None


def _read(path: Path) -> Mark | None:
    try:
        content = path.read_bytes()
        length, crc = int(content[:8], 16), int(content[8:_HEADER], 16)
        body = content[_HEADER : _HEADER + length]
        if len(body) != length or zlib.crc32(body) != crc:
            return None
        position, first_ms, devices = orjson.loads(body)
        return Mark(position, first_ms, {device: LastFrame(*last) for device, last in devices.items()})
    except (OSError, ValueError, TypeError):
        return None
