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


def follow(
    devices: Devices, records: Sequence[Record], boot: str, periods_ms: Mapping[str, int]
) -> tuple[Devices, list[Gap]]:
    """Each device's last frame after these records, and the gaps where the gateway had stopped.

    Frames of other boots than this one were imported: they say nothing of what was polled.
    `periods_ms` says how often a frame of each device is due.
    """
    last = dict(devices)
    gaps: list[Gap] = []
    for record in records:
        frame = record.entry
        if not isinstance(frame, Frame) or frame.boot != boot:
            continue
        before = last.get(frame.device)
        if before is not None and before.boot != frame.boot and (gap := _stop(before, frame)) is not None:
            gaps.append(gap)
        period_ms = periods_ms.get(frame.device, 0)
        last[frame.device] = LastFrame(frame.boot, frame.seq, frame.ts_ms, period_ms)
    return last, gaps


def _stop(before: LastFrame, frame: Frame) -> Gap | None:
    """From the last frame of another boot to this one; None where no poll was due in between."""
    slots = None
    if before.period_ms > 0:
        slots = max(0, round((frame.ts_ms - before.ts_ms) / before.period_ms) - 1)
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


def caught_up(mark: Mark, connection: sqlite3.Connection, layouts: Layouts, boot: str) -> Devices:
    """The mark's last frames, brought up to the file's: a kill may come between a commit and its mark.

    `boot` is the run that wrote them.
    """
    devices = dict(mark.devices)
    rows = connection.execute("SELECT first, data FROM block WHERE last > ? ORDER BY first", (mark.position,))
    for first, data in rows:
        try:
            records = list(unpack(data, first, layouts))
        except DamagedBlobError:
            continue  # its readers will tell
        for record in records:
            frame = record.entry
            if record.position > mark.position and isinstance(frame, Frame) and frame.boot == boot:
                known = devices.get(frame.device)
                period_ms = 0 if known is None else known.period_ms
                devices[frame.device] = LastFrame(boot, frame.seq, frame.ts_ms, period_ms)
    return devices


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
