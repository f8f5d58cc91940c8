"""What a database's answer to a write means for the lines that were written. Pure.

InfluxDB answers 204 when it has stored everything. Anything else is judged here
once: what may be tried again and when, what is about the lines, what a person
must mend. A 200 with a page in it comes from somebody in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from agent.quantity import HOUR_MS

RETRY_AFTER_CAP_MS = HOUR_MS


class Verdict(Enum):
    """What to do with the lines."""

    STORED = auto()
    BAD_LINES = auto()
    """Some line is wrong, others may have been stored: find it."""
    TOO_LARGE = auto()
    """Send less at once."""
    HOLD = auto()
    """Only a person can mend it (token, bucket); keep everything and say so."""
    LATER = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers in lower case, and the start of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def verdict(self) -> Verdict:
        if 200 <= self.status < 300:
            return Verdict.LATER if self.body.strip() else Verdict.STORED
        if self.status in (400, 422):
            # a database speaks JSON or plain words; a page comes from a proxy in between
            return Verdict.LATER if self.body.lstrip().startswith(b"<") else Verdict.BAD_LINES
        if self.status == 413:
            return Verdict.TOO_LARGE
        if self.status in (401, 403, 404):
            return Verdict.HOLD
        return Verdict.LATER

    @property
    def is_about_lines(self) -> bool:
        """Whether a 400 speaks of what was written, and not of how or where."""
        said = self.body.lower()
        return any(word in said for word in _ABOUT_LINES)

    def retry_after_ms(self, now: datetime) -> int:
        """What the server asks for, 0 if nothing sensible; never more than an hour."""
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return min(RETRY_AFTER_CAP_MS, int(asked[:12]) * 1_000)
        try:
            at = parsedate_to_datetime(asked)
        except (ValueError, OverflowError):  # no date, or one that no clock can show
            return 0
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return min(RETRY_AFTER_CAP_MS, max(0, int((at - now).total_seconds() * 1_000)))

    def __str__(self) -> str:
        if 200 <= self.status < 300:
            return f"{self.status} with a page of {len(self.body)} bytes: this is not the database's answer"
        said = " ".join(self.body[:200].decode("utf-8", "replace").split())
        return f"{self.status} {said}".rstrip()


_ABOUT_LINES = (b"parse", b"partial write", b"conflict", b"retention", b"line protocol", b"invalid field")
