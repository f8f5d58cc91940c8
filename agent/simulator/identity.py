"""Who a simulated device is, by function 43/14 (Modbus Application Protocol V1.1b3, 6.21). Pure."""

from collections.abc import Mapping

from agent.simulator.refusal import ILLEGAL_ADDRESS, ILLEGAL_VALUE, refusal

IDENTIFY = bytes((0x2B, 0x0E))
VENDOR, PRODUCT, REVISION, URL, PRODUCT_NAME, MODEL = range(6)
"""Object ids of the basic and regular categories."""

_LAST_OBJECT = {1: 0x02, 2: 0x7F, 3: 0xFF}
"""Access code → the last object of its stream."""
_ONE = 4
_ROOM = 253 - 7
"""Bytes for objects in one reply."""


def identified(pdu: bytes, identity: Mapping[int, str]) -> bytes:
    """The reply to a request for objects; it says where to go on when they do not fit."""
    if len(pdu) != 4 or not 1 <= pdu[2] <= _ONE:
        return refusal(pdu, ILLEGAL_VALUE)
    access, first = pdu[2], pdu[3]
    if access == _ONE:
        wanted = [first] if first in identity else []
    else:  # an object that is not there starts the stream from its beginning
        start = first if first in identity else 0
        wanted = [number for number in sorted(identity) if start <= number <= _LAST_OBJECT[access]]
    if not wanted:
        return refusal(pdu, ILLEGAL_ADDRESS)
    objects, count, after = b"", 0, 0
    for number in wanted:
        text = identity[number].encode()[: _ROOM - 2]
        if len(objects) + 2 + len(text) > _ROOM:
            after = number
            break
        objects += bytes((number, len(text))) + text
        count += 1
    conformity = 0x80 | next(level for level, last in _LAST_OBJECT.items() if max(identity) <= last)
    more = 0xFF if after else 0
    return IDENTIFY + bytes((access, conformity, more, after, count)) + objects
