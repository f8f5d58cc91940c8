"""How the data bytes of one block are taken apart: as few precompiled structs as possible.

Points may overlap (a state and its fault bits in one register, many points with
one scale register), may have the low word first and may have their bytes swapped.
Equal fields are unpacked once; overlapping ones go to a further layer; those in
another order are read from the block turned over, where they stand in ours.
"""

from array import array
from collections.abc import Callable, Sequence
from struct import Struct, calcsize
from typing import Any, TypeAlias

from agent.modbus.address import Span
from agent.profile import TEXT_TYPES, Format

Field: TypeAlias = tuple[int, int, str]
"""How the block is turned over; first byte; struct code."""

Unpack: TypeAlias = Callable[[bytes], Sequence[Any]]

CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
"""Struct codes of numbers that a struct can unpack."""
_UNSIGNED = {1: "H", 2: "I", 4: "Q"}
_WORDS_REVERSED, _BYTES_SWAPPED = 1, 2

# fmt: off
REGISTERS = {
    "u16": 1, "i16": 1, "u32": 2, "i32": 2, "u48": 3, "i48": 3, "u64": 4, "i64": 4, "f32": 2, "f64": 4,
    "bcd16": 1, "bcd32": 2, "bcd48": 3, "bcd64": 4, "bool": 1,
    "time_unix": 2, "time_words": 6, "time_bytes": 3, "time_bcd": 3, "time_iec870": 4,
}
# fmt: on
"""Registers of each type of fixed width."""

TYPES = frozenset({*REGISTERS, *TEXT_TYPES})
"""What can be decoded."""


def code_of(form: Format) -> str:
    """The struct code of a value in registers.

    Raises:
        ValueError: an unknown type, or a width that the type does not have.
    """
    if form.type in TEXT_TYPES:
        return f"{2 * form.registers}s"
    code = _UNSIGNED.get(form.registers) if form.type == "bool" else CODES.get(form.type)
    if code is None:
        raise ValueError(f"the type {form.type} cannot be decoded; use one of {', '.join(sorted(TYPES))}")
    return code


class Layout:
    """Collects the fields of a block, then makes the function that takes a reply apart."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._fields: set[Field] = set()

    def add(self, address: int, form: Format) -> Field:
        """A value at `address`.

        Raises:
            ValueError: its type's width is not what the format says.
        """
        if self._span.table.is_bits:
            return self._keep((0, address - self._span.start, "bit"))
        code = code_of(form)
        size = calcsize(f">{code}")
        if size != 2 * form.registers:
            raise ValueError(f"the type {form.type} takes {size // 2} registers, not {form.registers}")
        turned = _BYTES_SWAPPED if form.byte_order == "little" else 0
        if form.word_order == "little" and form.registers > 1 and form.type not in TEXT_TYPES:
            turned |= _WORDS_REVERSED
        return self._keep((turned, self._first(address, size, turned), code))

    def add_exponent(self, address: int, form: Format) -> Field:
        """A scale register."""
        turned = _BYTES_SWAPPED if form.byte_order == "little" else 0
        return self._keep((turned, self._first(address, 2, turned), "h"))

    def finish(self) -> tuple[Unpack, dict[Field, int]]:
        """The unpacking function, and where in its result each field stands."""
        if self._span.table.is_bits:
            count = self._span.count
            return (lambda data: [data[i >> 3] >> (i & 7) & 1 for i in range(count)]), {
                field: field[1] for field in self._fields
            }
        layers: list[list[Field]] = []
        for field in sorted(self._fields):
            for layer in layers:
                if layer[0][0] == field[0] and _end(layer[-1]) <= field[1]:
                    layer.append(field)
                    break
            else:
                layers.append([field])
        where: dict[Field, int] = {}
        parts: list[tuple[int, Struct]] = []
        for layer in layers:
            where |= {field: len(where) + i for i, field in enumerate(layer)}
            parts.append((layer[0][0], _struct(layer, 2 * self._span.count)))
        return _unpacker(parts), where

    def _first(self, address: int, size: int, turned: int) -> int:
        first = 2 * (address - self._span.start)
        return 2 * self._span.count - first - size if turned & _WORDS_REVERSED else first

    def _keep(self, field: Field) -> Field:
        self._fields.add(field)
        return field


def _end(field: Field) -> int:
    return field[1] + calcsize(f">{field[2]}")


def _struct(fields: Sequence[Field], size: int) -> Struct:
    form, at = ">", 0
    for field in fields:
        _, first, code = field
        form += f"{first - at}x{code}"
        at = _end(field)
    return Struct(f"{form}{size - at}x")


def _unpacker(parts: Sequence[tuple[int, Struct]]) -> Unpack:
    if len(parts) == 1 and not parts[0][0]:
        return parts[0][1].unpack
    by_turn = [
        (turned, tuple(s.unpack for own, s in parts if own == turned))
        for turned in sorted({turned for turned, _ in parts})
    ]

    def unpack(data: bytes) -> Sequence[Any]:
        raw: list[Any] = []
        for turned, unpacks in by_turn:
            block = _turned(data, turned) if turned else data
            for part in unpacks:
                raw += part(block)
        return raw

    return unpack


def _turned(data: bytes, turned: int) -> bytes:
    if turned == _WORDS_REVERSED | _BYTES_SWAPPED:
        return data[::-1]
    words = array("H", data)
    if turned == _WORDS_REVERSED:
        return words[::-1].tobytes()
    words.byteswap()
    return words.tobytes()
