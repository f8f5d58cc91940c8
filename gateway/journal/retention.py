"""Segments: runs of blocks without a hole, the unit of retention.

When the file is full, the oldest segment that all active readers have settled goes first;
where there is none, the oldest of all, and what was unsettled in it becomes a counted gap
per device with the reason `journal_full`. Freed pages are used again, the file never shrinks.
"""

import sqlite3
from collections.abc import Sequence
from typing import TypeAlias

import structlog

from gateway.journal.batch import losses
from gateway.journal.packing import DamagedBlobError, unpack
from gateway.journal.query import Layouts, tail_blocks
from gateway.journal.ranges import Progress
from gateway.journal.record import Gap, Position, Record
from gateway.journal.rows import write_gaps

_log = structlog.get_logger(__name__)

_BLOCKS = 64
_AT_ONCE = 8
_PAGE = 4_096

Block: TypeAlias = tuple[int, int, int, int, int, int, int]
"""first, last, ts_min, ts_max, frames, readings, bytes."""


class Segments:
    """Gathers blocks into segments inside the caller's transactions."""

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        self._connection = connection
        self._largest = min(256_000, max_bytes // 16)
        self._blocks: list[Block] = []
        self._bytes = 0
        self.closed = False
        """Whether the last block ended a segment."""

    def load(self) -> list[Gap]:
        """Take up the blocks that no segment holds yet; what is lacking between them was damaged.

        Where a hole is made on purpose, a segment ends at it, so there is none between these.
        """
        if not self._agree():
            _log.error("journal.segments_damaged")
            self._connection.execute("DELETE FROM segment")
        gaps: list[Gap] = []
        before: Block | None = None
        for block in tail_blocks(self._connection):
            if before is not None and block[0] != before[1] + 1:
                from_ms, to_ms = min(before[3], block[2]), block[2]
                gaps.append(Gap(0, "*", "", from_ms, to_ms, None, None, "damaged"))
            self.add(block)
            before = block
        return gaps

    def _agree(self) -> bool:
        """Whether segments follow each other, and hold every block that stands before the last of them."""
        expected = 1
        for first, last in self._connection.execute("SELECT first, last FROM segment ORDER BY first"):
            stray = self._connection.execute(
                "SELECT 1 FROM block WHERE first >= ? AND first < ? LIMIT 1", (expected, first)
            ).fetchone()
            if first < expected or last < first or (first > expected and stray is not None):
                return False
            expected = last + 1
        return True

    def add(self, block: Block) -> None:
        if self._blocks and block[0] != self._blocks[-1][1] + 1:
            self._close()
        self._blocks.append(block)
        self._bytes += block[6]
        self.closed = False
        if len(self._blocks) >= _BLOCKS or self._bytes >= self._largest:
            self._close()

    def _close(self) -> None:
        blocks = self._blocks
        self._connection.execute(
            "INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)",
            (
                blocks[0][0],
                blocks[-1][1],
                min(block[2] for block in blocks),
                max(block[3] for block in blocks),
                sum(block[4] for block in blocks),
                sum(block[5] for block in blocks),
            ),
        )
        self._blocks = []
        self._bytes = 0
        self.closed = True


def live_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages - free) * _PAGE


def free(
    connection: sqlite3.Connection, layouts: Layouts, max_bytes: int, readers: Sequence[Progress]
) -> list[tuple[Position, Position]]:
    """Delete segments, each with its gaps in a transaction, until the file fits; a few at a time."""
    freed: list[tuple[Position, Position]] = []
    while live_bytes(connection) > max_bytes and len(freed) < _AT_ONCE:
        segments = connection.execute("SELECT first, last FROM segment ORDER BY first").fetchall()
        if not segments:
            break
        settled = next((s for s in segments if all(r.covers(*s) for r in readers)), None)
        first, last = settled or segments[0]
        lost: list[Gap] = []
        if settled is None:
            lost = losses(_unsettled(connection, layouts, first, last, readers), "journal_full")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM block WHERE first BETWEEN ? AND ?", (first, last))
        connection.execute("DELETE FROM segment WHERE first = ?", (first,))
        write_gaps(connection, lost)
        connection.execute("COMMIT")
        freed.append((first, last))
    return freed


def _unsettled(
    connection: sqlite3.Connection,
    layouts: Layouts,
    first: Position,
    last: Position,
    readers: Sequence[Progress],
) -> list[Record]:
    records: list[Record] = []
    rows = connection.execute("SELECT first, data FROM block WHERE first BETWEEN ? AND ?", (first, last))
    for at, data in rows:
        try:
            block = unpack(data, at, layouts)
        except DamagedBlobError as damage:
            _log.warning("journal.damaged_block", error=str(damage))
            continue
        records += (r for r in block if not all(p.covers(r.position, r.position) for p in readers))
    return records
