"""Where to look, and how long it may take."""

import pytest

from agent.modbus.endpoint import parse_url
from agent.scan.line import longest_s, pace_of, settings_of, units_of, url_of

SERIAL = "rtu:///dev/ttyUSB0"


@pytest.mark.parametrize(
    ("text", "url", "units"),
    [
        ("1-5", SERIAL, {1, 2, 3, 4, 5}),
        ("7", SERIAL, {7}),
        ("0,3,10-12", "tcp://h", {0, 3, 10, 11, 12}),
        (None, SERIAL, set(range(1, 248))),
        (None, "tcp://h", {*range(248), 255}),
    ],
)
def test_which_units(text, url, units):
    found = units_of(text, parse_url(url))
    assert set(found) == units
    assert len(found) == len(units)


def test_makers_own_ids_come_first():
    assert units_of(None, parse_url("tcp://h"))[:4] == (1, 2, 3, 247)


@pytest.mark.parametrize("text", ["0-3", "200-250", "9-2", "a", "1-", ""])
def test_units_that_no_serial_line_has(text):
    with pytest.raises(ValueError, match="; "):
        units_of(text, parse_url(SERIAL))


@pytest.mark.parametrize(
    ("query", "tried"),
    [
        ("", 16),
        ("?baudrate=9600", 3),
        ("?parity=E", 6),
        ("?baudrate=9600&parity=N", 1),
        ("?baudrate=14400", 3),
    ],
)
def test_what_the_address_does_not_say_is_searched(query, tried):
    settings = settings_of(SERIAL + query, parse_url(SERIAL + query))
    assert len(settings) == len(set(settings)) == tried


def test_common_settings_come_first():
    first, second = settings_of(SERIAL, parse_url(SERIAL))[:2]
    assert (first.baudrate, first.parity) == (9_600, "N")
    assert (second.baudrate, second.parity) == (19_200, "E")


def test_a_network_has_no_settings():
    assert len(settings_of("tcp://h", parse_url("tcp://h"))) == 1


@pytest.mark.parametrize(
    "url",
    [
        "tcp://10.0.0.7:502",
        "rtu+tcp://host:4001",
        "rtu:///dev/ttyUSB0?baudrate=19200&parity=E&stopbits=1",
        "rtu:///dev/ttyUSB0?baudrate=9600&parity=N&stopbits=2&bytesize=7",
    ],
)
def test_the_address_for_the_site_file_leads_to_the_same_line(url):
    assert parse_url(url_of(parse_url(url))) == parse_url(url)


def test_the_longest_time_is_that_of_silence():
    line = parse_url(SERIAL)
    one = longest_s([line], range(10), pace_of(line, thorough=False))
    assert 2.5 < one < 5
    assert longest_s([line] * 3, range(10), pace_of(line, thorough=False)) == pytest.approx(3 * one)
