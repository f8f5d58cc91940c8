"""By what a device model is known, and how sure that makes us. Pure.

Each mark leaves a doubt: how likely some other device would show the same there. The doubts
of a fingerprint's marks multiply, since each stands in registers of its own:

    a text that fits a pattern, a product code or model name of 43/14     0.1
    one of some whole numbers, none of them 0, 1 or all bits set          0.2
    one of some whole numbers, a common one among them; a vendor's name   0.5
    a number inside limits                                                0.5, all such together 0.3 at least
    a SunSpec chain with every mandatory point of the profile's kind      0.02

The confidence is (1 - doubt) x the share of the profile's points that the device then gives
plausibly x 0.7 for each reading that contradicts another (`agent.commission`).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from agent.modbus.address import Table
from agent.modbus.meaning import judge
from agent.profile import Fingerprint, Mark, Point, Profile

DOUBT_OF_CHAIN = 0.02
_DOUBT_OF_TEXT = 0.1
_DOUBT_OF_NUMBER = 0.2
_DOUBT_OF_LITTLE = 0.5
_LEAST_DOUBT_OF_RANGES = 0.3
_CONTRADICTED = 0.7
SURE = 0.8
"""From this confidence on a proposal may be taken without a second look."""


def is_marked(mark: Mark, words: Sequence[int]) -> bool:
    """Whether the words of `mark.span` are what the mark says."""
    value = judge(Point("mark", mark.table, mark.address, mark.format), words)[0]
    if mark.texts:
        return isinstance(value, str) and fits(value, mark.texts)
    if value is None or isinstance(value, str):
        return False
    if mark.range is not None:
        return bool(mark.range[0] <= value <= mark.range[1])
    return value in mark.equals


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text fits one of the patterns; `*` stands for anything, `?` for one character."""
    return any(fnmatchcase(text.upper(), pattern.upper()) for pattern in patterns)


def doubt_of_answers(fingerprint: Fingerprint, vendor: str, products: Sequence[str]) -> float | None:
    """The same for what the device says of itself: its vendor, and its product or model names."""
    doubt = 1.0
    if fingerprint.vendor:
        if not fits(vendor, fingerprint.vendor):
            return None
        doubt *= _DOUBT_OF_LITTLE
    if fingerprint.product:
        if not any(fits(product, fingerprint.product) for product in products):
            return None
        doubt *= _DOUBT_OF_TEXT
    return doubt if doubt < 1.0 else None


def doubt_of_marks(marks: Iterable[Mark]) -> float:
    """What is left of doubt where all these marks fit; 1 without any."""
    doubt, of_ranges = 1.0, 1.0
    for mark in marks:
        if mark.texts:
            doubt *= _DOUBT_OF_TEXT
        elif mark.range is not None:
            of_ranges *= _DOUBT_OF_LITTLE
        else:
            common = {0, 1, (1 << 16 * mark.format.registers) - 1}
            doubt *= _DOUBT_OF_LITTLE if common & set(mark.equals) else _DOUBT_OF_NUMBER
    return doubt * max(of_ranges, _LEAST_DOUBT_OF_RANGES if of_ranges < 1 else 0)


def confidence(doubt: float, plausible_share: float, contradictions: int) -> float:
    """How sure a proposal is, 0 to 1; see the module."""
    return round((1 - doubt) * plausible_share * _CONTRADICTED**contradictions, 2)


def image(profile: Profile) -> Mapping[tuple[Table, int], int]:
    """Words by which a simulated device of this profile is known: table and address → word.

    A number inside limits is left to the point that measures it, where there is one.
    """
    words: dict[tuple[Table, int], int] = {}
    for mark in profile.identify.marks if profile.identify is not None else ():
        measured = any(_measures(point, mark) for point in profile.points)
        if mark.range is None or not measured:
            words |= {(mark.table, at): word for at, word in enumerate(_example(mark), mark.address)}
    return words


def _measures(point: Point, mark: Mark) -> bool:
    one, other = point.span, mark.span
    overlaps = one.table is other.table and one.start < other.end and other.start < one.end
    return overlaps and (point.unit != "" or point.value_type != "number")


def _example(mark: Mark) -> Sequence[int]:
    if mark.table.is_bits:
        return mark.equals[:1]
    registers = mark.format.registers
    if mark.texts:
        data = example(mark.texts).encode().ljust(2 * registers, b"\0")[: 2 * registers]
        return struct.unpack(f">{registers}H", data)
    number = mark.equals[0] if mark.range is None else sum(mark.range) / 2
    if mark.format.type in ("f32", "f64"):
        raw = struct.pack(">f" if registers == 2 else ">d", number)
    else:
        raw = int(number).to_bytes(2 * registers, signed=number < 0)
    words = struct.unpack(f">{registers}H", raw)
    return words if mark.format.word_order == "big" else words[::-1]


def example(patterns: Sequence[str]) -> str:
    """The shortest text that fits the first pattern."""
    return patterns[0].replace("*", "").replace("?", "0") if patterns else ""
