"""SunSpec model definitions, compiled once into offsets.

The definitions are the JSON files that the package `pysunspec2` ships; its client is
never imported. Offsets count from the register that holds the model's id. Sentinels
("not implemented") are those of the SunSpec Device Information Model Specification V1.1.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One point of a model: where it lies in its group, and how it is written."""

    name: str
    type: str
    offset: int
    registers: int
    absent: frozenset[int]
    scale_field: str | None = None
    scale: float = 1.0
    """From definitions whose scale factor is a constant."""
    symbols: Mapping[str, int] = field(default_factory=dict)
    is_flags: bool = False
    """A bit field; `symbols` are bit numbers."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A group that comes several times at the end of a model."""

    name: str
    offset: int
    registers: int
    fields: Mapping[str, Field]
    count_field: str | None
    """The point of the model that says how often, where there is one."""

    def count_in(self, length: int) -> int:
        """How many whole ones a model of this announced length holds."""
        return max(0, (length + 2 - self.offset) // self.registers)


@dataclass(frozen=True, slots=True)
class Definition:
    """A model: its fixed fields, its repeated groups, and the registers of the fixed part."""

    id: int
    fields: Mapping[str, Field]
    groups: Mapping[str, Repeated]
    registers: int


@cache
def definition(model: int) -> Definition | None:
    """The model of this id, or None where the package has none (vendors' own models)."""
    file = files("sunspec2") / "models" / "json" / f"model_{model}.json"
    if not file.is_file():
        return None
    group = json.loads(file.read_bytes())["group"]
    fields, end = _fields(group)
    groups: dict[str, Repeated] = {}
    for inner in group.get("groups", ()):
        inner_fields, size = _fields(inner)
        count = inner.get("count", 1)
        name = count if isinstance(count, str) else "N" if count == 0 and "N" in fields else None
        groups[inner["name"]] = Repeated(inner["name"], end, size, inner_fields, name)
        if not isinstance(count, int) or count == 0 or inner.get("groups"):
            break
        end += size * count
    return Definition(model, fields, groups, end)


IN_GROUP = re.compile(r"(?P<group>\w+)\[(?P<index>\d+|\{n\})\]\.(?P<point>\w+)")
"""A point of a repeated group: `module[1].DCV`, or `module[{n}].DCV` for all of them."""


def has_point(model: int, place: str) -> bool:
    """Whether the model's definition has this point, written plainly or as in `IN_GROUP`."""
    known = definition(model)
    if known is None:
        return False
    match = IN_GROUP.fullmatch(place)
    if match is None:
        return place in known.fields
    return match["group"] in known.groups and match["point"] in known.groups[match["group"]].fields


_KINDS = {
    "int16": ("i16", 0x8000),
    "int32": ("i32", 0x80000000),
    "int64": ("i64", 0x8000000000000000),
    "uint16": ("u16", 0xFFFF),
    "uint32": ("u32", 0xFFFFFFFF),
    "uint64": ("u64", 0xFFFFFFFFFFFFFFFF),
    "count": ("u16", 0),
    "acc16": ("u16", 0),
    "acc32": ("u32", 0),
    "acc64": ("u64", 0),
    "enum16": ("u16", 0xFFFF),
    "enum32": ("u32", 0xFFFFFFFF),
    "bitfield16": ("u16", 0xFFFF),
    "bitfield32": ("u32", 0xFFFFFFFF),
    "bitfield64": ("u64", 0xFFFFFFFFFFFFFFFF),
    "sunssf": ("i16", 0x8000),
    "pad": ("u16", 0x8000),
    "float32": ("f32", None),
    "float64": ("f64", None),
    "string": ("string", None),
}


def _fields(group: Mapping[str, Any]) -> tuple[dict[str, Field], int]:
    """The group's own points by name, and how many registers they take."""
    fields: dict[str, Field] = {}
    offset = 0
    for point in group["points"]:
        kind, absent = _KINDS.get(point["type"], (None, None))
        scale_factor = point.get("sf")
        if kind is not None:
            fields[point["name"]] = Field(
                name=point["name"],
                type=kind,
                offset=offset,
                registers=point["size"],
                absent=frozenset() if absent is None else frozenset({absent}),
                scale_field=scale_factor if isinstance(scale_factor, str) else None,
                scale=10.0**scale_factor if isinstance(scale_factor, int) else 1.0,
                symbols={symbol["name"]: symbol["value"] for symbol in point.get("symbols", ())},
                is_flags=point["type"].startswith("bitfield"),
            )
        offset += point["size"]
    return fields, offset
