"""A profile's samples: recorded registers must mean what the profile says that they mean."""

import math
from collections.abc import Iterator, Mapping, Sequence

from agent.document import Document, Fault
from agent.modbus.address import Table
from agent.modbus.meaning import judge
from agent.profile import Point, Profile, Sample
from agent.reading import Value

TOLERANCE = 0.002
"""Relative; people write down what a display shows, which is rounded."""


def sample_name_errors(profile: Profile, document: Document) -> Iterator[Fault]:
    """Points that only the samples know; those of SunSpec devices need the device's chain."""
    known = {point.name for point in profile.points}
    for index, sample in enumerate(profile.samples if profile.sunspec is None else ()):
        for name in sample.expect.keys() - known:
            message = f"the sample expects {name!r}, which is no point of this profile"
            yield document.fault(("samples", index, "expect", name), message, "correct the name")


def sample_errors(profile: Profile, document: Document) -> Iterator[Fault]:
    """Where the registers of a sample say something else than it expects; the points must be sound."""
    points = {point.name: point for point in profile.points}
    for index, sample in enumerate(profile.samples if profile.sunspec is None else ()):
        for name, wanted in sample.expect.items():
            yield from _differing(points[name], sample, wanted, document, ("samples", index, "expect", name))


def _differing(
    point: Point, sample: Sample, wanted: Value | None, document: Document, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    span = point.span
    registers = _registers(sample, point.table)
    words = [registers.get(address) for address in range(span.start, span.end)]
    if None in words:
        message = (
            f"the sample has no {point.table} {span.start + words.index(None)}, which {point.name!r} needs"
        )
        yield document.fault(at, message, "add the register to the sample or remove what is expected")
        return
    value, _, why = judge(point, [word for word in words if word is not None])
    if not _same(value, wanted):
        read = f"say {value!r}" if value is not None else f"give no value: {why}"
        message = f"the sample expects {wanted!r} for {point.name!r}, but its registers {read}"
        yield document.fault(at, message, "correct the point or the sample")


def _registers(sample: Sample, table: Table) -> dict[int, int]:
    blocks: Mapping[Table, Mapping[int, Sequence[int]]] = {
        Table.HOLDING: sample.holding,
        Table.INPUT: sample.input,
        Table.COIL: sample.coil,
        Table.DISCRETE: sample.discrete,
    }
    return {
        start + offset: word for start, words in blocks[table].items() for offset, word in enumerate(words)
    }


def _same(value: Value | None, wanted: Value | None) -> bool:
    if isinstance(value, float) and isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return math.isclose(value, wanted, rel_tol=TOLERANCE, abs_tol=1e-9)
    return value == wanted
