"""A block that cannot be unpacked, or that its neighbours lack: what is still told of it."""

import sqlite3
from dataclasses import dataclass

from gateway.journal.record import Position


@dataclass(frozen=True, slots=True)
class DamagedBlock:
    """What its row and its neighbours tell of a block; `to_ms` None: until now; `frames` None: unknown."""

    first: Position
    last: Position
    from_ms: int
    to_ms: int | None
    frames: int | None


def damaged_block(connection: sqlite3.Connection, first: Position) -> DamagedBlock:
    """Bounds that hold whatever has become of the block's own row."""
    last, ts_min, ts_max, frames = connection.execute(
        "SELECT last, ts_min, ts_max, frames FROM block WHERE first = ?", (first,)
    ).fetchone()
    before = connection.execute(
        "SELECT ts_max FROM block WHERE first < ? ORDER BY first DESC LIMIT 1", (first,)
    ).fetchone()
    behind = connection.execute(
        "SELECT ts_min FROM block WHERE first > ? ORDER BY first LIMIT 1", (first,)
    ).fetchone()
    return DamagedBlock(
        first,
        last,
        ts_min if before is None else min(ts_min, before[0]),
        None if behind is None else max(ts_max, behind[0]),
        frames,
    )


def lacking(connection: sqlite3.Connection, first: Position, before: Position) -> DamagedBlock:
    """What stood from `first` on, and is not there: between the times of its neighbours."""
    earlier = connection.execute(
        "SELECT ts_max FROM block WHERE first < ? ORDER BY first DESC LIMIT 1", (first,)
    ).fetchone()
    (ts_min,) = connection.execute("SELECT ts_min FROM block WHERE first = ?", (before,)).fetchone()
    return DamagedBlock(first, before - 1, ts_min if earlier is None else earlier[0], ts_min, None)
