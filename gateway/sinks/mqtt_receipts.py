"""Receipts of a station: what it has stored for good, by exact ranges. Pure.

A broker's acknowledgement says nothing about the station behind it. Where a site has a
station, a record is done with when the station's receipt names its boot, device and number;
what it has not named in time goes again.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.reading import Frame
from gateway.journal.record import Position, Record

CHANGES = "changes"
"""What stands in a receipt's `device` for alert and ticket changes."""

MOST_SENT = 4_000
"""Frames whose receipt is awaited at most; what is sent beyond that is owed again without waiting."""
_LEAST_WINDOW = 50
_MOST_CHANGES = 200
_MOST_RANGES = 10_000


class ReceiptError(ValueError):
    """A message on the receipts' topic that is no receipt of this station."""


class _Range(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    boot: str = Field(max_length=100)
    device: str = Field(max_length=100)
    first: int = Field(alias="from", ge=1)
    last: int = Field(alias="to", ge=1)

    @model_validator(mode="after")
    def _forwards(self) -> "_Range":
        if self.last < self.first:
            raise ValueError(f"from {self.first} to {self.last} goes backwards")
        return self


class _Receipt(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    station: str
    ranges: list[_Range] = Field(max_length=_MOST_RANGES)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A range that the station has stored, inclusive."""

    boot: str
    device: str
    first: int
    last: int


def parse_receipt(payload: bytes, station: str) -> list[Confirmed]:
    """The ranges of a receipt.

    Raises:
        ReceiptError: it is none, or of another station.
    """
    try:
        receipt = _Receipt.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReceiptError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    if receipt.station != station:
        raise ReceiptError(f"it is of {receipt.station[:100]!r}, and {station!r} is who confirms here")
    return [Confirmed(one.boot, one.device, one.first, one.last) for one in receipt.ranges]


class Sent:
    """Records that were sent and await their receipt, over all connections.

    Args:
        again_ms: what has no receipt after this long goes again; up to a fifth longer, so that
            many sites do not repeat themselves in one instant.
    """

    def __init__(self, again_ms: int) -> None:
        self._again_ms = again_ms
        self._waiting: dict[tuple[str, str], dict[int, tuple[Position, int]]] = {}
        """(boot, device) → number → position, and when it is overdue."""
        self._due: list[tuple[int, tuple[str, str], int]] = []
        """A heap of all that was sent, by when it is overdue; what was confirmed since is still in it."""
        self._count = 0
        self._window = MOST_SENT // 4

    @property
    def room(self) -> int:
        """How much backlog may be sent now: less while the station is silent, more as it confirms."""
        return self._window - self._count

    @property
    def takes_changes(self) -> bool:
        """Whether more changes may be sent: the station must have confirmed most of those before."""
        changes = (waiting for (_, device), waiting in self._waiting.items() if device == CHANGES)
        return sum(map(len, changes)) < _MOST_CHANGES

    def positions(self) -> set[Position]:
        """All that is awaited."""
        return {position for waiting in self._waiting.values() for position, _ in waiting.values()}

    def add(self, record: Record, now_ms: int) -> bool:
        """The record was sent; whether its receipt is awaited now. False: too many are."""
        entry = record.entry
        key = entry.boot, entry.device if isinstance(entry, Frame) else CHANGES
        waiting = self._waiting.get(key, {})
        if entry.seq not in waiting:
            if self._count >= MOST_SENT and isinstance(entry, Frame):
                return False
            self._count += 1
        due_ms = now_ms + self._again_ms + random.randint(0, self._again_ms // 5)  # noqa: S311  # jitter
        self._waiting.setdefault(key, waiting)[entry.seq] = record.position, due_ms
        heappush(self._due, (due_ms, key, entry.seq))
        if len(self._due) > 2 * MOST_SENT:
            self._due = [due for due in self._due if self._is_current(*due)]
            heapify(self._due)
        return True

    def _is_current(self, due_ms: int, key: tuple[str, str], number: int) -> bool:
        found = self._waiting.get(key, {}).get(number)
        return found is not None and found[1] == due_ms

    def confirm(self, confirmed: Confirmed) -> list[Position]:
        """The positions that a range settles; none where nothing of it is awaited."""
        key = confirmed.boot, confirmed.device
        waiting = self._waiting.get(key, {})
        if confirmed.last - confirmed.first < len(waiting):
            numbers = [n for n in range(confirmed.first, confirmed.last + 1) if n in waiting]
        else:  # a range may be as long as it likes
            numbers = [n for n in waiting if confirmed.first <= n <= confirmed.last]
        self._window = min(MOST_SENT, self._window + len(numbers))
        return [self._take(key, number) for number in numbers]

    def overdue(self, now_ms: int) -> Iterator[tuple[Position, bool]]:
        """What has waited long enough, each with whether it is a change; it is awaited no longer."""
        while self._due and self._due[0][0] <= now_ms:
            due = heappop(self._due)
            if self._is_current(*due):
                self._window = _LEAST_WINDOW
                yield self._take(due[1], due[2]), due[1][1] == CHANGES

    def _take(self, key: tuple[str, str], number: int) -> Position:
        waiting = self._waiting[key]
        position, _ = waiting.pop(number)
        if not waiting:
            del self._waiting[key]
        self._count -= 1
        return position
