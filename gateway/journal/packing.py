"""Records of one commit as one blob, and back. Pure.

The names of a frame's points are stored once, as a layout; a frame is then one short
JSON array. JSON keeps numbers, texts and flags apart and gives back the very same
floats; a light deflate brings a second of 1,000 values under one 4 KiB page, and its
check sum tells a damaged blob from a sound one.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from agent.reading import Frame, Quality
from gateway.journal.record import Change, Record

Layout: TypeAlias = tuple[str, tuple[str, ...]]
"""A device's id and the names of the points that were due, in plan order."""

_QUALITIES = (
    Quality.GOOD,
    Quality.UNCERTAIN,
    Quality.SUBSTITUTED,
    Quality.STALE,
    Quality.BAD,
    Quality.ABSENT,
)
_CODES = {quality: code for code, quality in enumerate(_QUALITIES)}
_CHANGE = -1
_LEVEL = 1


class DamagedBlobError(ValueError):
    """The bytes are not what `pack` wrote."""


def pack(records: Sequence[Record], layout_of: Callable[[Layout], int]) -> bytes:
    """At least one record, at positions that follow each other."""
    head = records[0].entry
    boot, mono_ms, ts_ms = head.boot, head.mono_ms, head.ts_ms
    rows: list[Any] = []
    for record in records:
        entry = record.entry
        row: list[Any]
        if isinstance(entry, Frame):
            row = [
                layout_of((entry.device, entry.points)),
                entry.seq,
                entry.mono_ms - mono_ms,
                entry.ts_ms - ts_ms,
                entry.span_ms,
                1 if entry.unsure else 0,
                None if entry.reason is not None else entry.values,
            ]
            if entry.reason is not None:
                row += (None, entry.reason)
            elif entry.faults:
                row.append([n for index, quality in entry.faults.items() for n in (index, _CODES[quality])])
        else:
            row = [
                _CHANGE,
                entry.seq,
                entry.mono_ms - mono_ms,
                entry.ts_ms - ts_ms,
                0,
                1 if entry.unsure else 0,
                entry.body,
            ]
        if entry.boot != boot:
            row += [None] * (9 - len(row))
            row.append(entry.boot)
        rows.append(row)
    return zlib.compress(orjson.dumps([boot, mono_ms, ts_ms, rows]), _LEVEL)


def unpack(
    blob: bytes,
    first: int,
    layouts: Mapping[int, Layout],
    device: str | None = None,
) -> list[Record]:
    """The records of a blob whose first position is `first`; only one device's frames where named.

    Raises:
        DamagedBlobError: the blob or one of its layouts is not sound.
    """
    try:
        boot, mono_ms, ts_ms, rows = orjson.loads(zlib.decompress(blob))
        records = []
        for position, row in enumerate(rows, first):
            layout = None if row[0] == _CHANGE else layouts[row[0]]
            if device is not None and (layout is None or layout[0] != device):
                continue
            records.append(Record(position, _entry(row, layout, boot, mono_ms, ts_ms)))
    except (zlib.error, ValueError, KeyError, IndexError, TypeError) as damage:
        raise DamagedBlobError(f"block at position {first}: {damage}") from damage
    return records


def _entry(row: list[Any], layout: Layout | None, boot: str, mono_ms: int, ts_ms: int) -> Frame | Change:
    if len(row) > 9:
        boot = row[9]
    if layout is None:
        return Change(boot, row[1], mono_ms + row[2], ts_ms + row[3], bool(row[5]), row[6])
    device, points = layout
    reason = row[8] if len(row) > 8 else None
    faults: dict[int, Quality] = {}
    if reason is not None:
        values: tuple[Any, ...] = (None,) * len(points)
        faults = dict.fromkeys(range(len(points)), Quality.BAD)
    else:
        values = tuple(row[6])
        if len(values) != len(points):
            raise ValueError(f"{len(values)} values for {len(points)} points of {device}")
        if len(row) > 7 and row[7] is not None:
            pairs = row[7]
            faults = {i: _QUALITIES[code] for i, code in zip(pairs[::2], pairs[1::2], strict=True)}
    return Frame(
        device,
        boot,
        row[1],
        mono_ms + row[2],
        ts_ms + row[3],
        bool(row[5]),
        row[4],
        points,
        values,
        faults,
        reason,
    )
