"""How the house is built, and that it stays so."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "agent").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")])
SOURCES = [path for path in SOURCES if not {"web", "static", "node_modules"} & set(path.parts)]
NO_ROOM = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "tools", "stuff"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_room_has_a_name_and_fits_on_a_few_screens(path):
    assert NO_ROOM.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_most_rooms_are_small():
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert lengths[len(lengths) * 3 // 4] <= 250


def groups_of(tree: ast.Module) -> set[str]:
    """Names that hold a TaskGroup: bound by `async with`, given as such, or kept from there."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith):
            names |= {
                ast.unparse(item.optional_vars)
                for item in node.items
                if item.optional_vars is not None and ast.unparse(item.context_expr) == "asyncio.TaskGroup()"
            }
        elif isinstance(node, ast.arg) and ast.unparse(node.annotation or node) == "asyncio.TaskGroup":
            names.add(node.arg)
    kept = [n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.value) in names]
    return names | {ast.unparse(target) for node in kept for target in node.targets}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_task_has_an_owner(path):
    tree = parsed(path)
    groups = groups_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("create_task", "ensure_future"):
            assert node.attr == "create_task"
            assert ast.unparse(node.value) in groups, f"line {node.lineno}"


def test_a_task_without_an_owner_would_be_seen():
    tree = ast.parse(
        "async def f():\n    async with asyncio.TaskGroup() as ours:\n        loop.create_task(g())\n"
    )
    assert groups_of(tree) == {"ours"}


LINES = {
    "agent/modbus/tcp.py": "TCP",
    "agent/modbus/serial.py": "serial lines",
    "agent/simulator/server.py": "the other end, for tests and the demo",
    "gateway/console/self_signed.py": "its own name",
    "gateway/console/server.py": "the console's port",
    "gateway/guests/door.py": "guests on this machine, at a socket of the kernel's",
    "gateway/guests/find.py": "the gateways on this machine",
    "gateway/notify.py": "the service manager",
    "gateway/sinks/influx_client.py": "options of the database's connection",
    "gateway/sinks/mqtt_link.py": "options of the broker's connection",
    "gateway/time_server.py": "a time server, UDP",
}
"""Who may open a line to anything, and to what. A new one here is a decision."""
OPENERS = {"socket", "serial", "termios", "tty", "pty", "pymodbus", "telnetlib"}

CONNECTORS = {"open_connection", "create_connection", "open_unix_connection", "create_unix_connection"}


def opens_a_line(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and {alias.name.partition(".")[0] for alias in node.names} & OPENERS:
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in OPENERS:
            return True
        if isinstance(node, ast.Attribute) and node.attr in CONNECTORS:
            return True
    return False


def test_only_known_rooms_open_a_line():
    assert {name_of(path) for path in SOURCES if opens_a_line(parsed(path))} == LINES.keys()


def test_one_room_asks_devices_and_only_for_reads():
    askers = set()
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module == "agent.modbus.pdu":
                askers |= {name_of(path) for alias in node.names if alias.name in ("request", "*")}
            if isinstance(node, ast.Import):
                assert "agent.modbus.pdu" not in {alias.name for alias in node.names}
    assert askers == {"agent/modbus/exchange.py"}


def test_the_agent_knows_no_gateway():
    for path in SOURCES:
        if path.is_relative_to(ROOT / "agent"):
            for node in ast.walk(parsed(path)):
                if isinstance(node, ast.ImportFrom):
                    assert not (node.module or "").startswith("gateway"), name_of(path)


def passes_on(handler: ast.ExceptHandler) -> bool:
    """It cleans up and lets the error go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_caught_that_was_not_expected(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler) and not passes_on(node):
            caught = "" if node.type is None else ast.unparse(node.type)
            assert caught not in ("", "Exception", "BaseException"), f"line {node.lineno}"
