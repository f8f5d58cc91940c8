"""What a device's own clock shows, from the layouts in which makers keep it. Pure.

`time_unix` counts seconds; the others hold year, month, day, hour, minute and second: one
register each (`time_words`), one byte each (`time_bytes`, from the year 2000), one byte of
two decimal digits each (`time_bcd`), or as IEC 60870-5-4 packs them (`time_iec870`).
"""

from datetime import UTC, datetime
from struct import pack, unpack

_CENTURY = 2_000
_NIBBLES = (4, 0)


def shown_s(kind: str, data: bytes) -> float | None:
    """Seconds since 1970 by the date that the clock shows, None where it shows no date.

    A clock that keeps local time is read as if that were UTC: what it is worth in UTC
    depends on the site's time zone, which is not the register's business.
    """
    if kind == "time_unix":
        seconds: int = unpack(">I", data)[0]
        return float(seconds) if seconds else None
    fields, second_parts = _FIELDS[kind](data)
    if fields is None:
        return None
    year, month, day, hour, minute, second = fields
    year += _CENTURY if year < 100 else 0
    try:
        shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:  # no such date
        return None
    return shown.timestamp() + second_parts


def _of_words(data: bytes) -> tuple[tuple[int, ...] | None, float]:
    return unpack(">6H", data), 0.0


def _of_bytes(data: bytes) -> tuple[tuple[int, ...] | None, float]:
    return tuple(data), 0.0


def _of_bcd(data: bytes) -> tuple[tuple[int, ...] | None, float]:
    if any(byte >> shift & 0xF > 9 for byte in data for shift in _NIBBLES):
        return None, 0.0
    return tuple(10 * (byte >> 4) + (byte & 0xF) for byte in data), 0.0


def _of_iec870(data: bytes) -> tuple[tuple[int, ...] | None, float]:
    """Year; month and day with its weekday; hour and minute with its validity; milliseconds."""
    year, date, time, milliseconds = unpack(">4H", data)
    if time & 0x80:  # the device itself does not trust it
        return None, 0.0
    second, milliseconds = divmod(milliseconds, 1_000)
    fields = (year & 0x7F, date >> 8 & 0xF, date & 0x1F, time >> 8 & 0x1F, time & 0x3F, second)
    return fields, milliseconds / 1_000


_FIELDS = {
    "time_words": _of_words,
    "time_bytes": _of_bytes,
    "time_bcd": _of_bcd,
    "time_iec870": _of_iec870,
}


def layout_of(kind: str, seconds: float) -> bytes:
    """The registers of a clock that shows so many seconds since 1970: the inverse of `shown_s`."""
    if kind == "time_unix":
        return pack(">I", int(seconds))
    at = datetime.fromtimestamp(seconds, UTC)
    fields = (at.year % 100, at.month, at.day, at.hour, at.minute, at.second)
    match kind:
        case "time_words":
            return pack(">6H", at.year, *fields[1:])
        case "time_bytes":
            return bytes(fields)
        case "time_bcd":
            return bytes(16 * (n // 10) + n % 10 for n in fields)
        case _:
            milliseconds = 1_000 * at.second + at.microsecond // 1_000
            date = at.month << 8 | at.isoweekday() << 5 | at.day
            return pack(">4H", at.year % 100, date, at.hour << 8 | at.minute, milliseconds)
