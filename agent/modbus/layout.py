"""How the data bytes of one block are taken apart: as few precompiled structs as possible.

Points may overlap (a state and its fault bits in one register, many points with
one scale register) and may have the low word first. Equal fields are unpacked
once; overlapping ones go to a further layer; low-word-first ones are read from
the block with its words reversed, where they stand high word first.
"""

from array import array
from collections.abc import Callable, Sequence
from struct import Struct, calcsize
from typing import Any, TypeAlias

from agent.modbus.address import Span
from agent.profile import Format

Field: TypeAlias = tuple[bool, int, str]
"""Whether in the reversed block; first byte; struct code."""

Unpack: TypeAlias = Callable[[bytes], Sequence[Any]]

_CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
_UNSIGNED = {1: "H", 2: "I", 4: "Q"}

TYPES = frozenset({*_CODES, "bool", "string"})
"""What can be decoded."""


def code_of(form: Format) -> str:
    """The struct code of a value in registers.

    Raises:
        ValueError: an unknown type, or a width that the type does not have.
    """
    if form.type == "string":
        return f"{2 * form.registers}s"
    code = _UNSIGNED.get(form.registers) if form.type == "bool" else _CODES.get(form.type)
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
            return self._keep((False, address - self._span.start, "bit"))
        code = code_of(form)
        size = calcsize(f">{code}")
        if size != 2 * form.registers:
            raise ValueError(f"the type {form.type} takes {size // 2} registers, not {form.registers}")
        first = 2 * (address - self._span.start)
        if form.word_order == "little" and form.registers > 1 and form.type != "string":
            return self._keep((True, 2 * self._span.count - first - size, code))
        return self._keep((False, first, code))

    def add_exponent(self, address: int) -> Field:
        """A scale register."""
        return self._keep((False, 2 * (address - self._span.start), "h"))

    def finish(self) -> tuple[Unpack, dict[Field, int]]:
        """The unpacking function, and where in its result each field stands."""
        if self._span.table.is_bits:
            count = self._span.count
            return (lambda data: [data[i >> 3] >> (i & 7) & 1 for i in range(count)]), {
                field: field[1] for field in self._fields
            }
        layers: list[tuple[bool, list[Field]]] = []
        for field in sorted(self._fields):
            for is_reversed, fields in layers:
                if is_reversed is field[0] and _end(fields[-1]) <= field[1]:
                    fields.append(field)
                    break
            else:
                layers.append((field[0], [field]))
        where: dict[Field, int] = {}
        parts: list[tuple[bool, Struct]] = []
        for is_reversed, fields in layers:
            where |= {field: len(where) + i for i, field in enumerate(fields)}
            parts.append((is_reversed, _struct(fields, 2 * self._span.count)))
        return _unpacker(parts), where

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


def _unpacker(parts: Sequence[tuple[bool, Struct]]) -> Unpack:
    if len(parts) == 1 and not parts[0][0]:
        return parts[0][1].unpack
    straight = tuple(s.unpack for is_reversed, s in parts if not is_reversed)
    mirrored = tuple(s.unpack for is_reversed, s in parts if is_reversed)

    def unpack(data: bytes) -> Sequence[Any]:
        raw: list[Any] = []
        for part in straight:
            raw += part(data)
        if mirrored:
            words_reversed = array("H", data)[::-1].tobytes()
            for part in mirrored:
                raw += part(words_reversed)
        return raw

    return unpack
