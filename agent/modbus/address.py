"""Where a value lives in a Modbus device: table and zero-based address, as on the wire."""

from dataclasses import dataclass
from enum import StrEnum


class Table(StrEnum):
    """The four Modbus tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def function(self) -> int:
        """The function code that reads this table (Modbus Application Protocol V1.1b3, 6.1 to 6.4)."""
        return _FUNCTION[self]

    @property
    def is_bits(self) -> bool:
        return self in (Table.COIL, Table.DISCRETE)


_FUNCTION = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}

MAX_REGISTERS = 125  # Modbus Application Protocol V1.1b3, 6.3
MAX_BITS = 2000  # the same, 6.1


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Consecutive addresses of one table: what a point needs, or what a request reads."""

    table: Table
    start: int
    count: int

    def __post_init__(self) -> None:
        if not (0 <= self.start <= 0xFFFF and 1 <= self.count <= 0x10000 - self.start):
            raise ValueError(f"{self.table} {self.start}+{self.count} is outside 0..65535")

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.start + self.count

    def covers(self, other: "Span") -> bool:
        return self.table is other.table and self.start <= other.start and other.end <= self.end
