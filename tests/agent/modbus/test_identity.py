"""Read Device Identification: what a device says of itself, or a named error; never a guess."""

import asyncio

import pytest

from agent.modbus.address import Span, Table
from agent.modbus.bus import BadReply, UnitRefused, UnitSilent

BASIC = {0: b"Acme", 1: b"PM-7", 2: b"V1.2"}
REGULAR = {3: b"https://acme.example", 4: b"Meter", 5: b"PM7", 6: b"Hall \x00\x00"}
OWN = {0x80: b"210034", 0x81: "枫桥".encode()}


def page(stream, objects, *, conformity=0x82, more=0, following=0, count=None, mei=14):
    body = b"".join(bytes([number, len(raw)]) + raw for number, raw in objects.items())
    head = bytes([43, mei, stream, conformity, more, following, len(objects) if count is None else count])
    return head + body


def device(*, each=9, objects=BASIC | REGULAR):
    """A device that puts `each` objects into a reply."""

    async def answer(asked):
        if not asked.mei:
            asked.answer()
            return
        stream, first = asked.stream, asked.first
        last = 2 if stream == 1 else 6 if stream == 2 else 255
        left = {number: raw for number, raw in objects.items() if first <= number <= last}
        now = dict(list(left.items())[:each])
        later = [number for number in left if number not in now]
        asked.answer(page(stream, now, more=0xFF if later else 0, following=later[0] if later else 0))

    return answer


@pytest.mark.parametrize("each", [1, 2, 9])
async def test_basic_and_regular_objects_are_read_however_many_fit_into_a_reply(line, bus_on, each):
    line.script = device(each=each)
    identity = await bus_on(line).identify(1)
    assert (identity.vendor, identity.product_code, identity.revision) == ("Acme", "PM-7", "V1.2")
    assert (identity.vendor_url, identity.product_name) == ("https://acme.example", "Meter")
    assert (identity.model_name, identity.user_application) == ("PM7", "Hall")
    assert identity.others == {}
    assert [(a.stream, a.first) for a in line.asked][:1] == [(1, 0)]


async def test_a_device_that_begins_its_stream_anew_is_understood(line, bus_on):
    async def from_the_first(asked):
        objects = BASIC if asked.stream == 1 else BASIC | {6: b"Hall"} | OWN
        asked.answer(page(asked.stream, objects))

    line.script = from_the_first
    identity = await bus_on(line).identify(1)
    assert identity.user_application == "Hall"
    assert identity.others == {0x80: "210034", 0x81: "枫桥"}


async def test_a_device_with_basic_objects_is_asked_for_nothing_else(line, bus_on):
    async def basic(asked):
        asked.answer(page(asked.stream, BASIC, conformity=0x01))

    line.script = basic
    identity = await bus_on(line).identify(1)
    assert (identity.vendor, identity.vendor_url) == ("Acme", "")
    assert len(line.asked) == 1


async def test_a_device_that_refuses_what_it_claims_to_have_is_known_by_its_basic_objects(line, bus_on):
    async def promises(asked):
        asked.answer(page(1, BASIC) if asked.stream == 1 else bytes([0xAB, 3]))

    line.script = promises
    assert (await bus_on(line).identify(1)).vendor == "Acme"


async def test_a_device_that_does_not_know_the_function_refuses(line, bus_on):
    async def refuse(asked):
        asked.answer(bytes([0xAB, 1]))

    line.script = refuse
    with pytest.raises(UnitRefused) as refused:
        await bus_on(line).identify(1)
    assert refused.value.code == 1


BAD = {
    "another MEI type": page(1, BASIC, mei=13),
    "another stream": page(2, BASIC),
    "unknown conformity": page(1, BASIC, conformity=0x04),
    "more follows is neither yes nor no": page(1, BASIC, more=1),
    "in a circle": page(1, BASIC, more=0xFF, following=1),
    "to where it already is": page(1, BASIC, more=0xFF, following=2),
    "fewer objects than it says": page(1, BASIC, count=4),
    "more objects than it says": page(1, BASIC, count=2),
    "objects out of order": page(1, {1: b"PM-7", 0: b"Acme"}),
    "cut off": page(1, BASIC)[:-1],
    "nothing": bytes([43, 14, 1]),
}


@pytest.mark.parametrize("pdu", BAD.values(), ids=BAD)
async def test_a_reply_that_contradicts_itself_or_the_question_is_no_identity(line, bus_on, pdu):
    async def bad(asked):
        asked.answer(pdu)

    line.script = bad
    bus = bus_on(line)
    with pytest.raises(BadReply):
        await bus.identify(1)
    assert bus.errors == 1
    line.script = device()
    assert (await bus.identify(1)).vendor == "Acme"


@pytest.mark.parametrize("second", [{}, {0: b"Acme"}, {2: b"V1.2"}], ids=["empty", "again", "one left out"])
async def test_pages_without_end_are_left(line, bus_on, second):
    async def endless(asked):
        if not asked.mei:
            asked.answer()
            return
        objects = {0: b"Acme"} if asked.first == 0 else second
        asked.answer(page(1, objects, more=0xFF, following=max(objects, default=0) + 1))

    line.script = endless
    with pytest.raises(BadReply):
        await bus_on(line).identify(1)
    assert (
        len([asked for asked in line.asked if asked.mei]) <= 3
    )  # on a serial line a repeated reply is doubted


async def test_an_identification_that_comes_late_is_nobodys(line, bus_on):
    """Late by so much that another identification is awaited; the device has changed its mind meanwhile."""

    async def late(asked):
        if len(line.asked) == 1:
            await asyncio.sleep(0.6)
            asked.answer(page(1, {0: b"Other"}, conformity=1))
            return
        await asyncio.sleep(0.5)
        asked.answer(page(1, BASIC, conformity=1) if asked.mei else None)

    line.script = late
    bus = bus_on(line)
    with pytest.raises(UnitSilent):
        await bus.identify(1)
    assert (await bus.identify(1, timeout_ms=2_000)).vendor == "Acme"
    assert await bus.read(1, Span(Table.HOLDING, 3, 1), timeout_ms=2_000) == (21,)
