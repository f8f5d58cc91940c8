"""Where and how to look: unit ids, the settings of a serial line, and how long it may take. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from agent.modbus.endpoint import Endpoint

_LIKELY = (1, 2, 3, 247, 126, 127, 100, 11, 0, 255)
"""Asked first: makers' own default ids. Once one has answered, the time-outs fit the line."""

_COMMON_SETTINGS = (  # baud rate, parity: makers' defaults by how often they are met
    (9_600, "N"),
    (19_200, "E"),
    (9_600, "E"),
    (19_200, "N"),
    (115_200, "N"),
    (38_400, "N"),
    (4_800, "N"),
    (57_600, "N"),
    (2_400, "N"),
    (9_600, "O"),
    (2_400, "E"),
    (19_200, "O"),
    (4_800, "E"),
    (38_400, "E"),
    (115_200, "E"),
    (1_200, "N"),
)

_RANGE = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Pace:
    """How gently a line is asked.

    Args:
        gap_ms: pause between two requests.
        probe_ms: how long a unit that may not be there is waited for.
        reply_ms: how long one that is there is waited for.
    """

    gap_ms: float
    probe_ms: float
    reply_ms: float = 1_000


def pace_of(endpoint: Endpoint, *, thorough: bool) -> Pace:
    """On a serial line nobody answers for a missing unit, so that time is what a search is made of."""
    if endpoint.scheme == "rtu":
        return Pace(gap_ms=20, probe_ms=1_000 if thorough else 250, reply_ms=2_000 if thorough else 1_000)
    return Pace(gap_ms=20, probe_ms=1_000, reply_ms=2_000 if thorough else 1_000)


def units_of(text: str | None, endpoint: Endpoint) -> tuple[int, ...]:
    """The unit ids to ask, in order: `1-247`, `1,3,10-20`; without a text all that the line can have.

    Raises:
        ValueError: `"message; remedy"`.
    """
    low, high = (0, 255) if endpoint.scheme == "tcp" else (1, 247)
    if text is None:
        wanted = {*range(1, 248), *((0, 255) if endpoint.scheme == "tcp" else ())}
    else:
        wanted = set()
        for part in text.split(","):
            match = _RANGE.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"{part!r} is no unit or range of units; write 1-247 or 1,3,10-20")
            first, last = int(match[1]), int(match[2] or match[1])
            if not low <= first <= last <= high:
                raise ValueError(
                    f"units {part} are not possible on {endpoint.scheme}; use {low} to {high}, lowest first"
                )
            wanted.update(range(first, last + 1))
    likely = [unit for unit in _LIKELY if unit in wanted]
    return (*likely, *sorted(wanted.difference(likely)))


def settings_of(url: str, endpoint: Endpoint, *, is_fixed: bool = False) -> tuple[Endpoint, ...]:
    """The line settings to try, common ones first; only one where the URL says both, or where `is_fixed`."""
    if endpoint.scheme != "rtu" or is_fixed:
        return (endpoint,)
    given = dict(parse_qsl(urlsplit(url).query))
    tried = [
        replace(endpoint, baudrate=baudrate, parity=parity)
        for baudrate, parity in _COMMON_SETTINGS
        if ("baudrate" not in given or baudrate == endpoint.baudrate)
        and ("parity" not in given or parity == endpoint.parity)
    ]
    if "baudrate" in given and not tried:
        parities = (endpoint.parity,) if "parity" in given else ("N", "E", "O")
        tried = [replace(endpoint, parity=parity) for parity in parities]
    return tuple(tried) or (endpoint,)


def url_of(endpoint: Endpoint) -> str:
    """The URL that a site file needs to reach this line."""
    if endpoint.scheme == "rtu":
        odd = f"&bytesize={endpoint.bytesize}" if endpoint.bytesize != 8 else ""
        return (
            f"rtu://{endpoint.path}?baudrate={endpoint.baudrate}&parity={endpoint.parity}"
            f"&stopbits={endpoint.stopbits}{odd}"
        )
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.scheme}://{host}:{endpoint.port}"


def longest_s(settings: Iterable[Endpoint], units: Sequence[int], pace: Pace) -> float:
    """How long a search takes at most, where no unit answers; each one found adds a few seconds."""
    return sum(
        len(units) * (pace.probe_ms + pace.gap_ms + (16 * line.byte_ms + 50 if line.is_rtu else 0)) / 1_000
        for line in settings
    )
