"""Readings from a table, `ts,device,point,value,quality`: from an old logger or a maker's portal. Pure.

Rows that follow each other with the same time and device become one frame. `ts` is an ISO time (without
an offset: the site's) or UTC milliseconds; an empty quality is `good` beside a value and `absent` without.
"""

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from agent.document import Fault
from agent.points import ValueType
from agent.reading import Frame, Quality, Value

COLUMNS = ("ts", "device", "point", "value", "quality")
_NEEDED = COLUMNS[:4]
_FIRST_MS = 946_684_800_000
"""2000-01-01: no site is older, and a clock that was never set says 1970."""

TypeOf = Callable[[str, str], ValueType | str]
"""Device and point → the point's type; or, in a sentence, why there is no such point."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a table may say.

    Args:
        type_of: which points there are.
        zone: of times without an offset.
        latest_ms: a later time is a mistake.
    """

    type_of: TypeOf
    zone: tzinfo
    latest_ms: int


@dataclass(slots=True)
class _Row:
    ts_ms: int
    device: str
    point: str
    value: Value | None
    quality: Quality


def frames_of(lines: Iterable[str], name: str, wanted: Wanted) -> Iterator[Frame | Fault]:
    """The frames of a table, and a fault for each row that is none.

    Args:
        lines: its text.
        name: of the file, for faults.
        wanted: what it may say.
    """
    table = csv.reader(lines)
    try:
        header = [cell.strip().lower() for cell in next(table, [])]
        if (fault := _wrong_header(header, name)) is not None:
            yield fault
            return
        group: list[_Row] = []
        for cells in table:
            if not cells:
                continue
            row = _row(cells, header, _At(name, table.line_num, cells), wanted)
            if isinstance(row, Fault):
                yield row
                continue
            if group and (row.ts_ms, row.device) != (group[0].ts_ms, group[0].device):
                yield _frame(group)
                group = []
            if any(row.point == other.point for other in group):
                yield _At(name, table.line_num, cells).fault(
                    0, f"{row.point} of {row.device} has a value at this time already", "keep one of the rows"
                )
                continue
            group.append(row)
        if group:
            yield _frame(group)
    except csv.Error as error:
        yield Fault(name, table.line_num, 1, "", f"no table: {error}", "save it as CSV with commas")


def _wrong_header(header: list[str], name: str) -> Fault | None:
    missing = [column for column in _NEEDED if column not in header]
    unknown = [column for column in header if column not in COLUMNS]
    if not missing and not unknown and len(set(header)) == len(header):
        return None
    what = (
        f"there is no column {missing[0]!r}"
        if missing
        else f"{(unknown or header)[0]!r} is not one column of"
    )
    return Fault(name, 1, 1, "", what, f"the first line must be {','.join(COLUMNS)}")


@dataclass(frozen=True, slots=True)
class _At:
    """A line of the table."""

    name: str
    line: int
    cells: list[str]

    def fault(self, index: int, what: str, remedy: str) -> Fault:
        column = 1 + sum(len(cell) + 1 for cell in self.cells[:index])
        return Fault(self.name, self.line, column, "", what, remedy)


def _row(cells: list[str], header: list[str], at: _At, wanted: Wanted) -> _Row | Fault:
    if len(cells) != len(header):
        return at.fault(0, f"{len(cells)} cells under {len(header)} columns", "one value in each column")
    cell = {column: text.strip() for column, text in zip(header, cells, strict=True)}
    ts_ms = _time_ms(cell["ts"], wanted.zone)
    if ts_ms is None:
        return at.fault(
            header.index("ts"),
            f"{cell['ts']!r} is no time",
            "write 2026-05-30T08:00:00+08:00, or UTC milliseconds",
        )
    if not _FIRST_MS <= ts_ms <= wanted.latest_ms:
        return at.fault(
            header.index("ts"), f"{cell['ts']!r} is before the year 2000 or to come", "mend the time"
        )
    type_ = wanted.type_of(cell["device"], cell["point"])
    if type_ not in ("number", "string", "bool"):
        return at.fault(header.index("point"), type_, "see `maplebridge check --json` and docs/points.md")
    quality = _quality(cell.get("quality", ""), cell["value"])
    if quality is None:
        return at.fault(
            header.index("quality"),
            f"{cell['quality']!r} is no quality",
            f"one of {', '.join(Quality)}, or nothing",
        )
    if not quality.has_value:
        return _Row(ts_ms, cell["device"], cell["point"], None, quality)
    value = _value(cell["value"], type_)
    if value is None:
        return at.fault(
            header.index("value"),
            f"{cell['value']!r} is no {type_}",
            "write it with a decimal point, without unit and thousands marks",
        )
    return _Row(ts_ms, cell["device"], cell["point"], value, quality)


def _time_ms(text: str, zone: tzinfo) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 16:
        return int(text) if len(text) > 8 else None  # 20260530 is a date, no instant
    try:
        when = datetime.fromisoformat(text)
        return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None


def _quality(text: str, value: str) -> Quality | None:
    if not text:
        return Quality.GOOD if value else Quality.ABSENT
    try:
        return Quality(text.lower())
    except ValueError:
        return None


def _value(text: str, type_: ValueType | str) -> Value | None:
    if type_ == "string":
        return text or None
    if type_ == "bool":
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _frame(group: list[_Row]) -> Frame:
    """Without boot and number: those come from the journal that takes it in."""
    return Frame(
        device=group[0].device,
        boot="",
        seq=0,
        mono_ms=0,
        ts_ms=group[0].ts_ms,
        unsure=False,
        span_ms=0,
        points=tuple(row.point for row in group),
        values=tuple(row.value for row in group),
        faults={at: row.quality for at, row in enumerate(group) if row.quality is not Quality.GOOD},
    )
