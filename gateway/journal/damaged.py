"""A block that cannot be unpacked: what its row and its neighbours still tell of it."""

import sqlite3
from dataclasses import dataclass

from gateway.journal.record import Position


@dataclass(frozen=True, slots=True)
class DamagedBlock:
    """What its row and its neighbours tell of a block that cannot be unpacked; `to_ms` None: until now."""

    first: Position
    last: Position
    from_ms: int
    to_ms: int | None
    frames: int


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
