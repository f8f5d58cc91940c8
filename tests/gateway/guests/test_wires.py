"""One wire has many names."""

import os

import pytest

from agent.modbus.endpoint import parse_url
from gateway.guests.wires import wire_of


async def same(one, other):
    return (await wire_of(parse_url(one))).is_same(await wire_of(parse_url(other)))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("tcp://127.0.0.1:502", "tcp://localhost", True),
        ("tcp://127.0.0.1:4001", "rtu+tcp://127.0.0.1:4001", True),
        ("tcp://127.0.0.1:502", "tcp://127.0.0.1:503", False),
        ("tcp://127.0.0.1", "tcp://127.0.0.2", False),
        ("tcp://no-such-host.invalid", "tcp://NO-SUCH-HOST.invalid", True),
        ("tcp://127.0.0.1", "rtu:///dev/ttyUSB0", False),
        ("rtu:///dev/no-such-port", "rtu:///dev/../dev/no-such-port?baudrate=19200", True),
    ],
)
async def test_addresses_of_one_wire_are_the_same(one, other, is_same):
    assert await same(one, other) is is_same


async def test_a_serial_port_is_known_under_every_link_to_it(tmp_path):
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    (tmp_path / "by-id").symlink_to(path)
    (tmp_path / "by-path").symlink_to(tmp_path / "by-id")
    try:
        assert await same(f"rtu://{path}", f"rtu://{tmp_path}/by-path")
        assert not await same(f"rtu://{path}", "rtu:///dev/null")
    finally:
        os.close(ours)
        os.close(theirs)
