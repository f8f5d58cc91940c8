"""By what a device is known, and how sure that makes us."""

import struct

import pytest

from agent.fingerprint import (
    SURE,
    confidence,
    doubt_of_answers,
    doubt_of_marks,
    example,
    fits,
    image,
    is_marked,
)
from agent.modbus.address import Table
from agent.profile import Fingerprint, Format, Mark
from gateway.profiles import ProfileShelf


def mark(type_="u16", registers=1, **says):
    return Mark(Table.HOLDING, 0, Format(type_, registers, says.pop("word_order", "big")), **says)


def words(text, registers):
    return struct.unpack(f">{registers}H", text.encode().ljust(2 * registers, b"\0"))


@pytest.mark.parametrize(
    ("made", "said", "marked"),
    [
        (mark(equals=(0x70, 0x79)), (0x79,), True),
        (mark(equals=(0x70, 0x79)), (0x71,), False),
        (mark("u32", 2, equals=(0x10002,)), (1, 2), True),
        (mark("u32", 2, equals=(0x10002,), word_order="little"), (2, 1), True),
        (mark("u32", 2, equals=(0x10002,), word_order="little"), (1, 2), False),
        (mark("string", 8, texts=("SUN2000*",)), words("SUN2000-3KTL-L1", 8), True),
        (mark("string", 8, texts=("SUN2000*",)), words("LUNA2000", 8), False),
        (mark("string", 8, texts=("*",)), words("", 8), False),
        (mark("f32", 2, range=(45, 65)), struct.unpack(">2H", struct.pack(">f", 50.02)), True),
        (mark("f32", 2, range=(45, 65)), struct.unpack(">2H", struct.pack(">f", float("nan"))), False),
        (mark("i16", range=(-5, 0)), (0xFFFF,), True),
    ],
)
def test_a_mark_fits_or_not(made, said, marked):
    assert is_marked(made, said) is marked


def test_patterns_do_not_mind_capitals():
    assert fits("schneider electric", ["Schneider*"])
    assert not fits("Schneider", ["Schneide"])
    assert fits("9010KETU000W0000", ["????KETU*"])


@pytest.mark.parametrize(
    ("marks", "doubt"),
    [
        ([], 1.0),
        ([mark("string", 8, texts=("A*",))], 0.1),
        ([mark(equals=(0x70,))], 0.2),
        ([mark(equals=(0x70, 1))], 0.5),
        ([mark(equals=(0xFFFF,))], 0.5),
        ([mark(range=(1, 2))], 0.5),
        ([mark(range=(1, 2))] * 5, 0.3),
        ([mark(equals=(0x70,)), mark(range=(1, 2))], 0.1),
    ],
)
def test_each_mark_leaves_its_doubt(marks, doubt):
    assert doubt_of_marks(marks) == pytest.approx(doubt)


def test_numbers_inside_limits_never_make_a_proposal_sure():
    assert confidence(doubt_of_marks([mark(range=(1, 2))] * 9), 1.0, 0) < SURE


@pytest.mark.parametrize(
    ("wanted", "vendor", "products", "doubt"),
    [
        (Fingerprint(vendor=("Schneider*",)), "Schneider Electric", [], 0.5),
        (Fingerprint(vendor=("Schneider*",)), "Janitza", [], None),
        (Fingerprint(vendor=("Schneider*",), product=("PM53*",)), "Schneider", ["", "PM5310"], 0.05),
        (Fingerprint(vendor=("Schneider*",), product=("PM53*",)), "Schneider", ["PM8000"], None),
        (Fingerprint(product=("PM53*",)), "", ["PM5310"], 0.1),
        (Fingerprint((mark(equals=(7,)),)), "Schneider", ["PM5310"], None),
    ],
)
def test_the_nameplate_leaves_its_doubt(wanted, vendor, products, doubt):
    assert doubt_of_answers(wanted, vendor, products) == (None if doubt is None else pytest.approx(doubt))


def test_implausible_points_and_contradictions_lower_the_confidence():
    assert confidence(0.1, 1.0, 0) == 0.9
    assert confidence(0.1, 0.5, 0) == 0.45
    assert confidence(0.1, 1.0, 1) == 0.63


def test_every_shipped_fingerprint_is_served_by_its_own_image():
    shelf = ProfileShelf()
    for name in shelf.recognisable():
        profile = shelf.find(name)
        served = image(profile)
        for made in profile.identify.marks if profile.identify is not None else ():
            words = [served.get((made.table, at)) for at in range(made.span.start, made.span.end)]
            assert is_marked(made, words) if None not in words else made.range is not None, name


def test_an_example_of_a_pattern():
    assert example(["????KETU*", "B"]) == "0000KETU"
    assert example([]) == ""
