"""Every byte that goes to a device, and the check of every reply that comes back.

`request` is the only maker of requests in the program. It can say "read" and
nothing else: function codes 1 to 4, and 43 with MEI type 14 (Modbus Application
Protocol V1.1b3, 6.1 to 6.4 and 6.21). There is no writing to a device, by construction.

    BusError
     ├─ UnitSilent    no reply in time: this unit only
     ├─ UnitRefused   the unit answered with an exception code
     ├─ BadReply      something came that is not the reply: counted, never used
     └─ BusDown       no link: nobody on this bus can be asked

This module knows no socket and no time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
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

_TABLE_READ = Struct(">BHH")
_MBAP = Struct(">HHHB")
_CRC = Struct("<H")

_TABLE_READS = frozenset({1, 2, 3, 4})
IDENTIFICATION = 43
_MEI_TYPE = 14
_LONGEST_PDU = 253
_STREAMS = (1, 2, 3)
"""Read Device ID codes: the basic, regular and extended objects as a stream."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One read of one unit, and what its reply must look like; from `reading` or `identifying`."""

    unit: int
    pdu: bytes
    """From the function code on."""
    size: int
    """Data bytes in a good reply; `VARIES` where the reply says it itself."""

    @property
    def function(self) -> int:
        return self.pdu[0]

    @property
    def shape(self) -> tuple[int, int]:
        """All that tells good replies of one unit apart on a serial line: function and data bytes."""
        return self.pdu[0], self.size

    @property
    def rtu_bytes(self) -> int:
        """Bytes on a serial line, of request and reply together; the most there can be."""
        return len(self.pdu) + 3 + (256 if self.size == VARIES else self.size + 5)


VARIES = -1


@lru_cache(maxsize=4_096)
def reading(unit: int, span: Span) -> Ask:
    """The read of `span`.

    Raises:
        ValueError: a unit or a width that no request can carry.
    """
    if not (0 <= unit <= 255 and span.count <= max_count(span)):
        raise ValueError(f"unit {unit} cannot be asked for {span.count} of {span.table}")
    return Ask(unit, _TABLE_READ.pack(span.table.function, span.start, span.count), data_bytes(span))


def identifying(unit: int, stream: int, first: int) -> Ask:
    """The read of device identification objects: a `stream` of them, from the id `first` on.

    Raises:
        ValueError: a unit, a stream or an object that no request can carry.
    """
    if not (0 <= unit <= 255 and stream in _STREAMS and 0 <= first <= 255):
        raise ValueError(f"unit {unit} cannot be asked for stream {stream} from object {first}")
    return Ask(unit, bytes((IDENTIFICATION, _MEI_TYPE, stream, first)), VARIES)


def request(ask: Ask, transaction: int | None) -> bytes:
    """The bytes that ask: with a transaction id for TCP, with a CRC for RTU.

    Raises:
        ValueError: the request would not be a read.
    """
    unit, pdu = ask.unit, ask.pdu
    if pdu[0] not in _TABLE_READS and pdu[:2] != b"\x2b\x0e":
        raise ValueError(f"function {pdu[0]} is not for reading; this program does nothing else")
    if transaction is not None:
        return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu
    body = bytes((unit,)) + pdu
    return body + _CRC.pack(crc16(body))


def max_count(span: Span) -> int:
    """The widest read of the span's table."""
    return MAX_BITS if span.table.is_bits else MAX_REGISTERS


def data_bytes(span: Span) -> int:
    """Data bytes in a good reply."""
    return (span.count + 7) // 8 if span.table.is_bits else 2 * span.count


def check(ask: Ask, unit: int, pdu: bytes) -> bytes:
    """The data bytes of a reply that is exactly what was asked for.

    Args:
        ask: what was asked for.
        unit: who answered.
        pdu: from the function code to the last data byte; the framing has been checked.

    Raises:
        UnitRefused: an exception reply to this very function.
        BadReply: anything else.
    """
    if unit != ask.unit:
        raise BadReply(f"unit {unit} answered instead of {ask.unit}")
    if len(pdu) < 2:
        raise BadReply("a reply without content")
    function, asked, size = pdu[0], ask.pdu[0], ask.size
    if function == asked | 0x80 and len(pdu) == 2:
        raise UnitRefused(pdu[1])
    if function != asked:
        raise BadReply(f"function {function} in answer to {asked}")
    if size == VARIES:
        if _end_of_objects(ask, pdu, 0) != len(pdu):
            raise BadReply("a device identification whose objects do not fill it")
        return pdu[1:]
    if pdu[1] != size or len(pdu) != size + 2:
        raise BadReply(f"{len(pdu) - 2} data bytes (it says {pdu[1]}), not {size}")
    return pdu[2:]


def find_rtu_replies(ask: Ask, received: bytes) -> tuple[list[bytes], bytes]:
    """The whole replies somewhere in what a serial line brought, as frames, and what came after the last.

    Bytes around them (a driver's glitch, another unit's late reply) are passed over: only unit,
    function, length and CRC together make a reply. The echo of the request is none, though that of
    a read of bits may look like one.
    """
    ends = {at: end for at, end in _frames(ask, received) if end <= len(received)}
    refusal = bytes((ask.unit, ask.pdu[0] | 0x80))
    at = received.find(refusal)
    while 0 <= at <= len(received) - 5:
        ends[at] = at + 5
        at = received.find(refusal, at + 1)
    frames, last = [], 0
    for at, end in sorted(ends.items()):
        frame = received[at:end]
        if at >= last and crc16(frame) == 0 and frame[1:-2] != ask.pdu:
            frames.append(frame)
            last = end
    return frames, received[last:]


def rtu_head(ask: Ask) -> bytes:
    """What a good reply on a serial line begins with."""
    return bytes((ask.unit, *ask.pdu[:3])) if ask.size == VARIES else bytes((ask.unit, ask.pdu[0], ask.size))


def has_damaged_reply(ask: Ask, received: bytes) -> bool:
    """Whether a reply came whole by its length, where none is whole by its CRC."""
    return any(end <= len(received) for _, end in _frames(ask, received))


def _frames(ask: Ask, received: bytes) -> Iterator[tuple[int, int]]:
    """Where good replies may begin, and where they would end with their CRC."""
    head = rtu_head(ask)
    at = received.find(head)
    while at >= 0:
        if ask.size != VARIES:
            yield at, at + ask.size + 5
        elif (end := _end_of_objects(ask, received, at + 1)) is not None:
            yield at, end + 2
        at = received.find(head, at + 1)


def _end_of_objects(ask: Ask, received: bytes, at: int) -> int | None:
    """Where a device identification ends whose function code is at `at`; None while that cannot be told.

    The reply says: function, MEI type, stream, conformity, more follows, next object, number of
    objects, and each with its id, its length and its text (6.21).
    """
    objects_at = at + 7
    if len(received) < objects_at or received[at : at + 3] != ask.pdu[:3]:
        return None
    end = objects_at
    for _ in range(received[objects_at - 1]):
        if end + 2 > len(received):
            return None
        end += 2 + received[end + 1]
    return end if end - at <= _LONGEST_PDU else None


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
