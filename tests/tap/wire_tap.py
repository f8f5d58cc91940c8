"""Looks at every byte that the program sends to devices, in the whole suite and in its child processes.

Whatever `agent` (its simulator apart) sends through a socket or a file descriptor is taken for a
Modbus request. At the end of the session the function codes must be reads; else the session fails.
"""

import functools
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

FOLDER = "MAPLEBRIDGE_WIRE_TAP"
READS = {1, 2, 3, 4, 43}
_SENDING = ("send", "sendall", "sendto", "sendmsg", "sendfile")
_WRITING = ("write", "writev", "pwrite", "sendfile")
_write = os.write
_noted = set()
_name = []


def install(folder, name="child"):
    """Put the tap on this process; it notes down in `folder`, at once, what it has not seen before."""
    _name[:] = [name]
    if getattr(os.write, "is_tap", False):
        return
    for name in _WRITING:
        setattr(os, name, _tapped(getattr(os, name), folder))
    for name in _SENDING:
        setattr(socket.socket, name, _tapped(getattr(socket.socket, name), folder))


def _tapped(send, folder):
    @functools.wraps(send)
    def tap(*args, **kwargs):
        if _is_for_a_device(sys._getframe(1)):
            _note(args[1] if len(args) > 1 else b"", folder)
        return send(*args, **kwargs)

    tap.is_tap = True
    return tap


def _is_for_a_device(frame):
    """Whether the innermost part of the program that is at work here is the agent's, not the simulator."""
    if frame.f_code.co_name == "_write_to_self":  # asyncio wakes its own loop
        return False
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(("agent.", "gateway.")):
            return name.startswith("agent.") and not name.startswith("agent.simulator")
        frame = frame.f_back
    return False


def _note(sent, folder):
    sent = sent if isinstance(sent, bytes) else b"".join(bytes(part) for part in sent)
    function = function_of(sent)
    if (function, os.getpid()) in _noted and function is not None:
        return
    _noted.add((function, os.getpid()))
    line = f"{function} {sent.hex()} {' '.join(sys.argv)}\n"
    fd = os.open(f"{folder}/{_name[0]}-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write(fd, line.encode())
    os.close(fd)


def function_of(sent):
    """The function code of one Modbus request over TCP or RTU; None for anything else."""
    is_tcp = len(sent) >= 8 and sent[2:4] == b"\0\0" and int.from_bytes(sent[4:6], "big") == len(sent) - 6
    if is_tcp and len(sent) in (11, 12) and sent[7] in READS:
        return sent[7]
    if len(sent) >= 4 and _crc(sent) == 0:
        return sent[1]
    return sent[7] if is_tcp else None


def _crc(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def faults(folder, tests):
    """What is wrong with all that was noted down while these tests ran."""
    notes = [(path.name, line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
    reads = {str(function) for function in READS}
    found = [f"sent to a device: {line}" for _, line in notes if line.split()[0] not in reads]
    threes = {name.partition("-")[0] for name, line in notes if line.split()[0] == "3"}
    if any("agent/modbus/test_bus.py" in test for test in tests) and "test" not in threes:
        found.append("the tap has not seen a single read of holding registers: it sees nothing")
    if any("story/test_walk.py" in test for test in tests) and "child" not in threes:
        found.append("the tap has not seen a single read of a child process: it sees nothing there")
    return found, notes


class WireTap:
    """One session's tap: the process that leads it makes the folder and judges; its workers only note down."""

    def __init__(self):
        self.leads = FOLDER not in os.environ
        if self.leads:
            os.environ[FOLDER] = tempfile.mkdtemp(prefix="wire-tap-")
            here = str(Path(__file__).parent)
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
        self.folder = Path(os.environ[FOLDER])
        self.ran = set()
        install(str(self.folder), "test")

    def pytest_runtest_logreport(self, report):
        self.ran.add(report.nodeid)

    def pytest_sessionfinish(self, session, exitstatus):
        if not self.leads:
            return
        self.found, self.notes = faults(self.folder, self.ran if exitstatus == 0 else ())
        if self.found and exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        functions = sorted({line.split()[0] for _, line in self.notes})
        processes = len({name for name, _ in self.notes})
        terminalreporter.write_line(
            f"function codes sent to devices: {', '.join(functions) or 'none'} ({processes} processes)"
        )
        for fault in self.found:
            terminalreporter.write_line(f"NOT A READ OR NOT SEEN: {fault}", red=True)

    def pytest_unconfigure(self):
        if self.leads:
            shutil.rmtree(self.folder, ignore_errors=True)
            del os.environ[FOLDER]


def pytest_configure(config):
    config.pluginmanager.register(WireTap())
