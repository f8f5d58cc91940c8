"""When boots ended, on their own monotonic clocks: asked only beside boots whose time never became known."""

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

from gateway.journal.batch import Boot
from gateway.journal.packing import DamagedBlobError, Layout, unpack
from gateway.journal.record import Position


def with_ends(
    connection: sqlite3.Connection, layouts: Mapping[int, Layout], boots: Mapping[str, Boot]
) -> dict[str, Boot]:
    """The boots, with the ends of those that have no offset and of their predecessors."""
    found = dict(boots)
    known = list(boots.values())
    for index, boot in enumerate(known[:-1]):
        if boot.offset_ms is None or known[index + 1].offset_ms is None:
            mono_ms = _last_mono_ms(connection, layouts, boot, known[index + 1].position)
            found[boot.boot] = replace(boot, last_mono_ms=mono_ms)
    return found


def _last_mono_ms(
    connection: sqlite3.Connection, layouts: Mapping[int, Layout], boot: Boot, upto: Position
) -> int | None:
    row = connection.execute(
        "SELECT first, data FROM block WHERE first <= ? AND last > ? ORDER BY first DESC LIMIT 1",
        (upto, boot.position),
    ).fetchone()
    if row is None:
        return None
    try:
        records = unpack(row[1], row[0], layouts)
    except DamagedBlobError:
        return None  # its reader will tell; the boot's start has to do
    return max((r.entry.mono_ms for r in records if r.entry.boot == boot.boot), default=None)
