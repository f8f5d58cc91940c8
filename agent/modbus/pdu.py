"""Every byte that goes to a device, and the check of every reply that comes back.

`request` is the only maker of requests in the program. It can say "read" and
nothing else: function codes 1 to 4 (Modbus Application Protocol V1.1b3, 6.1 to
6.4). There is no writing to a device, by construction.

    BusError
     ├─ UnitSilent    no reply in time: this unit only
     ├─ UnitRefused   the unit answered with an exception code
     ├─ BadReply      something came that is not the reply: counted, never used
     └─ BusDown       no link: nobody on this bus can be asked

This module knows no socket and no time.
"""

from dataclasses import dataclass
from struct import Struct

from agent.modbus.address import MAX_BITS, MAX_REGISTERS, Span

MAX_BUFFERED = 300
"""Bytes kept of what a device sends; the longest frames have 260 (TCP) and 256 (RTU)."""

MBAP_HEAD = 6
MAX_MBAP_LENGTH = 254


class BusError(Exception):
    """A read that brought no words; `reason` is the word for it in a frame."""

    reason = "bus_down"


class UnitSilent(BusError):  # noqa: N818  # named for what happened
    """The unit did not answer in time."""

    reason = "timeout"


class UnitRefused(BusError):  # noqa: N818  # named for what happened
    """The unit answered with an exception code (Modbus Application Protocol V1.1b3, 7)."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"the device refused: exception {code} ({_EXCEPTIONS.get(code, 'unknown code')})")

    @property
    def reason(self) -> str:  # type: ignore[override]  # the code is part of the word
        return f"exception_{self.code}"

    @property
    def about_address(self) -> bool:
        """The unit lives, but not this function, address or count: asking again cannot help."""
        return self.code in (1, 2, 3)


class BadReply(BusError):  # noqa: N818  # named for what happened
    """What came was damaged, mislabelled, too short or too long."""

    reason = "bad_reply"


class BusDown(BusError):  # noqa: N818  # named for what happened
    """The link cannot be opened, or it broke."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        self.refused = refused
        super().__init__(why)

    @property
    def reason(self) -> str:  # type: ignore[override]  # a refused connection has its own word
        return "refused" if self.refused else "bus_down"


_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}

_MBAP_REQUEST = Struct(">HHHBBHH")
_RTU_REQUEST = Struct(">BBHH")
_CRC = Struct("<H")


def request(unit: int, span: Span, transaction: int | None) -> bytes:
    """The bytes that ask `unit` for `span`; with a transaction id for TCP, with a CRC for RTU.

    Raises:
        ValueError: a unit, a width or a transaction id that no request can carry.
    """
    if not (0 <= unit <= 255 and span.count <= max_count(span)):
        raise ValueError(f"unit {unit} cannot be asked for {span.count} of {span.table}")
    function = span.table.function
    if transaction is not None:
        return _MBAP_REQUEST.pack(transaction, 0, 6, unit, function, span.start, span.count)
    body = _RTU_REQUEST.pack(unit, function, span.start, span.count)
    return body + _CRC.pack(crc16(body))


def max_count(span: Span) -> int:
    """The widest read of the span's table."""
    return MAX_BITS if span.table.is_bits else MAX_REGISTERS


def data_bytes(span: Span) -> int:
    """Data bytes in a good reply."""
    return (span.count + 7) // 8 if span.table.is_bits else 2 * span.count


@dataclass(frozen=True, slots=True)
class Expected:
    """What the reply to a request must look like; one per distinct read, made once."""

    unit: int
    function: int
    size: int
    """Data bytes."""

    @classmethod
    def of(cls, unit: int, span: Span) -> "Expected":
        return cls(unit, span.table.function, data_bytes(span))

    @property
    def rtu_length(self) -> int:
        """Bytes of the whole good reply on a serial line."""
        return self.size + 5


def check(expected: Expected, unit: int, pdu: bytes) -> bytes:
    """The data bytes of a reply that is exactly what was asked for.

    Args:
        expected: what was asked for.
        unit: who answered.
        pdu: from the function code to the last data byte; the framing has been checked.

    Raises:
        UnitRefused: an exception reply to this very function.
        BadReply: anything else.
    """
    if unit != expected.unit:
        raise BadReply(f"unit {unit} answered instead of {expected.unit}")
    if len(pdu) < 2:
        raise BadReply("a reply without content")
    function = pdu[0]
    if function == expected.function | 0x80 and len(pdu) == 2:
        raise UnitRefused(pdu[1])
    if function != expected.function:
        raise BadReply(f"function {function} in answer to {expected.function}")
    if pdu[1] != expected.size or len(pdu) != expected.size + 2:
        raise BadReply(f"{len(pdu) - 2} data bytes (it says {pdu[1]}), not {expected.size}")
    return pdu[2:]


def find_rtu_reply(expected: Expected, received: bytes) -> bytes | None:
    """The data bytes of the reply somewhere in what a serial line brought, None while it is not whole.

    Bytes before it (a driver's glitch, the echo of the request, another unit's late
    reply) are passed over: only unit, function, byte count and CRC together make a reply.

    Raises:
        UnitRefused: an exception reply of this unit to this function.
    """
    good = bytes((expected.unit, expected.function, expected.size))
    refusal = bytes((expected.unit, expected.function | 0x80))
    at = received.find(good)
    while at >= 0:
        end = at + expected.size + 5
        if end > len(received):
            break
        if crc16(received[at:end]) == 0:
            return received[at + 3 : end - 2]
        at = received.find(good, at + 1)
    at = received.find(refusal)
    while 0 <= at <= len(received) - 5:
        if crc16(received[at : at + 5]) == 0:
            raise UnitRefused(received[at + 2])
        at = received.find(refusal, at + 1)
    return None


def has_damaged_reply(expected: Expected, received: bytes) -> bool:
    """Whether the reply came whole by its length, but not by its CRC."""
    at = received.find(bytes((expected.unit, expected.function, expected.size)))
    return 0 <= at <= len(received) - expected.rtu_length


def words_of(span: Span, data: bytes) -> tuple[int, ...]:
    """The registers (or bits, one each) that a reply's data bytes hold."""
    if span.table.is_bits:
        return tuple(data[i >> 3] >> (i & 7) & 1 for i in range(span.count))
    return Struct(f">{span.count}H").unpack(data)


def crc16(data: bytes) -> int:
    """CRC of Modbus over Serial Line V1.02, 6.2.2; over a frame with its CRC it gives 0."""
    crc = 0xFFFF
    table = _CRC_TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(map(_crc_of_byte, range(256)))
