"""What stands in a journal from a span of time, read beside a running gateway, a few blocks at a time."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.reading import Frame
from gateway.journal.boots import Boots
from gateway.journal.errors import JournalUnavailable
from gateway.journal.file import connect_to_read, refused
from gateway.journal.packing import DamagedBlobError, unpack
from gateway.journal.query import Layouts, load_boots
from gateway.journal.record import Change

_AT_ONCE = 64
"""Blocks, so that the gateway can use its log again in between."""


def frames_between(path: Path, from_ms: int, to_ms: int, device: str | None = None) -> Iterator[Frame]:
    """Frames of a span of time (inclusive) in the journal's order, of all devices or one, with true times.

    Raises:
        JournalUnavailable: there is no journal, or it cannot be read.
    """
    return (e for e in entries_between(path, from_ms, to_ms, device) if isinstance(e, Frame))


def entries_between(
    path: Path, from_ms: int, to_ms: int, device: str | None = None
) -> Iterator[Frame | Change]:
    """As `frames_between`, with the changes of alerts and tickets where no device is named."""
    connection = connect_to_read(path)
    try:
        layouts, boots, after = Layouts(connection), Boots(load_boots(connection)), 0
        shifts = boots.shifts_ms()
        low, high = from_ms - max(shifts), to_ms - min(shifts)
        while rows := connection.execute(
            "SELECT first, data FROM block WHERE first > ? AND ts_max >= ? AND ts_min <= ?"
            " ORDER BY first LIMIT ?",
            (after, low, high, _AT_ONCE),
        ).fetchall():
            for first, data in rows:
                try:
                    records = unpack(data, first, layouts, device)
                except DamagedBlobError:
                    continue  # `verify` and the gaps tell of it
                for record in records:
                    entry = boots.mended(record.entry)
                    if from_ms <= entry.ts_ms <= to_ms:
                        yield entry
            after = rows[-1][0]
    except sqlite3.Error as error:
        why = "the storage refuses" if refused(error) else "the file is damaged"
        raise JournalUnavailable(f"{path}: {why}: {error}") from error
    finally:
        connection.close()
