"""What was lost or never taken, device by device: told by the mark, the file and the boots."""

import sqlite3
from collections.abc import Mapping, Sequence

import structlog

from agent.reading import Frame
from gateway.journal.mark import Devices, LastFrame, Mark
from gateway.journal.packing import DamagedBlobError, unpack
from gateway.journal.query import Layouts
from gateway.journal.record import Gap, Record

_log = structlog.get_logger(__name__)

_BLOCKS_LOOKED_AT = 512


def follow(devices: Devices, records: Sequence[Record], boot: str) -> tuple[Devices, list[Gap]]:
    """Each device's last frame after these records, and the gaps where the gateway had stopped.

    Frames of other boots than this one were imported: they say nothing of what was polled.
    """
    last = dict(devices)
    gaps: list[Gap] = []
    for record in records:
        frame = record.entry
        if not isinstance(frame, Frame) or frame.boot != boot:
            continue
        before = last.get(frame.device)
        interval_ms = 0
        if before is not None and before.boot == frame.boot:
            interval_ms = _usual(before.interval_ms, frame.ts_ms - before.ts_ms)
        elif before is not None:
            interval_ms = before.interval_ms
            if (gap := _stop(before, frame)) is not None:
                gaps.append(gap)
        last[frame.device] = LastFrame(frame.boot, frame.seq, frame.ts_ms, interval_ms)
    return last, gaps


def _usual(known_ms: int, latest_ms: int) -> int:
    """What usually lies between two frames: polls come late now and then, and a gap is no period."""
    return latest_ms if known_ms <= 0 else known_ms + round((min(latest_ms, 2 * known_ms) - known_ms) / 8)


def _stop(before: LastFrame, frame: Frame) -> Gap | None:
    """From the last frame of another boot to this one; None where no poll was due in between."""
    slots = None
    if before.interval_ms > 0:
        slots = max(0, round((frame.ts_ms - before.ts_ms) / before.interval_ms) - 1)
        if slots == 0 and frame.ts_ms >= before.ts_ms:
            return None
    to_ms = max(frame.ts_ms, before.ts_ms)
    return Gap(0, frame.device, frame.boot, before.ts_ms, to_ms, slots, None, "stopped")


def lost_with_the_file(mark: Mark) -> list[Gap]:
    """All that the mark knows of a file that is no more."""
    return [
        Gap(
            0,
            device,
            last.boot,
            min(mark.first_ms or last.ts_ms, last.ts_ms),
            last.ts_ms,
            None,
            None,
            "damaged",
        )
        for device, last in mark.devices.items()
    ]


def lost_behind(mark: Mark, there: Mapping[tuple[str, str], LastFrame]) -> list[Gap]:
    """What the mark says was committed and the file (its last frames: `there`) lacks."""
    gaps = []
    for device, last in mark.devices.items():
        seen = there.get((device, last.boot))
        if seen is None:
            from_ms = min(last.ts_ms, mark.first_ms or last.ts_ms)
            gaps.append(Gap(0, device, last.boot, from_ms, last.ts_ms, None, None, "damaged"))
        elif seen.seq < last.seq:
            seq = (seen.seq + 1, last.seq)
            slots = last.seq - seen.seq
            gaps.append(Gap(0, device, last.boot, seen.ts_ms, last.ts_ms, slots, seq, "damaged"))
    return gaps


def last_frames(connection: sqlite3.Connection, layouts: Layouts) -> dict[tuple[str, str], LastFrame]:
    """The last frame per device and boot in the newest blocks."""
    found: dict[tuple[str, str], LastFrame] = {}
    rows = connection.execute(
        "SELECT first, data FROM block ORDER BY first DESC LIMIT ?", (_BLOCKS_LOOKED_AT,)
    )
    for first, data in rows:
        try:
            records = unpack(data, first, layouts)
        except DamagedBlobError as damage:
            _log.warning("journal.damaged_block", error=str(damage))
            continue
        for record in reversed(records):
            entry = record.entry
            if isinstance(entry, Frame):
                found.setdefault((entry.device, entry.boot), LastFrame(entry.boot, entry.seq, entry.ts_ms, 0))
    return found
