"""A fault of a simulated device or bus: what it does, to whom, when, and to how many replies. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from agent.reading import Text, Value


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. What each `do` does with its arguments: docs/simulator.md.

    Args:
        do: a name in `agent.simulator.mislabel`, `disturb`, `altered` or `door`.
        device: whose replies or values; with neither device nor bus, everybody's.
        bus: the same for all devices of a bus, or the bus itself.
        from_ms: since the start.
        until_ms: None: to the end.
        chance: share of the replies that it meets.
        seed: of the luck that decides, so that a run can be repeated.
        times: so many replies and no more; None: all.
        at: only requests that touch one of these (start, count).
        says, ends: what to tell when it begins, and when it is over.
    """

    do: str
    device: str | None = None
    bus: str | None = None
    from_ms: int = 0
    until_ms: int | None = None
    chance: float = 1.0
    seed: int = 0
    times: int | None = None
    at: tuple[tuple[int, int], ...] = ()
    says: Text | None = None
    ends: Text | None = None
    # what some of them take
    code: int = 4
    late_ms: int = 3_000
    jitter_ms: int = 0
    pause_ms: float = 30.0
    registers: int = 1
    unit: int | None = None
    length: int = 0xFFFF
    word: int = 0x8000
    keep: int = 5
    closes: bool = False
    bits: int = 1
    over_ms: int = 0
    values: Mapping[str, Value | None] = field(default_factory=dict)

    def active(self, elapsed_ms: int) -> bool:
        """Whether it is on so long after the start."""
        return self.from_ms <= elapsed_ms and (self.until_ms is None or elapsed_ms < self.until_ms)


class Acting:
    """A fault that is on: it keeps count of the replies that it has met, and its own luck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.luck = Random(fault.seed)  # noqa: S311  # a script must be repeatable
        self.met = 0
        self._starts: dict[str, float] = {}

    def start(self, point: str, value: float) -> float:
        """What the point showed when the fault first met it."""
        return self._starts.setdefault(point, value)

    def meets(self, request: bytes) -> bool:
        """Whether the reply to this request, function code first, is one that it spoils."""
        fault = self.fault
        if fault.times is not None and self.met >= fault.times:
            return False
        if fault.at and not _touches(request, fault.at):
            return False
        if fault.chance < 1 and self.luck.random() >= fault.chance:
            return False
        self.met += 1
        return True


def faulty(do: str, *, code: int = 4) -> tuple[Acting, ...]:
    """The faults of a unit that has this one, for good and all."""
    return (Acting(Fault(do, code=code)),)


def _touches(request: bytes, at: tuple[tuple[int, int], ...]) -> bool:
    first, count = int.from_bytes(request[1:3]), int.from_bytes(request[3:5])
    return any(start < first + count and first < start + size for start, size in at)
