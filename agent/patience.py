"""When a device that fails is asked again, and for how long it is waited for.

This module knows no clock; it is handed the time.
"""

from agent.modbus.pdu import BusDown, BusError, UnitSilent
from agent.quantity import MINUTE_MS

_LONGEST_WAIT_MS = 8_000
"""Between two probes of a silent device: what is back is read within 10 s."""
_ANSWERING_WAITS = 2
"""Slots from one probe to the next of a device that answers, but nothing of use."""
_FULL_PROBE_EACH_MS = 2 * MINUTE_MS
"""Once in so long a probe waits the full time-out: a slow unit among fast ones must be found too."""


class Patience:
    """Of one device that is polled each `period_ms`."""

    def __init__(self, period_ms: int) -> None:
        self.failed_polls = 0
        """In a row."""
        self.silent_ms: int | None = None
        """When it was last asked in vain, and nothing at all came; None once anything has."""
        self._silences = 0
        """In a row: a device that says rubbish, and once nothing, is there and is asked on."""
        self._period_ms = period_ms
        self._next_probe_ms = 0
        self._full_probe_ms = 0

    def is_waiting(self, now_ms: int) -> bool:
        """Whether a device that failed is left alone for now."""
        return self.failed_polls > 0 and now_ms < self._next_probe_ms

    def is_full_probe(self, now_ms: int) -> bool:
        """Whether this probe should wait for the full time-out."""
        if now_ms < self._full_probe_ms:
            return False
        self._full_probe_ms = now_ms + _FULL_PROBE_EACH_MS
        return True

    def note_success(self) -> None:
        self.failed_polls = self._silences = 0
        self.silent_ms = None

    def note_failure(self, error: BusError, started_ms: int, now_ms: int) -> None:
        """A poll that began at `started_ms` failed just now."""
        self.failed_polls += 1
        self.silent_ms = now_ms if isinstance(error, UnitSilent | BusDown) else None
        if not isinstance(error, BusDown):  # the link has its own patience
            self._silences = self._silences + 1 if isinstance(error, UnitSilent) else 0
        self._next_probe_ms = started_ms
        if self.failed_polls == 1:  # this poll waited long enough; the next one is only a probe
            self._full_probe_ms = now_ms + _FULL_PROBE_EACH_MS
            return
        if isinstance(error, BusDown):
            return
        if self._silences:
            slots = min(2 ** min(self._silences, 12) // 4, _LONGEST_WAIT_MS // self._period_ms)
        else:
            slots = min(2 ** min(self.failed_polls, 12) // 4, _ANSWERING_WAITS)
        # half a period early: a slot that comes a little too soon is not missed for it
        self._next_probe_ms += int((max(slots, 1) - 0.5) * self._period_ms)
