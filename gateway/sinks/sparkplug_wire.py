"""The bytes of a Sparkplug B payload: what we write of it, and the little that we read. Pure.

A payload is a Google Protocol Buffers message; its field numbers and data types are those of the
schema in the Eclipse Sparkplug specification 3.0.0, chapter 6. We write six kinds of field and
read names and flags of commands, which takes less than a generated class per metric.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from agent.reading import Value


class DataType(IntEnum):
    """Numbers of the data types that we use."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


class MalformedError(ValueError):
    """These bytes are no Sparkplug payload."""


_U64 = (1 << 64) - 1
_MOST_BYTES = 65_536
"""No command is longer; what is longer is not looked at."""


def varint(number: int) -> bytes:
    """A number from 0 in groups of seven bits, the lowest first."""
    if number < 0x80:
        return bytes((number,))
    said = bytearray()
    while number > 0x7F:
        said.append(number & 0x7F | 0x80)
        number >>= 7
    said.append(number)
    return bytes(said)


def _block(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


# ---- writing; a tag is the field's number x 8 + its wire type

_NAME, _ALIAS, _TIMESTAMP, _DATATYPE = b"\x0a", b"\x10", b"\x18", b"\x20"
_IS_HISTORICAL, _IS_NULL, _PROPERTIES = b"\x28\x01", b"\x38\x01", b"\x4a"
_LONG, _DOUBLE, _BOOLEAN, _STRING = b"\x58", b"\x69", b"\x70", b"\x7a"
_double = struct.Struct("<d").pack


def name_of(text: str) -> bytes:
    """How a metric is called by its name."""
    return _block(_NAME, text.encode())


def alias_of(number: int) -> bytes:
    """How a metric is called by the short number that its birth gave it."""
    return _ALIAS + varint(number)


def property_set(texts: Iterable[tuple[str, str]], quality: int | None = None) -> bytes:
    """A metric's properties: texts, and the number of its quality."""
    keys, values = b"", b""
    for key, text in texts:
        keys += _block(b"\x0a", key.encode())
        values += _block(b"\x12", b"\x08" + varint(DataType.STRING) + _block(b"\x42", text.encode()))
    if quality is not None:
        keys += _block(b"\x0a", b"Quality")
        values += _block(b"\x12", b"\x08" + varint(DataType.INT32) + b"\x18" + varint(quality))
    return _block(_PROPERTIES, keys + values)


def metric(
    called: bytes,
    value: Value | int | None,
    ts_ms: int,
    *,
    datatype: DataType | None = None,
    historical: bool = False,
    properties: bytes = b"",
) -> bytes:
    """One metric of a payload.

    Args:
        called: from `name_of`, `alias_of` or both.
        value: None says that there is none; an int is written as INT64, a float as DOUBLE.
        ts_ms: when it was read, UTC.
        datatype: only in births.
        historical: it is old and does not replace what is shown.
        properties: from `property_set`.
    """
    said = called + _TIMESTAMP + varint(ts_ms)
    if datatype is not None:
        said += _DATATYPE + varint(datatype)
    if historical:
        said += _IS_HISTORICAL
    if value is None:
        return _block(b"\x12", said + _IS_NULL + properties)
    said += properties
    if isinstance(value, bool):
        said += _BOOLEAN + (b"\x01" if value else b"\x00")
    elif isinstance(value, float):
        said += _DOUBLE + _double(value)
    elif isinstance(value, str):
        said += _block(_STRING, value.encode())
    else:
        said += _LONG + varint(value & _U64)
    return _block(b"\x12", said)


def payload(ts_ms: int, metrics: Sequence[bytes], seq: int | None) -> bytes:
    """A whole message; `seq` is None in a death certificate of the node only."""
    said = b"\x08" + varint(ts_ms) + b"".join(metrics)
    return said if seq is None else said + b"\x18" + varint(seq)


# ---- reading


def flags(said: bytes) -> dict[str, bool | None]:
    """The names of the metrics in a command, each with its value if that is a flag.

    Raises:
        MalformedError: this is no payload, or too long for a command.
    """
    if len(said) > _MOST_BYTES:
        raise MalformedError(f"{len(said)} bytes are no command")
    found: dict[str, bool | None] = {}
    for number, content in _fields(said):
        if number != 2 or not isinstance(content, bytes):
            continue
        name, flag = "", None
        for inner, what in _fields(content):
            if inner == 1 and isinstance(what, bytes):
                name = what.decode(errors="replace")
            elif inner == 14 and isinstance(what, int):
                flag = bool(what)
        found[name] = flag
    return found


def _fields(said: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(said):
        key, at = _varint_at(said, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint_at(said, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint_at(said, at)
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise MalformedError(f"field {number} is of the unknown kind {kind}")
        if at + size > len(said):
            raise MalformedError("it ends in the middle of a field")
        yield number, said[at : at + size]
        at += size


def _varint_at(said: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(said) and shift < 70:
        byte = said[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise MalformedError("it ends in the middle of a number")
