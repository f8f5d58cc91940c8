"""Nothing but reading can leave this program: shown on its source. `tests/house` shows it on every byte."""

import ast
from pathlib import Path

import pytest

import agent

ROOT = Path(agent.__file__).parent
SENDERS = {
    "agent/modbus/exchange.py": {"line.send(request(ask, transaction))"},
    "agent/modbus/wire.py": {"os.write(self._fd, request)"},
}
SOURCES = sorted(p for p in ROOT.rglob("*.py") if "simulator" not in p.parts)
CALLS = {
    "write",
    "writelines",
    "writev",
    "pwrite",
    "send",
    "sendall",
    "sendto",
    "sendmsg",
    "sendfile",
    "write_eof",
}
CALLS |= {"sock_sendall", "sock_sendto", "create_connection", "open_connection"}


def sends(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            yield ast.unparse(node)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_only_a_built_request_is_ever_handed_to_a_line(path):
    name = str(path.relative_to(ROOT.parent))
    assert set(sends(path)) == SENDERS.get(name, set())


DOORS = {
    "agent.modbus.wire",
    "agent.modbus.tcp",
    "agent.modbus.serial",
    "agent.modbus.exchange",
    "agent.modbus.link",
}
USES_PYSERIAL = {"agent/modbus/serial.py"}
KEEPERS = {"agent/modbus/link.py", "agent/modbus/bus.py"}
EVERYTHING = sorted(p for room in ("agent", "gateway") for p in (ROOT.parent / room).rglob("*.py"))


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_the_way_to_a_device_leads_through_a_bus_only(path):
    """The gateway's own sockets are no lines: whoever wants a device needs one of these rooms, or a library for it."""
    tree = ast.parse(path.read_text())
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    name = str(path.relative_to(ROOT.parent))
    assert not named & DOORS or name in KEEPERS
    assert "pymodbus" not in {str(module).partition(".")[0] for module in named}
    assert "serial" not in {str(module).partition(".")[0] for module in named} or name in USES_PYSERIAL


def test_requests_are_packed_in_one_room_only():
    tree = ast.parse((ROOT / "modbus" / "pdu.py").read_text())
    packing = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "pack"
    }
    assert packing == {"reading", "request"}
