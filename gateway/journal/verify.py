"""Reads all of a journal beside a running gateway and tells what is not as it was written."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.reading import Frame
from gateway.journal.batch import unpack_state
from gateway.journal.damaged import damaged_block
from gateway.journal.file import connect_to_read
from gateway.journal.mark import HighWater
from gateway.journal.packing import DamagedBlobError, unpack
from gateway.journal.query import FILE, Layouts, load_base
from gateway.journal.record import Position

_AT_ONCE = 256


@dataclass(slots=True)
class Findings:
    """What `verify` has read, and each fault with its bounds."""

    blocks: int = 0
    frames: int = 0
    changes: int = 0
    values: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {
            "ok": not self.faults,
            "blocks": self.blocks,
            "frames": self.frames,
            "changes": self.changes,
            "values": self.values,
            "first": self.first_ms,
            "last": self.last_ms,
            "faults": self.faults,
        }


def verify(folder: Path, journal: str = "journal") -> Findings:
    """Every page, block, reader's place and the high-water mark.

    Raises:
        JournalUnavailable: there is no journal, or the storage refuses.
        JournalTooNew: a newer version wrote it.
    """
    place = folder / journal
    mark = HighWater(place).load()  # before the file, which is never behind it
    connection = connect_to_read(place / FILE)
    found = Findings()
    try:
        layouts = Layouts(connection)
        _read_blocks(connection, layouts, found)
        for (line,) in connection.execute("PRAGMA quick_check(20)"):
            if line != "ok":
                found.faults.append({"what": "file", "why": line})
        head = load_base(connection)
        if mark is not None and mark.position > head:
            latest = [last.ts_ms for last in mark.devices.values()]
            found.faults.append(
                {
                    "what": "shortened",
                    "records": mark.position - head,
                    "from": found.last_ms or mark.first_ms,
                    "to": max(latest, default=None),
                    "why": f"record {mark.position} was committed, the file ends at {head}",
                }
            )
    except (sqlite3.DatabaseError, TypeError, ValueError) as damage:
        found.faults.append(
            {
                "what": "file",
                "from": found.last_ms,
                "to": None if mark is None else max((d.ts_ms for d in mark.devices.values()), default=None),
                "why": str(damage),
            }
        )
    finally:
        connection.close()
    return found


def _read_blocks(connection: sqlite3.Connection, layouts: Layouts, found: Findings) -> None:
    end: Position = 0
    for first, last, state, data in _blocks(connection):
        found.blocks += 1
        if first <= end:
            found.faults.append(
                _bounded(connection, first, f"it overlaps the block before it, which ends at {end}")
            )
        end = last
        try:
            unpack_state(state)
        except (ValueError, TypeError) as damage:
            found.faults.append({"what": "readers' places", "position": first, "why": str(damage)})
        try:
            records = unpack(data, first, layouts)
        except DamagedBlobError as damage:
            found.faults.append(_bounded(connection, first, str(damage)))
            continue
        if records[-1].position != last:
            found.faults.append(
                _bounded(connection, first, f"{len(records)} records stand where {last - first + 1} belong")
            )
        for record in records:
            entry = record.entry
            found.first_ms = entry.ts_ms if found.first_ms is None else min(found.first_ms, entry.ts_ms)
            found.last_ms = entry.ts_ms if found.last_ms is None else max(found.last_ms, entry.ts_ms)
            if isinstance(entry, Frame):
                found.frames += 1
                found.values += len(entry.values) - entry.values.count(None)
            else:
                found.changes += 1


def _bounded(connection: sqlite3.Connection, first: Position, why: str) -> dict[str, Any]:
    block = damaged_block(connection, first)
    return {
        "what": "block",
        "first": block.first,
        "last": block.last,
        "from": block.from_ms,
        "to": block.to_ms,
        "frames": block.frames,
        "why": why,
    }


def _blocks(connection: sqlite3.Connection) -> Iterator[tuple[Position, Position, bytes, bytes]]:
    """A few at a time: a long read would keep the gateway from using its log again."""
    after = 0
    while True:
        rows = connection.execute(
            "SELECT first, last, state, data FROM block WHERE first > ? ORDER BY first LIMIT ?",
            (after, _AT_ONCE),
        ).fetchall()
        if not rows:
            return
        yield from rows
        after = rows[-1][0]
