"""The journal's small tables: watches, gaps, dead letters, boots. Inside the caller's transaction."""

import sqlite3
from collections.abc import Mapping, Sequence

from gateway.journal.batch import Boot, DeadLetter
from gateway.journal.record import Gap

_KEPT_ROWS = 10_000
"""Of gaps and of dead letters; older ones are only counted."""


def write_watches(connection: sqlite3.Connection, watches: Mapping[str, bytes | None]) -> None:
    for key, watch in watches.items():
        if watch is None:
            connection.execute("DELETE FROM watch WHERE key = ?", (key,))
        else:
            connection.execute("INSERT OR REPLACE INTO watch VALUES (?, ?)", (key, watch))


def write_gaps(connection: sqlite3.Connection, gaps: Sequence[Gap]) -> None:
    """A gap that follows on another one is told anew with it, under a new id; damage is told once."""
    for new in gaps:
        if new.reason == "damaged" and _is_told(connection, new):
            continue
        gap = _joined(connection, new) if new.seq is not None else new
        first, last = gap.seq or (None, None)
        connection.execute(
            "INSERT INTO gap (device, boot, from_ms, to_ms, slots, seq_first, seq_last, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (gap.device, gap.boot, gap.from_ms, gap.to_ms, gap.slots, first, last, gap.reason),
        )
    if gaps:
        connection.execute("DELETE FROM gap WHERE id <= (SELECT max(id) FROM gap) - ?", (_KEPT_ROWS,))


def _is_told(connection: sqlite3.Connection, gap: Gap) -> bool:
    """Damage that stays in the file is met again by each start."""
    row = connection.execute(
        "SELECT 1 FROM gap WHERE device = ? AND reason = ? AND from_ms = ? AND to_ms = ? AND seq_last IS ?",
        (gap.device, gap.reason, gap.from_ms, gap.to_ms, None if gap.seq is None else gap.seq[1]),
    ).fetchone()
    return row is not None


def _joined(connection: sqlite3.Connection, gap: Gap) -> Gap:
    if gap.seq is None:
        return gap
    row = connection.execute(
        "SELECT id, from_ms, slots, seq_first FROM gap"
        " WHERE device = ? AND boot = ? AND reason = ? AND seq_last = ?",
        (gap.device, gap.boot, gap.reason, gap.seq[0] - 1),
    ).fetchone()
    if row is None:
        return gap
    connection.execute("DELETE FROM gap WHERE id = ?", (row[0],))
    slots = None if row[2] is None or gap.slots is None else row[2] + gap.slots
    return Gap(0, gap.device, gap.boot, row[1], gap.to_ms, slots, (row[3], gap.seq[1]), gap.reason)


def write_letters(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        key = letter.reader, letter.position  # a reader that recedes meets it again
        connection.execute(
            "INSERT INTO dead_letter (ts_ms, reader, position, reason, record) SELECT ?, ?, ?, ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM dead_letter WHERE reader = ? AND position = ?)",
            (letter.ts_ms, *key, letter.reason, letter.record, *key),
        )
    if letters:
        connection.execute(
            "DELETE FROM dead_letter WHERE id <= (SELECT max(id) FROM dead_letter) - ?", (_KEPT_ROWS,)
        )


def write_boot(connection: sqlite3.Connection, boot: Boot) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO boot VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            boot.boot,
            boot.kernel_boot,
            boot.position,
            boot.mono_ms,
            boot.utc_ms,
            boot.trusted,
            boot.offset_ms,
        ),
    )
