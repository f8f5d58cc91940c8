"""Shelving: a person silences an alert for a while; it still records and comes back by itself."""

from dataclasses import dataclass

from agent.quantity import HOUR_MS
from agent.rules.facts import ActionRefusedError

MAX_SHELF_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Shelf:
    """Silenced by a person until a time (UTC)."""

    by: str
    until_ms: int
    reason: str


def checked_shelf(by: str, until_ms: int, reason: str, ts_ms: int) -> Shelf:
    """A shelf that has a reason and an end within 24 h.

    Raises:
        ActionRefusedError: `no_reason`, `until_past`, `until_too_far`.
    """
    if not reason.strip():
        raise ActionRefusedError("no_reason", "a shelf needs a reason")
    if until_ms <= ts_ms:
        raise ActionRefusedError("until_past", "the end of a shelf lies in the future")
    if until_ms - ts_ms > MAX_SHELF_MS:
        raise ActionRefusedError("until_too_far", "a shelf lasts 24 h at most")
    return Shelf(by, until_ms, reason.strip())
