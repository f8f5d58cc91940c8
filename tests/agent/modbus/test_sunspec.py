"""SunSpec: the chain of a device as it really is, and points at the addresses that it gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.address import Table
from agent.modbus.pdu import UnitRefused, UnitSilent
from agent.modbus.sunspec import Chain, Model, assumed, assumed_chain, image, resolve, walk
from agent.modbus.sunspec_models import definition
from agent.profile import Link, Profile, SunSpecMap, SunSpecPoint
from agent.reading import Text

SUNS = [0x5375, 0x6E53]


def device(words, base):
    """A reader of registers from `base` on; elsewhere exception 2."""
    served = dict(enumerate(words, base))

    async def read(span):
        assert span.table is Table.HOLDING
        addresses = range(span.start, span.end)
        if not all(address in served for address in addresses):
            raise UnitRefused(2)
        return [served[address] for address in addresses]

    return read


def model(number, length):
    return [number, length, *([0] * length)]


@pytest.mark.parametrize(
    ("words", "base", "found"),
    [
        ([*SUNS, *model(1, 66), *model(103, 50), 0xFFFF, 0], 40000, [1, 103]),
        ([*SUNS, *model(1, 65), *model(103, 50), 0xFFFF, 0], 50000, [1, 103]),
        ([*SUNS, *model(1, 66), *model(103, 50)], 0, [1, 103]),
        ([*SUNS, *model(1, 66), *model(64001, 7), *model(103, 50), 0xFFFF], 40000, [1, 64001, 103]),
        ([*SUNS, *model(1, 66), *model(101, 40), 0xFFFF, 0], 40000, [1, 101]),
        ([*SUNS, *model(1, 66), 0, 0, 0], 40000, [1]),
        ([*SUNS, 0xFFFF, 0], 40000, []),
    ],
    ids=[
        "the usual one",
        "a common model without its pad, elsewhere",
        "no end marker",
        "a vendor's model in between",
        "shorter than the standard says",
        "zeros behind the last model",
        "nothing but the marker",
    ],
)
async def test_a_chain_is_followed_as_announced(words, base, found):
    chain = await walk(device(words, base), (40000, 50000, 0))
    assert chain is not None
    assert chain.base == base
    assert [m.id for m in chain.models] == found


async def test_what_is_no_sunspec_device_has_no_chain():
    assert await walk(device([1, 2, 3], 40000), (40000, 50000, 0)) is None


async def test_silence_is_not_an_answer():
    async def read(span):
        raise UnitSilent("no reply")

    with pytest.raises(UnitSilent):
        await walk(read, (40000,))


async def test_an_endless_chain_ends():
    async def read(span):
        return SUNS if span.start == 0 else [7, 0]

    chain = await walk(read, (0,))
    assert chain is not None
    assert len(chain.models) == 200


async def test_the_common_model_introduces_the_device():
    words = [*SUNS, *model(1, 66), 0xFFFF, 0]
    words[4:7] = [0x4163, 0x6D65, 0x0000]
    words[20:22] = [0x5049, 0x2020]
    words[52:54] = [0x0053, 0x4E00]
    chain = await walk(device(words, 40000), (40000,))
    assert chain is not None
    assert (chain.vendor, chain.model, chain.serial) == ("Acme", "PI", "SN")


def profile(*points, width=125):
    return Profile(
        "x",
        "inverter",
        (),
        "SunSpec",
        "any",
        Text("x", "x"),
        (),
        Link(max_registers=width),
        1_000,
        (),
        sunspec=SunSpecMap((40000,), (1, 103, 160), tuple(points)),
    )


def chain(*models):
    """Models one after the other from 40002 on."""
    at, made = 40002, []
    for number, length in models:
        made.append(Model(number, at, length))
        at += 2 + length
    return Chain(40000, tuple(made))


def point(name, *models, **more):
    return SunSpecPoint(name, models, **more)


def test_the_first_model_that_the_device_has_is_taken():
    wanted = profile(point("ac_power_kw", (701, "W"), (103, "W"), scale=0.001))
    (made,) = resolve(wanted, chain((1, 66), (103, 50))).points
    assert (made.name, made.address, made.format.type, made.format.scale) == (
        "ac_power_kw",
        40084,
        "i16",
        0.001,
    )
    assert made.address + made.format.scale_at == 40085
    assert made.format.absent == {0x8000}
    (made,) = resolve(wanted, chain((1, 66), (103, 50), (701, 153))).points
    assert made.address == 40122 + 10


def test_a_point_beyond_the_announced_length_does_not_exist():
    wanted = profile(
        point("ac_power_kw", (103, "W")), point("state", (103, "St"), states={"MPPT": "running"})
    )
    assert [p.name for p in resolve(wanted, chain((1, 66), (103, 30))).points] == ["ac_power_kw"]
    assert resolve(wanted, chain((1, 66))).points == ()


def test_a_repeated_group_gives_a_point_for_each():
    wanted = profile(point("dc_current_{n}_a", (160, "module[{n}].DCA")), point("x", (160, "module[3].DCV")))
    made = resolve(wanted, chain((160, 8 + 3 * 20 - 0)))
    assert [(p.name, p.address) for p in made.points] == [
        ("dc_current_1_a", 40002 + 19),
        ("dc_current_2_a", 40002 + 39),
        ("dc_current_3_a", 40002 + 59),
        ("x", 40002 + 60),
    ]
    assert {p.address + p.format.scale_at for p in made.points[:3]} == {40004}


async def test_scale_factors_too_far_away_are_taken_once():
    words = [*SUNS, *model(160, 8 + 10 * 20), 0xFFFF, 0]
    words[4] = 0xFFFE
    found = await walk(device(words, 40000), (40000,))
    wanted = profile(point("dc_current_{n}_a", (160, "module[{n}].DCA")))
    points = resolve(wanted, found).points
    assert len(points) == 10
    assert points[0].format.scale_at is not None
    assert points[9].format.scale_at is None
    assert points[9].format.scale == pytest.approx(0.01)
    assert all(p.span.count <= 125 for p in points)


def test_states_flags_and_signs():
    wanted = profile(
        point("state", (103, "St"), states={"MPPT": "running", "FAULT": "fault"}),
        point("fault_code", (103, "Evt1"), bits={"OVER_TEMP": Text("Hot", "热")}),
        point("battery_power_kw", (714, "-DCW"), scale=0.001),
    )
    state, fault, power = resolve(wanted, chain((103, 50), (714, 43))).points
    assert state.format.states == {4: "running", 7: "fault"}
    assert fault.format.bits == {7: Text("Hot", "热")}
    assert fault.value_type == "string"
    assert power.format.scale == -0.001


def test_a_resolved_profile_knows_the_device_and_asks_no_more():
    found = Chain(40000, (Model(103, 40002, 50),), vendor="Acme", model="P1")
    made = resolve(profile(point("ac_power_kw", (103, "W"))), found)
    assert (made.vendor, made.model, made.sunspec) == ("Acme", "P1", None)
    assert resolve(made, found) is made


async def test_the_image_of_an_assumed_device_has_its_assumed_chain():
    wanted = profile(point("ac_power_kw", (103, "W")))
    found = await walk(device(list(image(wanted).values()), 40000), (40000,))
    assert found is not None
    assert [(m.id, m.address) for m in found.models] == [
        (m.id, m.address) for m in assumed_chain(wanted).models
    ]
    assert found.vendor == "Maplebridge"
    assert resolve(wanted, found).points == assumed(wanted).points


@pytest.mark.parametrize("number", [1, 101, 103, 113, 124, 160, 203, 213, 701, 713, 714, 802, 803])
def test_the_models_in_use_are_defined(number):
    known = definition(number)
    assert known is not None
    assert [known.fields["ID"].offset, known.fields["L"].offset] == [0, 1]


def test_a_vendors_model_is_unknown():
    assert definition(63999) is None


@given(st.lists(st.integers(0, 0xFFFF), max_size=300))
async def test_any_registers_give_a_chain_inside_the_address_space(words):
    found = await walk(device([*SUNS, *words], 40000), (40000,))
    assert found is not None
    assert all(40000 <= m.address <= 0xFFFF for m in found.models)
