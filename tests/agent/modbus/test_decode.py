import math
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.address import Table
from agent.modbus.decode import compile_block
from agent.modbus.meaning import explain, judge
from agent.modbus.plan import block_of
from agent.profile import Format, Point
from agent.reading import Quality, Text

GOOD, BAD, ABSENT, UNCERTAIN = Quality.GOOD, Quality.BAD, Quality.ABSENT, Quality.UNCERTAIN
REGISTERS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4, "bool": 1}
BITS = {0: Text("a", "a"), 3: Text("b", "b"), 31: Text("c", "c")}
STATES = {0: "off", 1: "running"}


def a_point(kind, *, name="p", address=0, table=Table.HOLDING, registers=None, **form):
    form["absent"] = frozenset(form.get("absent", ()))
    counter = form.pop("counter", False)
    if kind.startswith("string:"):
        kind, registers = "string", int(kind[7:])
    return Point(name, table, address, Format(kind, registers or REGISTERS[kind], **form), counter=counter)


def decoded(point, words):
    values, faults = compile_block(block_of([point], 1_000))(words)
    return values[0], faults.get(0, GOOD)


def words(code, value):
    data = pack(f">{code}", value)
    return list(unpack(f">{len(data) // 2}H", data))


TABLE = [
    (a_point("u16"), [0xFFFE], 65534.0, GOOD),
    (a_point("i16"), [0xFFFE], -2.0, GOOD),
    (a_point("u32"), [1, 2], 65538.0, GOOD),
    (a_point("u32", word_order="little"), [1, 2], 131073.0, GOOD),
    (a_point("i32"), [0xFFFF, 0xFFFE], -2.0, GOOD),
    (a_point("i32", word_order="little"), [0xFFFE, 0xFFFF], -2.0, GOOD),
    (a_point("u64"), [0, 1, 0, 2], 4294967298.0, GOOD),
    (a_point("u64", word_order="little"), [2, 0, 1, 0], 4294967298.0, GOOD),
    (a_point("i64"), [0xFFFF] * 3 + [0xFFFE], -2.0, GOOD),
    (a_point("f32"), [17254, 16384], 230.25, GOOD),
    (a_point("f32", word_order="little"), [16384, 17254], 230.25, GOOD),
    (a_point("f32"), words("f", 49.98), 49.98, GOOD),
    (a_point("f32", scale=0.001), words("f", 3729.129), 3.729129, GOOD),
    (a_point("f32", counter=True), words("f", 1234567.9), 1234567.875, GOOD),
    (a_point("f64"), words("d", -1234.5), -1234.5, GOOD),
    (a_point("f64", word_order="little"), words("d", -1234.5)[::-1], -1234.5, GOOD),
    (a_point("bool"), [0], False, GOOD),
    (a_point("bool"), [2], True, GOOD),
    (a_point("bool", absent=[0xFFFF]), [0xFFFF], None, ABSENT),
    (a_point("bool", table=Table.COIL), [1], True, GOOD),
    (a_point("bool", table=Table.DISCRETE), [0], False, GOOD),
    (a_point("string:3"), [0x4142, 0x4320, 0], "ABC", GOOD),
    (a_point("string:3"), [0x0020, 0x4142, 0x0043], "AB", GOOD),
    (a_point("string:2"), [0, 0], None, ABSENT),
    (a_point("string:2"), [0x2020, 0x2020], None, ABSENT),
    (a_point("string:2", absent=[0xFFFF]), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("i16", scale=0.1), [561], 56.1, GOOD),
    (a_point("i16", scale=0.1), [3], 0.3, GOOD),
    (a_point("u16", scale=0.001), [1001], 1.001, GOOD),
    (a_point("u16", scale=-0.001), [0], 0.0, GOOD),
    (a_point("u16", scale=0.1 * 3), [7], 2.1, GOOD),
    (a_point("u16", scale=60), [7], 420.0, GOOD),
    (a_point("u16", scale=1 / 3), [3], 0.999999999999, GOOD),
    (a_point("u16", scale=0.1, raw_offset=-400), [650], 25.0, GOOD),
    (a_point("i16", scale=0.1, absent=[0x8000]), [0x8000], None, ABSENT),
    (a_point("i16", absent=[-32768]), [0x8000], None, ABSENT),
    (a_point("u32", absent=[0xFFFFFFFF]), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("u32", absent=[0xFFFFFFFF], word_order="little"), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("u16", absent=[0xFFFF], range=(0, 100)), [0xFFFF], None, ABSENT),
    (a_point("u16", range=(0, 100)), [6554], None, BAD),
    (a_point("u16", range=(0, 100)), [100], 100.0, GOOD),
    (a_point("f32"), [0x7FC0, 0], None, ABSENT),
    (a_point("f32"), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("f32"), [0x7F80, 0], None, BAD),
    (a_point("f32", range=(-math.inf, math.inf)), [0xFF80, 0], None, BAD),
    (a_point("f32", absent=[0x80000000]), [0, 0], 0.0, GOOD),
    (a_point("f32", absent=[0x7F7FFFFF]), [0x7F7F, 0xFFFF], None, ABSENT),
    (a_point("i16", scale_at=1), [2305, 0xFFFF], 230.5, GOOD),
    (a_point("i16", scale_at=1, scale=0.001), [50, 2], 5.0, GOOD),
    (a_point("i16", scale_at=1), [2305, 0x8000], None, ABSENT),
    (a_point("i16", scale_at=1), [2305, 11], None, BAD),
    (a_point("i16", scale_at=1, absent=[0x8000]), [0x8000, 0], None, ABSENT),
    (a_point("i16", address=5, scale_at=-2), [0xFFFE, 9, 12345], 123.45, GOOD),
    (a_point("i16", scale_at=1, percent=True), [985, 0xFFFF], 0.985, GOOD),
    (a_point("i16", scale_at=1, percent=True), [985, 0xFFFD], 0.985, GOOD),
    (a_point("f32", percent=True, range=(-1, 1)), [0x42C8, 0], 1.0, GOOD),
    (a_point("f32", percent=True, range=(-1, 1)), [0x437A, 0], None, BAD),
    (a_point("f32", percent=True), [0x7F80, 0], None, BAD),
    (a_point("u16", states=STATES), [1], "running", GOOD),
    (a_point("u16", states=STATES), [7], "unknown:7", UNCERTAIN),
    (a_point("u16", states=STATES, absent=[0xFFFF]), [0xFFFF], None, ABSENT),
    (a_point("u16", bits=BITS), [9], "0,3", GOOD),
    (a_point("u16", bits=BITS), [0], "", GOOD),
    (a_point("u16", bits=BITS), [0x8010], "4,15", GOOD),
    (a_point("u32", bits=BITS), [0x8000, 1], "0,31", GOOD),
    (a_point("u32", bits=BITS, absent=[0xFFFFFFFF]), [0xFFFF, 0xFFFF], None, ABSENT),
    (a_point("u16", table=Table.COIL, states={0: "open", 1: "closed"}), [1], "closed", GOOD),
]


@pytest.mark.parametrize(("point", "registers", "value", "quality"), TABLE)
def test_known_answers(point, registers, value, quality):
    assert decoded(point, registers) == (value, quality)
    assert type(decoded(point, registers)[0]) is type(value)


@pytest.mark.parametrize(("point", "registers", "value", "quality"), TABLE)
def test_the_plain_statement_gives_the_same_answers_and_says_why(point, registers, value, quality):
    assert judge(point, registers)[:2] == (value, quality)
    assert (explain(point, registers) is None) == (quality is GOOD)


@pytest.mark.parametrize(
    ("point", "registers", "why"),
    [
        (a_point("i16", absent=[0x8000]), [0x8000], "not available (0x8000)"),
        (a_point("u16", range=(0, 100)), [6554], "6554 is outside 0..100"),
        (a_point("i16", scale_at=1), [1, 0x8000], "its scale register holds 0x8000"),
        (a_point("i16", scale_at=1), [1, 300], "the scale register holds 300, outside -10..10"),
        (a_point("f32"), [0x7F80, 0], "infinity (0x7F800000)"),
        (a_point("u16", states=STATES), [7], "7 is not among the known states"),
    ],
)
def test_the_reason_is_in_words(point, registers, why):
    assert why in explain(point, registers)


def test_one_register_serves_several_points_and_the_order_is_the_blocks():
    points = [
        a_point("u16", name="state", states=STATES, address=3),
        a_point("i16", name="power", address=0, scale_at=2),
        a_point("u16", name="faults", bits=BITS, address=3),
        a_point("u16", name="raw", address=3),
        a_point("i16", name="volts", address=1, scale_at=1),
        a_point("u32", name="wide", address=0, word_order="little"),
    ]
    values, faults = compile_block(block_of(points, 1_000))([100, 2300, 0xFFFF, 1])
    assert values == ["running", 10.0, "0", 1.0, 230.0, 2300.0 * 65536 + 100]
    assert faults == {}


def test_what_cannot_be_decoded_is_refused_when_the_block_is_prepared():
    with pytest.raises(ValueError, match="cannot be decoded"):
        compile_block(block_of([a_point("u24", registers=2)], 1_000))
    with pytest.raises(ValueError, match="takes 1 registers, not 2"):
        compile_block(block_of([a_point("u16", registers=2)], 1_000))
    with pytest.raises(ValueError, match="scale"):
        compile_block(block_of([a_point("u16", scale=1e300)], 1_000))


@st.composite
def numbers_and_texts(draw, name):
    kind = draw(st.sampled_from([*REGISTERS, "string:3"]))
    form = {
        "word_order": draw(st.sampled_from(["big", "little"])),
        "byte_order": draw(st.sampled_from(["big", "little"])),
        "absent": draw(st.frozensets(st.integers(0, 0xFFFF), max_size=2)),
    }
    if kind not in ("bool", "string:3"):
        form["scale"] = draw(st.sampled_from([1.0, 0.1, 0.001, -0.01, 2.5]))
        form["range"] = draw(st.sampled_from([None, (0.0, 100.0)]))
        form["percent"] = draw(st.booleans())
        if kind[0] in "ui":
            form["scale_at"] = draw(st.sampled_from([None, -1, 4]))
            form["mask"] = draw(st.sampled_from([None, None, 0x0FF0]))
            form["plus"] = draw(st.sampled_from([(), (), ((7, 10),)]))
            extra = draw(st.sampled_from(["none", "states", "bits"]))
            if extra != "none":
                form[extra] = STATES if extra == "states" else BITS
                form |= {"scale": 1.0, "scale_at": None, "range": None, "percent": False, "plus": ()}
    return a_point(kind, name=name, address=draw(st.integers(1, 30)), **form)


@given(st.data())
def test_a_block_says_what_each_of_its_points_says_alone(data):
    points = [data.draw(numbers_and_texts(f"p{i}")) for i in range(data.draw(st.integers(1, 8)))]
    block = block_of(points, 1_000)
    word = st.one_of(
        st.sampled_from([0, 1, 2, 0x7FC0, 0x7F80, 0x8000, 0xFFFF, 0xFFFE]), st.integers(0, 0xFFFF)
    )
    registers = data.draw(st.lists(word, min_size=block.span.count, max_size=block.span.count))
    values, faults = compile_block(block)(registers)
    for index, point in enumerate(points):
        at = point.span.start - block.span.start
        value, quality, _ = judge(point, registers[at : at + point.span.count])
        assert (values[index], faults.get(index, GOOD)) == (value, quality)
        assert (value is not None) == quality.has_value
