"""Faults of a reply on its way: bytes damaged, added, lost, late or in the wrong order. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from agent.simulator.fault import Acting, Fault
from agent.simulator.mislabel import Past
from agent.simulator.reply import Piece, Reply, Sending

_NOISE_BYTES = 7


def disturbed(sending: Sending, acting: Acting, reply: Reply, past: Past) -> Sending:
    """What goes out as the fault leaves it, unchanged by faults that are none of this module's."""
    spoil = DISTURBANCES.get(acting.fault.do)
    if spoil is not None:
        return spoil(sending, acting.fault, acting.luck)
    match acting.fault.do:
        case "echo":
            return _before(sending, reply.echo(), 0.0)
        case "shifted" if past.last:
            return _before(sending, past.last, acting.fault.pause_ms)
        case _:
            return sending


def _before(sending: Sending, data: bytes, pause_ms: float) -> Sending:
    """With other bytes first, and a pause after them."""
    first, *rest = sending.pieces
    pieces = (Piece(data, first.after_ms), replace(first, after_ms=pause_ms), *rest)
    return replace(sending, pieces=pieces)


def _twice(sending: Sending, fault: Fault) -> Sending:
    first, *rest = sending.pieces
    return replace(sending, pieces=(*sending.pieces, replace(first, after_ms=fault.pause_ms), *rest))


def _late(sending: Sending, fault: Fault, luck: Random) -> Sending:
    late_ms = fault.late_ms + luck.uniform(-fault.jitter_ms, fault.jitter_ms)
    first, *rest = sending.pieces
    return replace(sending, pieces=(replace(first, after_ms=max(0.0, first.after_ms + late_ms)), *rest))


def _slow(sending: Sending, fault: Fault, luck: Random) -> Sending:
    """As a device that works for every register that it is asked for."""
    size = sum(len(piece.data) for piece in sending.pieces)
    return _late(sending, replace(fault, late_ms=round(fault.pause_ms * size / 2), jitter_ms=0), luck)


def _drip(sending: Sending, fault: Fault) -> Sending:
    pieces = tuple(
        Piece(piece.data[i : i + 1], fault.pause_ms + (0 if i else piece.after_ms))
        for piece in sending.pieces
        for i in range(len(piece.data))
    )
    return replace(sending, pieces=pieces)


def _split(sending: Sending, fault: Fault) -> Sending:
    """In two halves with a gap between them."""
    *rest, last = sending.pieces
    at = len(last.data) // 2
    halves = (Piece(last.data[:at], last.after_ms), Piece(last.data[at:], fault.pause_ms))
    return replace(sending, pieces=(*rest, *halves))


def _garbage(sending: Sending, luck: Random) -> Sending:
    pieces = tuple(replace(piece, data=luck.randbytes(len(piece.data))) for piece in sending.pieces)
    return replace(sending, pieces=pieces)


def _truncated(sending: Sending, fault: Fault) -> Sending:
    first = sending.pieces[0]
    return Sending((replace(first, data=first.data[: fault.keep]),), fault.closes)


def _noisy(sending: Sending, fault: Fault, luck: Random) -> Sending:
    """With so many bits turned over in its last piece."""
    *rest, last = sending.pieces
    data = bytearray(last.data)
    for bit in luck.sample(range(8 * len(data)), min(fault.bits, 8 * len(data))):
        data[bit >> 3] ^= 1 << (bit & 7)
    return replace(sending, pieces=(*rest, replace(last, data=bytes(data))))


def _bad_crc(sending: Sending) -> Sending:
    *rest, last = sending.pieces
    data = last.data[:-1] + bytes((last.data[-1] ^ 0x55,))
    return replace(sending, pieces=(*rest, replace(last, data=data)))


Disturbance = Callable[[Sending, Fault, Random], Sending]

DISTURBANCES: Mapping[str, Disturbance] = {
    "late": _late,
    "slow": _slow,
    "drip": lambda sending, fault, _luck: _drip(sending, fault),
    "split": lambda sending, fault, _luck: _split(sending, fault),
    "garbage": lambda sending, _fault, luck: _garbage(sending, luck),
    "garbage_before": lambda sending, _fault, luck: _before(sending, luck.randbytes(_NOISE_BYTES), 0.0),
    "twice": lambda sending, fault, _luck: _twice(sending, fault),
    "truncate": lambda sending, fault, _luck: _truncated(sending, fault),
    "close": lambda _sending, _fault, _luck: Sending((), closes=True),
    "bad_crc": lambda sending, _fault, _luck: _bad_crc(sending),
    "bit_noise": _noisy,
}
