"""What a device may do to us, and what comes of it: words exactly as asked for, or a named error."""

import asyncio
import contextlib
import random
import termios

import pytest

from agent.modbus.address import Span, Table
from agent.modbus.bus import BadReply, BusDown, BusError, UnitRefused, UnitSilent

A = Span(Table.HOLDING, 10, 4)
B = Span(Table.HOLDING, 100, 4)  # the same size as A: only where the words come from differs
C = Span(Table.INPUT, 30, 9)


def words(span):
    return tuple((span.start + i) * 7 & 0xFFFF for i in range(span.count))


async def well(asked):
    asked.answer()


async def silent(asked):
    pass


@pytest.mark.parametrize("span", [A, B, C, Span(Table.HOLDING, 0, 125)], ids=str)
async def test_words_arrive_in_the_order_of_their_addresses(line, bus_on, span):
    line.script = well
    assert await bus_on(line).read(1, span) == words(span)


async def test_bits_too(line, bus_on):
    async def bits(asked):
        asked.answer(bytes([asked.function, 2, 0b0000_0101, 0b10]))

    line.script = bits
    assert await bus_on(line).read(1, Span(Table.COIL, 0, 10)) == (1, 0, 1, 0, 0, 0, 0, 0, 0, 1)


async def drip(asked):
    for byte in asked.framed():
        asked.send(bytes([byte]))
        await asyncio.sleep(0.002)


async def noise_first(asked):
    asked.send(b"\x00\xff\x00" if asked.rtu else b"")
    asked.answer()


async def in_two_parts(asked):
    frame = asked.framed()
    asked.send(frame[:5])
    await asyncio.sleep(0.03)
    asked.send(frame[5:])


async def echo_first(asked):
    asked.send(asked.frame if asked.rtu else b"")
    asked.answer()


@pytest.mark.parametrize("manner", [drip, noise_first, in_two_parts, echo_first])
async def test_a_good_reply_is_taken_however_it_comes(line, bus_on, manner):
    line.script = manner
    bus = bus_on(line, timeout_ms=400)
    assert await bus.read(1, A) == words(A)
    assert await bus.read(1, B) == words(B)


async def wrong_unit(asked):
    asked.answer(unit=asked.unit + 1)


async def wrong_function(asked):
    asked.answer(asked.pdu(function=4))


async def one_word_short(asked):
    asked.answer(asked.pdu(data=asked.data[:-2]))


async def one_word_long(asked):
    asked.answer(asked.pdu(data=asked.data + b"\x01\x02"))


async def byte_count_says_more(asked):
    asked.answer(asked.pdu(size=len(asked.data) + 2))


async def byte_count_says_less(asked):
    asked.answer(asked.pdu(size=len(asked.data) - 2))


async def odd_byte_count(asked):
    asked.answer(asked.pdu(data=asked.data[:-1]))


async def truncated(asked):
    asked.send(asked.framed()[:-3])


async def garbage(asked):
    asked.send(random.Random(7).randbytes(40))  # noqa: S311  # reproducible noise


async def a_flood_of_garbage(asked):
    for _ in range(20):
        asked.send(random.Random(7).randbytes(250))  # noqa: S311  # reproducible noise
        await asyncio.sleep(0.002)


async def damaged_in_a_flood(asked):
    frame = bytearray(asked.framed())
    frame[-1] ^= 0x10
    asked.send(bytes(frame) + bytes(400))


async def empty_pdu(asked):
    asked.answer(b"\x03")


async def refusal_of_another_function(asked):
    asked.answer(bytes([0x84, 2]))


async def damaged(asked):
    frame = bytearray(asked.framed())
    if asked.rtu:
        frame[4] ^= 0x10
    else:
        frame[2] ^= 0x10
    asked.send(bytes(frame))


BAD_MANNERS = [
    wrong_unit,
    wrong_function,
    one_word_short,
    one_word_long,
    byte_count_says_more,
    byte_count_says_less,
    odd_byte_count,
    truncated,
    garbage,
    a_flood_of_garbage,
    empty_pdu,
    refusal_of_another_function,
    damaged,
    silent,
]


@pytest.mark.parametrize("manner", BAD_MANNERS)
async def test_what_is_not_the_reply_gives_no_value_and_the_next_good_read_follows(line, bus_on, manner):
    line.script = manner
    bus = bus_on(line)
    for _ in range(2):
        with pytest.raises((BadReply, UnitSilent)):
            await bus.read(1, A)
    assert bus.errors == 2
    line.script = well
    assert await bus.read(1, B) == words(B)
    assert await bus.read(1, A) == words(A)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11])
async def test_a_refusal_carries_its_code_and_the_link_stays(line, bus_on, code):
    async def refuse(asked):
        asked.answer(bytes([asked.function | 0x80, code]))

    line.script = refuse
    bus = bus_on(line)
    with pytest.raises(UnitRefused) as refused:
        await bus.read(1, A)
    assert refused.value.code == code
    line.script = well
    assert await bus.read(1, A) == words(A)
    assert bus.opened == 1


async def test_every_reply_twice_disturbs_nothing(line, bus_on):
    async def twice(asked):
        asked.send(asked.framed() * 2)

    line.script = twice
    bus = bus_on(line)
    for span in (A, B, A, C, B):
        assert await bus.read(1, span) == words(span)


async def test_no_value_is_invented_in_many_late_replies(line, bus_on):
    """Same unit, same size, other place: a reply that is one behind would be taken for the next one."""
    held = []

    async def late(asked):
        if len(line.asked) % 3 == 1:
            await asyncio.sleep(0.03 + 0.01 * (len(held) % 4))
            held.append(asked)
        asked.answer()

    line.script = late
    bus = bus_on(line, timeout_ms=20)
    good = 0
    for turn in range(60):
        span = (A, B)[turn % 2]
        try:
            got = await bus.read(1, span)
        except BusError:
            continue
        assert got == words(span)
        good += 1
    assert good >= 15
    assert held


async def test_a_serial_reply_that_comes_after_another_units_request_is_nobodys(pty, bus_on):
    async def first_unit_is_late(asked):
        await asyncio.sleep(0.35 if asked.unit == 1 else 0.25)
        asked.answer()

    pty.script = first_unit_is_late
    bus = bus_on(pty, timeout_ms=200)
    with pytest.raises(UnitSilent):
        await bus.read(1, A)
    assert await bus.read(2, B, timeout_ms=2_000) == words(B)


async def test_after_a_lost_serial_request_the_next_one_looks_different(pty, bus_on):
    pty.script = silent
    bus = bus_on(pty, timeout_ms=40)
    with pytest.raises(UnitSilent):
        await bus.read(1, A)
    pty.script = well
    assert await bus.read(1, B) == words(B)
    assert [(a.start, a.count) for a in pty.asked] == [(10, 4), (100, 1), (100, 4)]


async def test_transaction_ids_rise_and_only_the_last_one_counts(tcp, bus_on):
    async def first_an_old_one(asked):
        asked.answer(transaction=asked.transaction - 1 & 0xFFFF)
        asked.answer(transaction=asked.transaction + 1)
        asked.answer()

    tcp.script = first_an_old_one
    bus = bus_on(tcp)
    for span in (A, B, C):
        assert await bus.read(1, span) == words(span)
    assert [a.transaction for a in tcp.asked] == [1, 2, 3]


@pytest.mark.parametrize("length", [0, 1, 255, 65_535])
async def test_a_lying_length_ends_the_connection_at_once(tcp, bus_on, length):
    async def lie(asked):
        asked.answer(length=length)

    tcp.script = lie
    bus = bus_on(tcp, timeout_ms=2_000)
    async with asyncio.timeout(1):
        with pytest.raises(BadReply):
            await bus.read(1, A)
    tcp.script = well
    assert await bus.read(1, A) == words(A)
    assert tcp.connections == 2


async def test_a_connection_closed_in_the_middle_is_a_bus_down_and_heals(tcp, bus_on):
    async def hang_up(asked):
        asked.close()

    tcp.script = hang_up
    bus = bus_on(tcp)
    with pytest.raises(BusDown):
        await bus.read(1, A)
    tcp.script = well
    assert await bus.read(1, A) == words(A)


async def test_a_dead_connection_is_replaced_after_three_time_outs(tcp, bus_on):
    tcp.script = silent
    bus = bus_on(tcp, timeout_ms=20)
    for _ in range(4):
        with pytest.raises(UnitSilent):
            await bus.read(1, A)
    assert tcp.connections == 2


async def test_nobody_there_is_said_at_once_and_asked_again_later(bus_on, tcp):
    tcp.script = well
    await tcp.__aexit__()
    bus = bus_on(tcp)
    for _ in range(3):
        with pytest.raises(BusDown) as down:
            await bus.read(1, A)
        assert down.value.reason == "refused"


async def test_a_missing_serial_port_is_named(bus_on):
    class Nowhere:
        url = "rtu:///dev/no-such-port"

    with pytest.raises(BusDown, match="/dev/no-such-port cannot be opened") as down:
        await bus_on(Nowhere).read(1, A)
    assert down.value.reason == "bus_down"


async def test_a_serial_port_has_one_master(pty, bus_on):
    pty.script = well
    await bus_on(pty).read(1, A)
    with pytest.raises(BusDown, match="another process holds it"):
        await bus_on(pty).read(1, A)


@pytest.mark.parametrize("call", ["tcsetattr", "tcflush"])
async def test_an_adapter_pulled_while_it_is_opened_is_a_bus_down(pty, bus_on, monkeypatch, call):
    def pulled(*_):
        raise termios.error(5, "Input/output error")

    pty.script = well
    bus = bus_on(pty)
    with monkeypatch.context() as patch:
        patch.setattr(termios, call, pulled)
        with pytest.raises(BusDown, match="Input/output error"):
            await bus.read(1, A)
    async with asyncio.timeout(5):  # the link waits before it tries again
        while not bus.is_open:
            with contextlib.suppress(BusDown):
                assert await bus.read(1, A) == words(A)
            await asyncio.sleep(0.01)


async def test_a_damaged_serial_reply_that_fills_the_buffer_leaves_the_port_open(pty, bus_on):
    pty.script = damaged_in_a_flood
    bus = bus_on(pty)
    with pytest.raises(BadReply):
        await bus.read(1, Span(Table.HOLDING, 0, 100))
    assert bus.is_open


async def test_an_unplugged_adapter_is_a_bus_down(pty, bus_on):
    async def unplug(asked):
        asked.close()

    pty.script = unplug
    bus = bus_on(pty)
    with pytest.raises(BusDown):
        await bus.read(1, A)
    assert not bus.is_open


async def test_the_pauses_that_a_device_wants_are_kept_on_the_wire(tcp, bus_on):
    tcp.script = well
    bus = bus_on(tcp, gap_ms=30, connect_delay_ms=50)
    started = asyncio.get_running_loop().time()
    for _ in range(3):
        await bus.read(1, A)
    assert tcp.times[0] - started >= 0.05
    assert all(b - a >= 0.029 for a, b in zip(tcp.times, tcp.times[1:], strict=False))


async def test_reads_never_overlap_on_one_line(tcp, bus_on):
    tcp.script = silent
    bus = bus_on(tcp)
    await_first = bus.read(1, A)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_silent(await_first))
        await asyncio.sleep(0.02)
        with pytest.raises(RuntimeError, match="one owner"):
            await bus.read(1, B)
        await first


async def _silent(read):
    with pytest.raises(UnitSilent):
        await read


async def test_a_cancelled_read_leaves_nothing_behind(line, bus_on):
    async def late(asked):
        await asyncio.sleep(0.05)
        asked.answer()

    line.script = late
    bus = bus_on(line, timeout_ms=200)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await bus.read(1, A)
    line.script = well
    assert await bus.read(1, B) == words(B)
