import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from agent.modbus.address import Span, Table
from agent.modbus.pdu import (
    BadReply,
    Expected,
    UnitRefused,
    check,
    crc16,
    data_bytes,
    find_rtu_reply,
    max_count,
    request,
    words_of,
)

REFERENCE = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.INPUT: ReadInputRegistersRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
}


@st.composite
def spans(draw):
    table = draw(st.sampled_from(Table))
    start = draw(st.integers(0, 0xFFFF))
    return Span(table, start, draw(st.integers(1, min(2000 if table.is_bits else 125, 0x10000 - start))))


@given(spans(), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_requests_are_byte_for_byte_those_of_the_reference(span, unit, transaction):
    pdu = REFERENCE[span.table](address=span.start, count=span.count, dev_id=unit, transaction_id=transaction)
    decoder = DecodePDU(is_server=False)
    assert request(unit, span, transaction) == FramerSocket(decoder).buildFrame(pdu)
    assert request(unit, span, None) == FramerRTU(decoder).buildFrame(pdu)


@given(spans(), st.integers(0, 255), st.one_of(st.none(), st.integers(0, 0xFFFF)))
def test_nothing_but_reading_can_be_said(span, unit, transaction):
    sent = request(unit, span, transaction)
    assert sent[7 if transaction is not None else 1] in (1, 2, 3, 4)


@pytest.mark.parametrize("unit", [-1, 256])
def test_a_unit_that_no_request_can_carry_is_refused(unit):
    with pytest.raises(ValueError, match="cannot be asked"):
        request(unit, Span(Table.INPUT, 0, 1), None)


def test_a_read_wider_than_the_protocol_is_refused():
    with pytest.raises(ValueError, match="cannot be asked"):
        request(1, Span(Table.INPUT, 0, 126), 1)
    assert max_count(Span(Table.COIL, 0, 1)) == 2000


@given(st.binary(max_size=260))
def test_the_checksum_is_that_of_the_reference(data):
    assert crc16(data) == int.from_bytes(FramerRTU.compute_CRC(data).to_bytes(2, "big"), "little")


SPAN = Span(Table.HOLDING, 10, 2)
EXPECTED = Expected.of(7, SPAN)
GOOD = bytes([3, 4, 0, 1, 0, 2])


@pytest.mark.parametrize(
    ("unit", "pdu", "outcome"),
    [
        (7, GOOD, bytes([0, 1, 0, 2])),
        (8, GOOD, "unit 8 answered"),
        (7, bytes([4, 4, 0, 1, 0, 2]), "function 4 in answer to 3"),
        (7, bytes([3, 2, 0, 1]), "2 data bytes"),
        (7, bytes([3, 6, 0, 1, 0, 2, 0, 3]), "6 data bytes"),
        (7, bytes([3, 6, 0, 1, 0, 2]), "it says 6"),
        (7, bytes([3, 3, 0, 1, 0]), "3 data bytes"),
        (7, bytes([3]), "without content"),
        (7, b"", "without content"),
        (7, bytes([0x84, 2]), "function 132"),
        (7, bytes([0x83, 2, 0]), "function 131"),
        (7, bytes([0x83, 2]), 2),
        (7, bytes([0x83, 11]), 11),
    ],
)
def test_a_reply_is_used_only_when_it_is_exactly_what_was_asked_for(unit, pdu, outcome):
    if isinstance(outcome, bytes):
        assert check(EXPECTED, unit, pdu) == outcome
    elif isinstance(outcome, int):
        with pytest.raises(UnitRefused) as refused:
            check(EXPECTED, unit, pdu)
        assert refused.value.code == outcome
        assert refused.value.reason == f"exception_{outcome}"
    else:
        with pytest.raises(BadReply, match=outcome):
            check(EXPECTED, unit, pdu)


def rtu(*body: int) -> bytes:
    frame = bytes(body)
    return frame + crc16(frame).to_bytes(2, "little")


REPLY = rtu(7, 3, 4, 0, 1, 0, 2)


@pytest.mark.parametrize(
    ("received", "outcome"),
    [
        (REPLY, bytes([0, 1, 0, 2])),
        (b"\x00\xff" + REPLY, bytes([0, 1, 0, 2])),
        (request(7, SPAN, None) + REPLY, bytes([0, 1, 0, 2])),
        (rtu(8, 3, 4, 9, 9, 9, 9) + REPLY, bytes([0, 1, 0, 2])),
        (REPLY[:-1], None),
        (REPLY[:-1] + b"\x00", None),
        (rtu(8, 3, 4, 9, 9, 9, 9), None),
        (rtu(7, 4, 4, 9, 9, 9, 9), None),
        (rtu(7, 3, 2, 9, 9), None),
        (b"\x07\x03\x04", None),
        (b"", None),
    ],
)
def test_on_a_serial_line_only_unit_function_count_and_checksum_together_make_a_reply(received, outcome):
    assert find_rtu_reply(EXPECTED, received) == outcome


def test_a_refusal_on_a_serial_line():
    with pytest.raises(UnitRefused) as refused:
        find_rtu_reply(EXPECTED, rtu(7, 0x83, 2))
    assert refused.value.code == 2


@given(st.binary(max_size=300))
def test_noise_never_becomes_words(noise):
    try:
        data = find_rtu_reply(EXPECTED, noise)
    except UnitRefused:
        return
    assert data is None or noise.count(bytes([7, 3, 4]) + data)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_bits_come_out_in_the_order_of_their_addresses(bits):
    span = Span(Table.COIL, 5, len(bits))
    packed = sum(bit << i for i, bit in enumerate(bits)).to_bytes(data_bytes(span), "little")
    assert words_of(span, packed) == tuple(map(int, bits))
