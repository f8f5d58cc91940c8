"""What answers at a unit id: words or an exception code, who it is, and the faults that it has."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from agent.modbus.address import MAX_BITS, MAX_REGISTERS, Table
from agent.simulator.fault import Acting
from agent.simulator.identity import IDENTIFY, identified
from agent.simulator.refusal import ILLEGAL_FUNCTION, ILLEGAL_VALUE, refusal

Answer: TypeAlias = Sequence[int] | int
"""Words (or bits), or a Modbus exception code."""

_TABLE = {table.function: table for table in Table}


class Unit:
    """A unit on a simulated bus.

    Attributes:
        faults: what is wrong with its replies.
        identity: object id → text, as function 43/14 tells it; empty: it does not know the function.
        requests: how many requests reached it, answered or not.
    """

    def __init__(self) -> None:
        self.faults: Sequence[Acting] = ()
        self.identity: Mapping[int, str] = {}
        self.requests = 0

    def read(self, table: Table, start: int, count: int) -> Answer:
        """The words from `start` on, or an exception code."""
        raise NotImplementedError

    def answer(self, pdu: bytes) -> bytes | None:
        """The reply to a request, function code first; None for silence."""
        self.requests += 1
        if not pdu:
            return None
        if pdu[:2] == IDENTIFY and self.identity:
            return identified(pdu, self.identity)
        table = _TABLE.get(pdu[0])
        if table is None or len(pdu) != 5:
            return refusal(pdu, ILLEGAL_FUNCTION if table is None else ILLEGAL_VALUE)
        start, count = int.from_bytes(pdu[1:3]), int.from_bytes(pdu[3:5])
        if not 1 <= count <= (MAX_BITS if table.is_bits else MAX_REGISTERS):
            return refusal(pdu, ILLEGAL_VALUE)
        words = self.read(table, start, count)
        if isinstance(words, int):
            return refusal(pdu, words)
        data = _bits(words) if table.is_bits else b"".join(word.to_bytes(2) for word in words)
        return bytes((pdu[0], len(data))) + data


def _bits(bits: Sequence[int]) -> bytes:
    data = bytearray((len(bits) + 7) // 8)
    for index, bit in enumerate(bits):
        data[index // 8] |= bool(bit) << index % 8
    return bytes(data)
