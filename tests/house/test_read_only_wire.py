"""The tap that watches every byte sent to devices can go red: in this process and in its children."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TAP = Path(__file__).parents[1] / "tap"
SENDS = """
import asyncio, socket
from agent.modbus.wire import Wire


class Nobody:
    def ended(self, why):
        pass


async def send(request):
    ours, theirs = socket.socketpair()
    with theirs:
        wire = Wire(ours, Nobody())
        wire.send(request)
        wire.end("")


request = bytes.fromhex({request!r})
"""
HERE = SENDS + "def test_it():\n    asyncio.run(send(request))\n"
CHILD = (
    "import subprocess, sys\n\ndef test_it():\n"
    "    subprocess.run([sys.executable, '-c', {child!r}], check=True)\n"
)


def session(tmp_path, text):
    """A session of its own with one test in it, under the tap alone."""
    (tmp_path / "test_one.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if name != "MAPLEBRIDGE_WIRE_TAP"}
    environment["PYTHONPATH"] = os.pathsep.join((str(TAP), str(TAP.parents[1])))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "wire_tap", "-c", "/dev/null", "-q", str(tmp_path)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


REQUESTS = [
    ("000100000006010300000064", 3, 0),
    ("0001000000050 12b0e0100".replace(" ", ""), 43, 0),
    ("000100000006010600000064", 6, 1),
    ("010600000001480a", 6, 1),
    ("00010000000b0110000000020400010002", 16, 1),
    ("68656c6c6f", None, 1),
]


@pytest.mark.parametrize("where", ["here", "child"])
@pytest.mark.parametrize(("request_hex", "function", "status"), REQUESTS)
def test_a_session_fails_if_anything_but_a_read_was_sent(tmp_path, where, request_hex, function, status):
    text = HERE.format(request=request_hex)
    if where == "child":
        text = CHILD.format(child=SENDS.format(request=request_hex) + "asyncio.run(send(request))\n")
    run = session(tmp_path, text)
    assert f"function codes sent to devices: {function} (1 processes)" in run.stdout, run.stdout + run.stderr
    assert run.returncode == status, run.stdout
    assert ("NOT A READ" in run.stdout) is bool(status)
