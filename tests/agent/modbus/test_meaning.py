"""Points that take more than one plain register: known answers, by block and alone."""

from struct import pack, unpack

import pytest

from agent.modbus.address import Table
from agent.modbus.decode import compile_block
from agent.modbus.layout import REGISTERS
from agent.modbus.meaning import explain, judge
from agent.modbus.plan import block_of
from agent.profile import Format, Point
from agent.reading import Quality, Text

GOOD, BAD, ABSENT, UNCERTAIN = Quality.GOOD, Quality.BAD, Quality.ABSENT, Quality.UNCERTAIN
STATES = {0: "off", 1: "running"}


def a_point(kind, *, name="p", address=0, counter=False, table=Table.HOLDING, **form):
    kind, _, registers = kind.partition(":")
    form["absent"] = frozenset(form.get("absent", ()))
    return Point(
        name, table, address, Format(kind, int(registers or REGISTERS[kind]), **form), counter=counter
    )


def says(point, words):
    """The same answer twice: from the plain statement and from a block in which it is one of three."""
    plain = judge(point, words)[:2]
    span = point.span
    words = [7, *words, 7]
    beside = a_point("u16", name="before", address=span.start - 1), a_point("u16", name="b", address=span.end)
    values, faults = compile_block(block_of([beside[0], point, beside[1]], 1_000))(words)
    assert (values[1], faults.get(1, GOOD)) == plain
    assert (values[0], values[2]) == (7.0, 7.0)
    assert (explain(point, words[1:-1]) is None) == (plain[1] is GOOD)
    return plain


NUMBERS = {
    "u16": ("H", 0xFEDC),
    "i16": ("h", -292),
    "u32": ("I", 0xFEDCBA98),
    "i32": ("i", -19_088_744),
    "u64": ("Q", 0x0123456789ABCDEF),
    "i64": ("q", -81_985_529_216_486_896),
    "f32": ("f", -230.25),
    "f64": ("d", 49.987654321),
}
ORDERS = [
    ("big", "big", lambda data: data),
    ("little", "big", lambda data: b"".join(data[at : at + 2] for at in range(len(data) - 2, -1, -2))),
    ("big", "little", lambda data: b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))),
    ("little", "little", lambda data: data[::-1]),
]


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize(("word_order", "byte_order", "turned"), ORDERS)
def test_every_type_in_every_order(kind, word_order, byte_order, turned):
    code, value = NUMBERS[kind]
    wire = turned(pack(f">{code}", value))
    words = list(unpack(f">{len(wire) // 2}H", wire))
    point = a_point(kind, address=10, word_order=word_order, byte_order=byte_order)
    assert says(point, words) == (float(value), GOOD)


@pytest.mark.parametrize(("word_order", "byte_order", "words"), [
    ("big", "big", [0x4366, 0x4000]),
    ("little", "big", [0x4000, 0x4366]),
    ("big", "little", [0x6643, 0x0040]),
    ("little", "little", [0x0040, 0x6643]),
])  # fmt: skip
def test_the_four_orders_of_230_25_in_a_single(word_order, byte_order, words):
    assert says(a_point("f32", address=1, word_order=word_order, byte_order=byte_order), words) == (
        230.25,
        GOOD,
    )


P = 100
MADE = [
    # parts of a register
    (a_point("u16", mask=0x00FF), [0x0301], 1.0, GOOD),
    (a_point("u16", mask=0xFF00), [0x0301], 3.0, GOOD),
    (a_point("i16", mask=0xFF00), [0xFE01], -2.0, GOOD),
    (a_point("i16", mask=0x000F), [0x0FF9], -7.0, GOOD),
    (a_point("u32", mask=0xFFFFFF), [0x1201, 0x0203], 66_051.0, GOOD),
    (a_point("i32", mask=0xFFFFFF, scale=0.1), [0x00FF, 0xFFFE], -0.2, GOOD),
    (a_point("u32", mask=0x7F00, states={1: "charging"}), [0, 0x0100], "charging", GOOD),
    (a_point("u16", mask=0x00FF, states=STATES), [0x0507], "unknown:7", UNCERTAIN),
    (a_point("u16", mask=0x00FF, absent=[0xFF]), [0x01FF], None, ABSENT),
    (a_point("u16", mask=0xFF00, bits={0: Text("a", "a"), 7: Text("b", "b")}), [0x81FF], "0,7", GOOD),
    (a_point("bool", mask=0x0010), [0x0010], True, GOOD),
    (a_point("bool", mask=0x0010), [0xFFEF], False, GOOD),
    # high words that lie apart
    (a_point("i32", address=P, high_at=3), [0xFF9C, 1, 2, 0xFFFF], -100.0, GOOD),
    (a_point("i32", address=P, high_at=-2, scale=0.001), [0, 9, 1_500], 1.5, GOOD),
    (a_point("f32", address=P, high_at=2), [0x4000, 0, 0x4366], 230.25, GOOD),
    (a_point("u32", address=P, high_at=1, byte_order="little"), [0x0200, 0x0100], 65_538.0, GOOD),
    (a_point("u32", address=P, high_at=1, absent=[0xFFFFFFFF]), [0xFFFF, 0xFFFF], None, ABSENT),
    # sums
    (a_point("u16", address=P, plus=((1, 1),)), [1_000, 500], 1_500.0, GOOD),
    (a_point("u16", address=P, plus=((-1, 1_000),)), [12, 345], 12_345.0, GOOD),
    (a_point("u16", address=P, plus=((1, -1),), scale=0.001), [0, 2_500], -2.5, GOOD),
    (a_point("u32", address=P, plus=((2, 1),), word_order="little"), [1, 0, 2, 1], 65_539.0, GOOD),
    (a_point("u16", address=P, plus=((1, 0.5),)), [10, 5], 12.5, GOOD),
    (a_point("u16", address=P, plus=((1, 1),), absent=[0xFFFF]), [10, 0xFFFF], None, ABSENT),
    (a_point("u16", address=P, plus=((1, 1),), raw_offset=-100, range=(0, 50)), [70, 90], None, BAD),
    # signs
    (a_point("u16", address=P, sign_at=(-1, 0x0004)), [0x0006, 250], -250.0, GOOD),
    (a_point("u16", address=P, sign_at=(-1, 0x0004)), [0x0002, 250], 250.0, GOOD),
    (a_point("u16", mask=0x7FFF, sign_at=(0, 0x8000)), [0x8064], -100.0, GOOD),
    (a_point("u32", mask=0x7FFFFFFF, sign_at=(0, 0x8000)), [0x8000, 0x0064], -100.0, GOOD),
    # factors elsewhere
    (a_point("i16", address=P, times_at=(1,)), [5, 40], 200.0, GOOD),
    (a_point("i16", address=P, times_at=(1, 2), scale=0.1), [5, 40, 10], 200.0, GOOD),
    (a_point("f32", address=P, times_at=(2,)), [0x4247, 0xEB85, 2], 99.96, GOOD),
    (a_point("u16", address=P, times_at=(1,), range=(0, 100)), [5, 40], None, BAD),
    (a_point("i16", address=P, scale_at=1, scales={0: 1, 1: 0.1, -1: 10}), [123, 1], 12.3, GOOD),
    (a_point("i16", address=P, scale_at=1, scales={0: 1, 1: 0.1, -1: 10}), [123, 0xFFFF], 1_230.0, GOOD),
    (a_point("i16", address=P, scale_at=1, scales={0: 1}), [123, 5], None, BAD),
    (a_point("u16", address=P, scale_at=1, scale_mask=0xFF00, scales={3: 0.1}), [123, 0x0307], 12.3, GOOD),
    (a_point("u16", address=P, scale_at=1, scale_mask=0x000F), [123, 0xFFF2], 12_300.0, GOOD),
    (a_point("i16", address=P, times_at=(1,), scale_at=2), [5, 40, 0x8000], None, ABSENT),
    (a_point("i16", address=P, times_at=(1,), scale_at=2), [5, 40, 0xFFFF], 20.0, GOOD),
    # further widths and digits
    (a_point("u48"), [1, 0, 2], 4_294_967_298.0, GOOD),
    (a_point("u48", word_order="little"), [2, 0, 1], 4_294_967_298.0, GOOD),
    (a_point("i48"), [0xFFFF, 0xFFFF, 0xFFFE], -2.0, GOOD),
    (a_point("i48", absent=[1 << 47]), [0x8000, 0, 0], None, ABSENT),
    (a_point("bcd16", scale=0.1), [0x2301], 230.1, GOOD),
    (a_point("bcd32"), [0x1234, 0x5678], 12_345_678.0, GOOD),
    (a_point("bcd32", word_order="little"), [0x5678, 0x1234], 12_345_678.0, GOOD),
    (a_point("bcd48", byte_order="little"), [0, 0, 0x3412], 1_234.0, GOOD),
    (a_point("bcd16"), [0x12A4], None, BAD),
    (a_point("bcd16", absent=[0xFFFF]), [0xFFFF], None, ABSENT),
    # texts
    (a_point("string:2", byte_order="little"), [0x4241, 0x0043], "ABC", GOOD),
    (a_point("hex:3"), [0x0012, 0x3456, 0x789A], "00123456789A", GOOD),
    (a_point("hex:2", absent=[0xFFFF]), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("bytes:2"), [0x030A, 0x2A00], "3.10.42.0", GOOD),
    (a_point("bytes:2"), [0, 0], None, ABSENT),
]  # fmt: skip


@pytest.mark.parametrize(("point", "words", "value", "quality"), MADE)
def test_known_answers(point, words, value, quality):
    shifted = Point(point.name, point.table, point.address + 5, point.format)
    assert says(shifted, words) == (value, quality)


@pytest.mark.parametrize(
    ("point", "words", "why"),
    [
        (a_point("bcd16"), [0x12A4], "these are no decimal digits (0x12A4)"),
        (a_point("i16", scale_at=1, scales={0: 1}), [1, 5], "holds 5, which the profile does not know"),
        (a_point("u32", high_at=1, absent=[0xFFFFFFFF]), [0xFFFF, 0xFFFF], "not available (0xFFFFFFFF)"),
        (a_point("u16", byte_order="little", absent=[0xFF00]), [0x00FF], "not available (0x00FF)"),
        (a_point("time_bytes"), [0x1A0D, 0x0101, 0x0101], "shows no date (0x1A0D01010101)"),
    ],
)
def test_the_reason_shows_the_words_as_they_came(point, words, why):
    assert why in explain(point, words)


def test_a_scale_register_that_changes_between_two_polls_changes_the_next_value():
    decode = compile_block(block_of([a_point("i16", scale_at=1)], 1_000))
    assert [decode(words)[0][0] for words in ([2305, 0xFFFF], [2305, 0xFFFE], [231, 0])] == [
        230.5,
        23.05,
        231.0,
    ]


def test_a_wrong_width_is_refused_when_the_point_is_prepared():
    with pytest.raises(ValueError, match="takes 3 registers, not 2"):
        compile_block(block_of([a_point("u48:2")], 1_000))
    with pytest.raises(ValueError, match="needs 1 words, not 2"):
        judge(a_point("u16"), [1, 2])
