"""Durations and sizes as people write them: `500ms`, `1s`, `5m`, `2h`, `7d`; `500MB`, `4GiB`.

A number without a unit is refused: half of all field mistakes are a factor of 1,000 or 60.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_DURATION_MS = {"ms": 1, "s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_SIZE_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


def duration_ms(text: Any) -> int:
    """Milliseconds of a duration such as `5m`.

    Raises:
        ValueError: not a duration with a unit.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{text!r} is not a duration; write a number with its unit, such as 500ms, 1s, 5m, 2h, 7d"
        )
    return round(float(match[1]) * _DURATION_MS[match[2]])


def duration_text(ms: int) -> str:
    """The shortest way to write a duration: 90000 → `90s`, 300000 → `5m`."""
    for unit in ("d", "h", "m", "s"):
        if ms and ms % _DURATION_MS[unit] == 0:
            return f"{ms // _DURATION_MS[unit]}{unit}"
    return f"{ms}ms" if ms else "0s"


def size_bytes(text: Any) -> int:
    """Bytes of a size such as `4GB`.

    Raises:
        ValueError: not a size with a unit.
    """
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a size; write a number with its unit, such as 500MB, 4GB, 2GiB")
    return round(float(match[1]) * _SIZE_BYTES[match[2]])


DurationMs = Annotated[int, BeforeValidator(duration_ms)]
"""A pydantic field that reads `5m` and holds milliseconds."""

SizeBytes = Annotated[int, BeforeValidator(size_bytes)]
"""A pydantic field that reads `4GB` and holds bytes."""
