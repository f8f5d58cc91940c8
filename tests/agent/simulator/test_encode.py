"""What a simulated device says is what a reader reads: decoding undoes encoding, for every form."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from agent.modbus.address import Table
from agent.modbus.layout import REGISTERS
from agent.modbus.meaning import judge
from agent.profile import Format, Point
from agent.reading import Quality, Text
from agent.simulator.encode import words_of

WHOLE = ["u16", "i16", "u32", "i32", "u48", "i48", "u64", "i64", "bcd16", "bcd32", "bcd48", "bcd64"]
EXACT = 1 << 53
AT = 40
BITS = {n: Text(str(n), str(n)) for n in range(8)}


def orders():
    return st.sampled_from(["big", "little"])


@st.composite
def whole_points(draw):
    kind = draw(st.sampled_from(WHOLE))
    registers = REGISTERS[kind]
    form = {"word_order": draw(orders()), "byte_order": draw(orders())}
    extra = draw(st.sampled_from(["plain", "mask", "high", "plus", "sign", "times", "scales"]))
    if extra == "mask" and not kind.startswith("bcd"):
        low = draw(st.integers(0, 16 * registers - 3))
        form["mask"] = ((1 << draw(st.integers(2, 16 * registers - low))) - 1) << low
    elif extra == "high" and registers == 2:
        form["high_at"] = draw(st.sampled_from([-3, 1, 9]))
    elif extra == "plus":
        form["plus"] = ((8, draw(st.sampled_from([1, 1000, -1, -10]))),)
    elif extra == "sign":
        form["sign_at"] = (-2, draw(st.sampled_from([1, 4, 0x8000])))
    elif extra == "times":
        form["times_at"] = (5, 6)
    elif extra == "scales":
        form |= {"scale_at": -1, "scale_mask": 0x0F00, "scales": {2: 10.0}}
    form["scale"] = draw(st.sampled_from([1.0, 0.1, 0.001]))
    return Point("p", Table.HOLDING, AT, Format(kind, registers, **form))


def limits(form):
    bits = 16 * form.registers if form.mask is None else form.mask.bit_count()
    if form.type.startswith("bcd"):
        return 0, 10 ** (4 * form.registers) - 2
    return (1 - (1 << bits - 1), (1 << bits - 1) - 2) if form.type[0] == "i" else (0, (1 << bits) - 2)


def around(data, form):
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=80, max_size=80))
    words[AT + 5], words[AT + 6], words[AT - 1] = 40, 3, 0x0200
    if form.byte_order == "little":
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return dict(enumerate(words))


def read(point, there):
    span = point.span
    return judge(point, [there[address] for address in range(span.start, span.end)])


@given(whole_points(), st.data())
def test_a_number_comes_back(point, data):
    form = point.format
    low, high = limits(form)
    raw = data.draw(st.integers(max(low, -EXACT), min(high, EXACT)))
    if form.plus and form.plus[0][1] < 0 and low == 0:
        raw *= data.draw(st.sampled_from([1, -1]))
    if form.sign_at is not None:
        raw = min(abs(raw), high)
        raw = raw if raw < 0 else data.draw(st.sampled_from([raw, -raw]))
    factor = 120.0 if form.times_at else 10.0 if form.scales else 1.0
    there = around(data, form)
    value = raw * form.scale * factor
    there |= words_of(point, value, there=there)
    back, quality, _ = read(point, there)
    assert quality is Quality.GOOD
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=form.scale * factor * 1e-6)


@given(st.sampled_from(["f32", "f64"]), orders(), orders(), st.floats(-1e9, 1e9, width=32))
def test_a_float_comes_back(kind, word_order, byte_order, value):
    form = Format(kind, REGISTERS[kind], word_order=word_order, byte_order=byte_order)
    point = Point("p", Table.INPUT, 3, form, counter=True)
    assert read(point, words_of(point, value))[:2] == (value + 0.0, Quality.GOOD)


@given(st.data())
def test_the_bits_beside_a_mask_stay(data):
    low = data.draw(st.integers(0, 12))
    mask = 0xF << low & 0xFFFF
    before = data.draw(st.integers(0, 0xFFFF))
    point = Point("p", Table.HOLDING, 3, Format("u16", 1, mask=mask))
    after = words_of(point, float(data.draw(st.integers(0, (mask >> low) - 1))), there={3: before})[3]
    assert after & ~mask == before & ~mask


@given(orders(), st.sampled_from([None, 0xFF00, 0x00FF]), st.sets(st.integers(0, 7)))
def test_faults_and_states_come_back(byte_order, mask, bits):
    text = ",".join(map(str, sorted(bits)))
    faults = Point("f", Table.HOLDING, 7, Format("u16", 1, byte_order=byte_order, mask=mask, bits=BITS))
    there = words_of(faults, text, there={7: 0})
    assert read(faults, there)[0] == text
    state = Format("u16", 1, byte_order=byte_order, mask=mask, states={3: "running", 200: "fault"})
    point = Point("s", Table.HOLDING, 7, state)
    assert read(point, words_of(point, "fault", there=there))[0] == "fault"


@given(orders(), st.binary(min_size=1, max_size=6))
def test_texts_come_back(byte_order, data):
    assume(any(data))
    padded = data.ljust(6, b"\0")
    for kind, text in (("hex", padded.hex().upper()), ("bytes", ".".join(map(str, padded)))):
        point = Point("t", Table.HOLDING, 7, Format(kind, 3, byte_order=byte_order))
        assert read(point, words_of(point, text))[:2] == (text, Quality.GOOD)
    point = Point("t", Table.HOLDING, 7, Format("string", 3, byte_order=byte_order))
    assert read(point, words_of(point, "INV-1"))[0] == "INV-1"


@given(st.sampled_from(["time_unix", "time_words", "time_bytes", "time_bcd", "time_iec870"]), orders())
def test_a_clock_comes_back(kind, byte_order):
    point = Point("c", Table.HOLDING, 7, Format(kind, REGISTERS[kind], byte_order=byte_order))
    assert read(point, words_of(point, 1_780_000_000.0))[:2] == (1_780_000_000.0, Quality.GOOD)


@given(whole_points())
def test_a_sentinel_comes_back_as_absent(point):
    form = point.format
    assume(form.mask is None and not form.plus)
    silent = Format(form.type, form.registers, word_order=form.word_order, absent=frozenset({0}))
    point = Point("p", Table.HOLDING, AT, silent)
    assert read(point, words_of(point, None))[:2] == (None, Quality.ABSENT)
