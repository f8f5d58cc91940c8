"""Nothing but reading can leave this program: shown on its source, and on every byte sent."""

import ast
from pathlib import Path

import pytest

import agent
from agent.modbus.address import Span, Table

ROOT = Path(agent.__file__).parent
SENDERS = {
    "agent/modbus/exchange.py": {"wire.write(request(ask, transaction))"},
    "agent/modbus/serial.py": {"os.write(self._fd, data)"},
}
SOURCES = sorted(p for p in ROOT.rglob("*.py") if "simulator" not in p.parts)
CALLS = {"write", "writelines", "send", "sendall", "sendto", "sendmsg", "write_eof", "sock_sendall"}


def sends(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            yield ast.unparse(node)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_only_a_built_request_is_ever_handed_to_a_line(path):
    name = str(path.relative_to(ROOT.parent))
    assert set(sends(path)) == SENDERS.get(name, set())


def test_requests_are_packed_in_one_function_only():
    tree = ast.parse((ROOT / "modbus" / "pdu.py").read_text())
    packing = {
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "pack"
    }
    assert packing == {"reading", "request"}


async def test_every_byte_that_reaches_a_device_is_a_read(line, bus_on):
    async def well(asked):
        asked.answer()

    line.script = well
    bus = bus_on(line)
    for table in (Table.HOLDING, Table.INPUT):
        await bus.read(3, Span(table, 7, 2))
    assert {a.function for a in line.asked} <= {1, 2, 3, 4}
    assert all(len(a.frame) == (8 if line.rtu else 12) for a in line.asked)
