"""What one poll of a device has gathered so far, and the poll that it makes in the end."""

from dataclasses import dataclass, field

from agent.last_poll import Read
from agent.modbus.halving import Halved
from agent.modbus.pdu import BusError
from agent.poll import Poll
from agent.profile import Point
from agent.reading import Quality, Value
from agent.unit_reads import UnitReads


@dataclass(slots=True)
class Parts:
    """The replies of one poll, and what the device was like in it.

    Args:
        reads: what was asked for, answered or not.
        values: of their points, in this order.
        faults: by index in `values`.
        lessons: what was found out of blocks that were not given: believed once the device is known
            to give others.
        sure: its silence was about single blocks.
        good: how many reads were answered.
        alive: it has shown before that it is there.
        silent: how many requests were not answered, and it is not known why.
        patience: how many silences a search for single points may still meet.
        stopped: nothing more is asked in this poll.
        error: the first one.
    """

    reads: list[Read] = field(default_factory=list)
    values: list[Value | None] = field(default_factory=list)
    faults: dict[int, Quality] = field(default_factory=dict)
    lessons: list[Halved] = field(default_factory=list)
    sure: bool = False
    good: int = 0
    alive: bool = False
    silent: int = 0
    patience: int = 8
    stopped: bool = False
    error: BusError | None = None
    first_ms: int = 0
    last_ms: int = 0

    def have(self, read: Read, data: bytes, now_ms: int) -> None:
        """A read was answered just now."""
        self.first_ms = self.first_ms or now_ms
        self.last_ms = read.asked_ms = now_ms
        read.data, read.problem = data, None
        values, faults = read.decode.of_bytes(data)
        if faults:
            before = len(self.values)
            self.faults.update({before + index: quality for index, quality in faults.items()})
        self.reads.append(read)
        self.values += values
        self.good += 1

    def miss(self, read: Read, error: BusError, now_ms: int, *, lacks: bool = False) -> None:
        """A read brought nothing; `lacks`: the device seems not to have it, and need not."""
        read.data, read.problem = None, str(error)
        read.asked_ms = now_ms
        before, quality = len(self.values), Quality.ABSENT if lacks else Quality.BAD
        self.faults.update(dict.fromkeys(range(before, before + len(read.names)), quality))
        self.reads.append(read)
        self.values += [None] * len(read.names)
        self.error = self.error or error

    def whole(self, reads: UnitReads, lacking: tuple[Point, ...]) -> Poll:
        """All of it, with the points that the device refuses at the end."""
        names = reads.names(tuple(self.reads), lacking)
        for index, point in enumerate(lacking, len(self.values)):
            self.faults[index] = Quality.ABSENT if point.optional else Quality.BAD
        values = (*self.values, *(None for _ in lacking))
        return Poll(names, values, self.faults, None, self.first_ms, self.last_ms)
