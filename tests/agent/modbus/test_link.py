"""What a line remembers from one opening to the next, and when it is opened again."""

import asyncio
import os
from pathlib import Path

import pytest

from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import BadReply, BusDown, UnitCounts, UnitRefused, UnitSilent, open_bus
from agent.profile import Link
from tests.agent.modbus.conftest import PtyScript, answer_well, good_words

A = Span(Table.HOLDING, 10, 4)
B = Span(Table.HOLDING, 100, 4)  # the same shape as A


def words(span):
    return tuple(good_words(span.start, span.count))


async def silent(asked):
    pass


def late_once(line, after_s, **other):
    """The first request is answered late, and the unit goes on in order."""

    async def script(asked):
        first = len(line.asked) == 1
        await asyncio.sleep(after_s if first else 0.3)
        asked.answer(**(other if first else {}))

    return script


@pytest.mark.parametrize("reopened", ["not", "closed", "another bus, as after a reload"])
async def test_a_late_serial_reply_is_nobodys_whatever_happened_to_the_line(pty, bus_on, reopened):
    pty.script = late_once(pty, 0.35)
    bus = bus_on(pty)
    with pytest.raises(UnitSilent):
        await bus.read(1, A)
    if reopened != "not":
        bus.close()
    if reopened.startswith("another"):
        bus = open_bus(BusLine("b", pty.url), {1: Link(timeout_ms=120)}, bus.late)
    assert await bus.read(1, B, timeout_ms=2_000) == words(B)
    bus.close()


async def test_a_late_reply_in_another_units_name_is_nobodys(pty, bus_on):
    pty.script = late_once(pty, 0.35, unit=2)
    bus = bus_on(pty)
    with pytest.raises(UnitSilent):
        await bus.read(1, A)
    assert await bus.read(2, B, timeout_ms=2_000) == words(B)


async def test_a_late_refusal_is_nobodys(pty, bus_on):
    pty.script = late_once(pty, 0.35, pdu=bytes([0x83, 2]))
    bus = bus_on(pty)
    with pytest.raises(UnitSilent):
        await bus.read(1, A)
    assert await bus.read(1, B, timeout_ms=2_000) == words(B)


async def test_blocks_that_are_equal_are_proved_once_and_cost_nothing_after(pty, bus_on):
    async def zeros(asked):
        asked.answer(asked.pdu(data=bytes(2 * asked.count)))

    pty.script = zeros
    bus = bus_on(pty)
    for _ in range(3):
        assert await bus.read(1, A) == await bus.read(1, B) == (0, 0, 0, 0)
    asked = len(pty.asked)
    assert await bus.read(1, A) == await bus.read(1, B) == (0, 0, 0, 0)
    assert len(pty.asked) == asked + 2


async def test_an_adapter_that_comes_back_as_another_device_is_found_by_its_name(tmp_path, bus_on):
    name = tmp_path / "usb-adapter"
    async with PtyScript() as one, PtyScript() as other:
        one.script, other.script = silent, answer_well
        name.symlink_to(os.ttyname(one._near))

        class Adapter:
            url = f"rtu://{name}?baudrate=115200"

        bus = bus_on(Adapter, timeout_ms=40)
        with pytest.raises(UnitSilent):
            await bus.read(1, A)
        name.unlink()
        name.symlink_to(os.ttyname(other._near))
        with pytest.raises(UnitSilent):
            await bus.read(1, A)
        with pytest.raises(UnitSilent):
            await bus.read(1, A)
        assert await bus.read(1, A) == words(A)
        bus.close()


async def test_a_peer_that_ends_every_connection_is_left_alone_for_a_while_and_healed_within_seconds(
    tcp, bus_on
):
    async def hang_up(asked):
        asked.close()

    tcp.script = hang_up
    bus = bus_on(tcp)
    for _ in range(20):
        with pytest.raises(BusDown):
            await bus.read(1, A)
    assert tcp.connections == 2
    tcp.script = answer_well
    async with asyncio.timeout(8):
        while not bus.is_open:
            try:
                assert await bus.read(1, A) == words(A)
            except BusDown:
                await asyncio.sleep(0.02)


async def test_the_silence_of_a_strange_unit_does_not_end_a_connection(tcp, bus_on):
    async def only_our_own(asked):
        if asked.unit < 20:
            asked.answer()

    tcp.script = only_our_own
    bus = bus_on(tcp)
    for unit in range(200, 206):
        with pytest.raises(UnitSilent):
            await bus.read(unit, A, timeout_ms=20)
    assert await bus.read(1, A) == words(A)
    assert tcp.connections == 1


async def test_what_became_of_the_requests_is_counted_by_unit_and_kind(tcp, bus_on):
    async def each_its_own(asked):
        if asked.unit == 1:
            asked.answer(transaction=asked.transaction - 1 & 0xFFFF)  # 17 bytes that nobody asked for
            asked.answer()
        elif asked.unit == 2:
            asked.answer(bytes([0x83, 2]))
        elif asked.unit == 3:
            asked.answer(asked.pdu(function=4))

    tcp.script = each_its_own
    bus = bus_on(tcp)
    await bus.read(1, A)
    for unit, error in ((2, UnitRefused), (3, BadReply), (4, UnitSilent)):
        with pytest.raises(error):
            await bus.read(unit, A)
    counts = bus.counts
    assert counts[1] == UnitCounts(requests=1, dropped_bytes=17)
    assert counts[2] == UnitCounts(requests=1, refusals=1)
    assert counts[3] == UnitCounts(requests=1, bad_replies=1)
    assert counts[4] == UnitCounts(requests=1, timeouts=1)
    assert counts[5] == UnitCounts()


async def test_no_socket_is_left_behind_by_a_connection_that_fails(bus_on, tcp):
    await tcp.__aexit__()
    bus = bus_on(tcp)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(BusDown):
            await bus.read(1, A)
        bus._link._next_try_s = 0.0
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


async def test_a_dead_unit_is_given_less_time_once_the_others_are_known_to_be_quick(tcp, bus_on):
    tcp.script = answer_well
    bus = bus_on(tcp, timeout_ms=1_000)
    assert bus.probe_timeout_ms(5) == 1_000
    await bus.read(1, A)
    assert 100 < bus.probe_timeout_ms(5) < 500
