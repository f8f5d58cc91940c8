"""The 48 bytes that ask a time server, and what its answer says of UTC. Pure.

RFC 5905 §7.3 (packet), §8 (offset and delay), §6 (time stamps; their era ends in 2036), §7.4 (kiss codes).
The client is an SNTP one (§14): it measures, and never sets a clock.
"""

import struct
from dataclasses import dataclass

from agent.time_source import FLOOR_MS

_FORM = struct.Struct("!BBbbIII8s8s8s8s")
SIZE = _FORM.size
_ASK = 0 << 6 | 4 << 3 | 3  # no warning, version 4, client
_SERVER, _UNSYNCHRONISED = 4, 3
_TO_1970_S = 2_208_988_800
_ERA_S = 1 << 32
_MOST_DELAY_MS = 1_500.0
_MOST_DISTANCE_MS = 1_500.0  # RFC 5905 §11.2.1, MAXDIST


class NoTimeError(Exception):
    """The answer says no time that can be used; the text says why.

    Args:
        why: for people.
        wait_ms: the server wishes not to be asked for so long.
    """

    def __init__(self, why: str, wait_ms: int = 0) -> None:
        super().__init__(why)
        self.wait_ms = wait_ms


@dataclass(frozen=True, slots=True)
class Measured:
    """UTC minus monotonic time, and how long question and answer took together, in milliseconds."""

    offset_ms: float
    delay_ms: float


def question(nonce: bytes) -> bytes:
    """A packet with 8 random bytes for a time stamp: they tell the answer, and nothing of us."""
    return _FORM.pack(_ASK, 0, 0, 0, 0, 0, 0, bytes(8), bytes(8), bytes(8), nonce)


def measured(answer: bytes, nonce: bytes, sent_ms: float, got_ms: float) -> Measured:
    """What an answer says; `sent_ms` and `got_ms` are instants of the monotonic clock.

    Raises:
        NoTimeError: it is none to this question, or its server does not know the time.
    """
    if len(answer) < SIZE:
        raise NoTimeError(f"{len(answer)} bytes are no answer")
    head, stratum, _, _, root_delay, dispersion, name, _, origin, arrived, left = _FORM.unpack_from(answer)
    if head & 7 != _SERVER or origin != nonce:
        raise NoTimeError("no answer to our question")
    if stratum == 0:
        raise _kiss(struct.pack("!I", name))
    if head >> 6 == _UNSYNCHRONISED or stratum > 15:
        raise NoTimeError("the server is not synchronised itself")
    distance_ms = (root_delay / 2 + dispersion) / 65.536
    if distance_ms > _MOST_DISTANCE_MS:
        raise NoTimeError(f"the server may be {distance_ms / 1_000:.1f} s off itself")
    arrived_ms, left_ms = _unix_ms(arrived), _unix_ms(left)
    if min(arrived_ms, left_ms) < FLOOR_MS or left_ms < arrived_ms:
        raise NoTimeError("the server's clock is wrong")
    delay_ms = (got_ms - sent_ms) - (left_ms - arrived_ms)
    if not 0 <= delay_ms <= _MOST_DELAY_MS:
        raise NoTimeError(f"the answer took {delay_ms:.0f} ms")
    return Measured(((arrived_ms - sent_ms) + (left_ms - got_ms)) / 2, delay_ms)


def _unix_ms(stamp: bytes) -> float:
    seconds, fraction = int.from_bytes(stamp[:4]), int.from_bytes(stamp[4:])
    if seconds < _ERA_S // 2:  # the era after 2036-02-07
        seconds += _ERA_S
    return (seconds - _TO_1970_S) * 1_000 + fraction * 1_000 / _ERA_S


def _kiss(code: bytes) -> NoTimeError:
    """RFC 5905 §7.4: DENY and RSTR mean never again, RATE means less often."""
    waits_ms = {b"RATE": 900_000, b"DENY": 86_400_000, b"RSTR": 86_400_000}
    return NoTimeError(f"the server refuses: {code.decode('ascii', 'replace')}", waits_ms.get(code, 60_000))
