"""Readings that come from elsewhere go into the journal once, however often they come.

`lay` puts them down in the data folder; whoever has the journal, the running gateway or the command
itself, takes them in and leaves a receipt. What is there already, by boot and number or, where they
have none, by time and point, is passed over; so the same file twice, overlapping files, and a kill
in the middle change nothing.
"""

import asyncio
import gzip
import os
import secrets
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import structlog

from agent.quantity import HOUR_MS
from agent.reading import Frame, Quality, Value
from gateway.journal.carry import document, frame_of
from gateway.journal.errors import JournalUnavailable
from gateway.journal.journal import Journal

_log = structlog.get_logger(__name__)

FOLDER = "incoming"
_LAID, _RECEIPT, _BAD = ".frames", ".receipt", ".bad"
_EVERY_S = 1.0
_REFUSED_S = 5.0
_AT_ONCE = 500
_SPAN_MS = HOUR_MS
"""What is there already is looked up for so long at once."""
_MOST_THERE = 100_000
_RECEIPTS_S = 86_400.0


@dataclass(slots=True)
class Taken:
    """What came of a hand-over.

    Args:
        frames: taken in.
        known: were there already, whole.
        differing: values that the journal has otherwise; its own stay.
        timeless: whose time nobody knows.
        why: it could not be read to its end.
    """

    frames: int = 0
    known: int = 0
    differing: int = 0
    timeless: int = 0
    why: str = ""

    @classmethod
    def read(cls, receipt: Path) -> "Taken":
        return cls(**orjson.loads(receipt.read_bytes()))


def lay(data: Path, frames: Iterable[Frame]) -> Path:
    """Put frames down for whoever has the journal; the place of the receipt that will come.

    Raises:
        OSError: the data folder cannot be written.
    """
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = data.stat()
    new = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    try:
        with new.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as out:
            for frame in frames:
                out.write(orjson.dumps(document(frame)) + b"\n")
            out.flush()
            raw.flush()
            os.fsync(raw.fileno())
        if os.geteuid() == 0:  # the gateway's own user must be able to read and remove it
            os.chown(folder, owner.st_uid, owner.st_gid)
            os.chown(new, owner.st_uid, owner.st_gid)
        new.rename(new.with_suffix(_LAID))
    finally:
        new.unlink(missing_ok=True)
    return new.with_suffix(_RECEIPT)


class Intake:
    """Takes in what was laid down.

    Args:
        data: the data folder.
        journal: to take it into.
    """

    def __init__(self, data: Path, journal: Journal) -> None:
        self._folder = data / FOLDER
        self._journal = journal

    async def run(self) -> None:
        """Until cancelled."""
        refused = False
        while True:
            try:
                await self.take_all()
                refused = False
            except (OSError, JournalUnavailable) as refusal:
                if not refused:
                    _log.warning("intake.refused", why=str(refusal))
                refused = True
            await asyncio.sleep(_REFUSED_S if refused else _EVERY_S)

    async def take_all(self) -> None:
        """All that is there.

        Raises:
            OSError, JournalUnavailable: the storage refuses; it is taken up again from its start.
        """
        for laid in sorted(self._folder.glob(f"*{_LAID}")):
            taken = await self._take(laid)
            _log.info("intake.taken", file=laid.name, **asdict(taken))
            receipt, half = laid.with_suffix(_RECEIPT), laid.with_suffix(".half")
            half.write_bytes(orjson.dumps(asdict(taken)))
            half.rename(receipt)
            if taken.why:
                laid.rename(laid.with_suffix(_BAD))
            else:
                laid.unlink()
        for receipt in self._folder.glob(f"*{_RECEIPT}"):
            with suppress(FileNotFoundError):  # whoever waited for it has just taken it
                if time.time() - receipt.stat().st_mtime > _RECEIPTS_S:
                    receipt.unlink()

    async def _take(self, laid: Path) -> Taken:
        taken, numbers = Taken(), dict[str, int]()
        try:
            with gzip.open(laid, "rb") as lines:
                while chunk := await asyncio.to_thread(_chunk, lines):
                    await self._take_chunk(chunk, f"import-{laid.stem}", numbers, taken)
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError, KeyError, TypeError) as damage:
            taken.why = f"the hand-over was damaged: {damage}"
        return taken

    async def _take_chunk(self, chunk: list[Frame], boot: str, numbers: dict[str, int], taken: Taken) -> None:
        """Some frames, in one commit."""
        mended = [self._journal.boots.mended(frame) for frame in chunk]
        whole = [frame for frame in mended if not self._journal.boots.waits(frame)]
        taken.timeless += len(mended) - len(whole)
        known: dict[str, _Known] = {}
        for some in _by_span(whole):
            device = some[0].device
            times = [frame.ts_ms for frame in some]
            there = await self._journal.frames(device, min(times), max(times), _MOST_THERE)
            of_device = known.setdefault(device, _Known())
            of_device.note(there)
            numbers[device] = max([numbers.get(device, 0), *(f.seq for f in there if f.boot == boot)])
            for frame in some:
                if frame.boot == self._journal.boot:  # from here, and given up since
                    taken.known += 1
                    continue
                new = of_device.what_is_new(frame, taken)
                if new is None:
                    taken.known += 1
                    continue
                if not new.boot:
                    numbers[device] += 1
                    new = replace(new, boot=boot, seq=numbers[device])
                self._journal.append(new)
                taken.frames += 1
        await self._journal.commit()


class _Known:
    """What the journal has of a device, as far as it was looked up."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, int]] = set()
        self._values: dict[int, dict[str, tuple[Value | None, Quality]]] = {}

    def note(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._keys.add((frame.boot, frame.seq))
            said = self._values.setdefault(frame.ts_ms, {})
            for at, (point, value) in enumerate(zip(frame.points, frame.values, strict=True)):
                said[point] = (value, frame.faults.get(at, Quality.GOOD))

    def what_is_new(self, frame: Frame, taken: Taken) -> Frame | None:
        """The frame without what is there; None where that is all of it."""
        if frame.boot:
            if (frame.boot, frame.seq) in self._keys:
                return None
            self.note([frame])
            return frame
        said = self._values.get(frame.ts_ms, {})
        left = [at for at, point in enumerate(frame.points) if point not in said]
        for at, point in enumerate(frame.points):
            if point in said and said[point] != (frame.values[at], frame.faults.get(at, Quality.GOOD)):
                taken.differing += 1
        if not left:
            return None
        self.note([frame])
        return replace(
            frame,
            points=tuple(frame.points[at] for at in left),
            values=tuple(frame.values[at] for at in left),
            faults={n: frame.faults[at] for n, at in enumerate(left) if at in frame.faults},
        )


def _chunk(lines: gzip.GzipFile) -> list[Frame]:
    """The next frames of a hand-over, none at its end."""
    found: list[Frame] = []
    while len(found) < _AT_ONCE and (line := lines.readline()):
        said: dict[str, Any] = orjson.loads(line)
        found.append(frame_of(said))
    return found


def _by_span(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Runs of one device each that do not last longer than what is looked up at once."""
    runs: dict[str, list[Frame]] = {}
    for frame in frames:
        run = runs.setdefault(frame.device, [])
        if run and max(abs(frame.ts_ms - run[0].ts_ms), abs(frame.ts_ms - run[-1].ts_ms)) > _SPAN_MS:
            yield run
            run = runs[frame.device] = []
        run.append(frame)
    yield from (run for run in runs.values() if run)
