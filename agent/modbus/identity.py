"""What a device says of itself: Read Device Identification, function 43 with MEI type 14.

Modbus Application Protocol V1.1b3, 6.21. Objects come in pages: a reply holds as many as fit
and says with which object to go on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.modbus.pdu import BadReply

BASIC, REGULAR = 1, 2
"""Read Device ID codes: objects 0 to 2, which every such device has, and the named ones after them."""

FIRST_REGULAR = 3

_CONFORMITY = {1, 2, 3, 0x81, 0x82, 0x83}
_MORE = {0x00: False, 0xFF: True}


@dataclass(frozen=True, slots=True)
class Identity:
    """The texts of a device, "" for what it does not say; `others` are its own objects by id."""

    vendor: str
    product_code: str
    revision: str
    vendor_url: str
    product_name: str
    model_name: str
    user_application: str
    others: Mapping[int, str]

    @classmethod
    def of(cls, objects: Mapping[int, bytes]) -> "Identity":
        """From the objects by id."""
        texts = {number: _text(raw) for number, raw in sorted(objects.items())}
        return cls(
            vendor=texts.pop(0, ""),
            product_code=texts.pop(1, ""),
            revision=texts.pop(2, ""),
            vendor_url=texts.pop(3, ""),
            product_name=texts.pop(4, ""),
            model_name=texts.pop(5, ""),
            user_application=texts.pop(6, ""),
            others=MappingProxyType(texts),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One reply."""

    objects: Mapping[int, bytes]
    has_regular: bool
    """Whether the device has more than the basic objects."""
    next_object: int | None
    """Where the next page begins; None after the last one."""


def page_of(data: bytes, stream: int, first: int, *, goes_on: bool) -> Page:
    """Take a reply apart; its length has been checked against its objects.

    Args:
        data: from the MEI type on.
        stream: the Read Device ID code that was asked for.
        first: the object that was asked for.
        goes_on: it is not the stream's first page. On that one a device that lacks `first` may
            begin with its first object instead.

    Raises:
        BadReply: it contradicts itself or the question.
    """
    conformity, more, next_object, count = data[2:6]
    if data[1] != stream:
        raise BadReply(f"identification stream {data[1]} in answer to {stream}")
    if conformity not in _CONFORMITY:
        raise BadReply(f"identification of the unknown conformity level {conformity}")
    if more not in _MORE:
        raise BadReply(f"identification with {more} for 'more follows'")
    objects: dict[int, bytes] = {}
    at, last = 6, -1
    for _ in range(count):
        number, size = data[at : at + 2]
        if number <= last:
            raise BadReply(f"identification object {number} after {last}")
        objects[number] = data[at + 2 : at + 2 + size]
        at, last = at + 2 + size, number
    if goes_on and (not objects or min(objects) != first):
        raise BadReply(f"identification goes on elsewhere than with object {first}")
    has_regular = conformity & 0x7F >= REGULAR
    if not _MORE[more]:
        return Page(objects, has_regular, None)
    if next_object <= last:  # it would lead in a circle
        raise BadReply(f"identification goes on with object {next_object} after {last}")
    return Page(objects, has_regular, next_object)


def _text(raw: bytes) -> str:
    """ASCII by the standard; some makers write UTF-8. Control characters are padding."""
    text = raw.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()
