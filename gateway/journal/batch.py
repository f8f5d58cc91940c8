"""What one commit carries, and what came of it. Pure."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.reading import Frame
from gateway.journal.ranges import Progress, Ranges
from gateway.journal.record import Gap, Position, Record

_LARGEST_BLOCK = 1_000
_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a reader's destination refused for good, kept raw with the reason."""

    ts_ms: int
    reader: str
    position: Position
    reason: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Boot:
    """One run of the gateway and how its monotonic clock stands to UTC.

    `position` is the last one before this boot; `offset_ms` (UTC minus monotonic) is None until the
    wall clock was trusted. Boots of one `kernel_boot` share the monotonic clock. `last_mono_ms` is that
    of the boot's last record, where it has ended and somebody needs to know.
    """

    boot: str
    kernel_boot: str
    position: Position
    mono_ms: int
    utc_ms: int
    trusted: bool
    offset_ms: int | None
    last_mono_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One commit; `readers` is everybody's progress, `active` those who hold data back.

    `condemned` says why the file was found damaged and must be set aside first.
    """

    mono_ms: int
    records: Sequence[Record] = ()
    watches: Mapping[str, bytes | None] = field(default_factory=dict)
    gaps: Sequence[Gap] = ()
    letters: Sequence[DeadLetter] = ()
    readers: Mapping[str, Progress] = field(default_factory=dict)
    active: frozenset[str] = frozenset()
    offset_ms: int | None = None
    condemned: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """`gone` are positions that no longer exist; `replaced`: the file had to be set aside."""

    gone: Ranges
    replaced: bool
    bytes: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What a journal knew when it was opened; `base` is the last position ever used."""

    base: Position
    gone: Ranges
    readers: dict[str, Progress]
    watches: dict[str, bytes]
    boots: dict[str, Boot]
    bytes: int


def runs(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Records cut where a position is missing, and where a block grows unwieldy."""
    start = 0
    for index in range(1, len(records) + 1):
        if (
            index == len(records)
            or records[index].position != records[index - 1].position + 1
            or index - start >= _LARGEST_BLOCK
        ):
            yield records[start:index]
            start = index


def pack_state(generation: int, readers: Mapping[str, Progress]) -> bytes:
    """JSON behind its CRC-32: one digit that flips must not let a reader skip anything."""
    body = orjson.dumps([generation, {name: [p.cursor, p.beyond.spans] for name, p in readers.items()}])
    return zlib.crc32(body).to_bytes(_CRC_BYTES, "big") + body


def unpack_state(state: bytes) -> tuple[int, dict[str, Progress]]:
    """Raises ValueError (also of orjson) or TypeError when it is not what `pack_state` wrote."""
    body = state[_CRC_BYTES:]
    if int.from_bytes(state[:_CRC_BYTES], "big") != zlib.crc32(body):
        raise ValueError("the readers' places are damaged")
    generation, readers = orjson.loads(body)
    return generation, {
        name: Progress(cursor, Ranges(tuple((first, last) for first, last in spans)))
        for name, (cursor, spans) in readers.items()
    }


def losses(records: Sequence[Record], reason: str) -> list[Gap]:
    """One gap per device and boot that names exactly these frames; changes are not frames.

    Shape: `id` is 0, the store numbers it.
    """
    lost: dict[tuple[str, str], list[Frame]] = {}
    for record in records:
        if isinstance(record.entry, Frame):
            lost.setdefault((record.entry.device, record.entry.boot), []).append(record.entry)
    return [
        Gap(
            0,
            device,
            boot,
            min(f.ts_ms for f in frames),
            max(f.ts_ms for f in frames),
            len(frames),
            (min(f.seq for f in frames), max(f.seq for f in frames)),
            reason,
        )
        for (device, boot), frames in lost.items()
    ]


def raw(record: Record) -> dict[str, Any]:
    """A record as a dead letter keeps it."""
    entry = record.entry
    if isinstance(entry, Frame):
        return {
            "device": entry.device,
            "boot": entry.boot,
            "seq": entry.seq,
            "ts": entry.ts_ms,
            "values": dict(zip(entry.points, entry.values, strict=True)),
            "quality": {entry.points[index]: quality for index, quality in entry.faults.items()},
            "reason": entry.reason,
        }
    return {"boot": entry.boot, "seq": entry.seq, "ts": entry.ts_ms, **entry.body}
