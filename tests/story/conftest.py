"""The program as its users have it: processes, files, sockets. Simulated devices live in the test's own process."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agent.simulator.device import SimulatedDevice
from agent.simulator.server import RtuServer, TcpServer
from gateway.profiles import ProfileShelf

MAPLEBRIDGE = (sys.executable, "-c", "from gateway.commands import main; main()")
READS = {1, 2, 3, 4, 43}
"""Function codes that only read (Modbus Application Protocol V1.1b3, 6)."""


class Watched(SimulatedDevice):
    """Remembers which function codes it was asked with."""

    def __init__(self, profile, functions: set[int], serial: str) -> None:
        super().__init__(profile, serial)
        self._functions = functions

    def answer(self, pdu):
        self._functions.add(pdu[0])
        return super().answer(pdu)


@pytest.fixture
def functions():
    """Function codes that any simulated unit of the test was asked with; only reads are allowed."""
    seen: set[int] = set()
    yield seen
    assert seen <= READS


@pytest.fixture
def simulated(functions):
    """`simulated(profile name, serial)` → a device; `.set(point=value)` changes its registers."""
    shelf = ProfileShelf()
    return lambda name, serial="": Watched(shelf.find(name), functions, serial)


@pytest.fixture
async def serve():
    """`serve(units, rtu=False)` → a TCP bus's URL; `serve.line(units)` → that of a serial line."""
    async with contextlib.AsyncExitStack() as stack:

        async def tcp(units, *, rtu: bool = False) -> str:
            server = TcpServer(units, rtu=rtu)
            port = await server.start()
            stack.push_async_callback(server.close)
            return f"{'rtu+tcp' if rtu else 'tcp'}://127.0.0.1:{port}"

        async def line(units) -> str:
            server = RtuServer(units)
            path = await server.start()
            stack.push_async_callback(server.close)
            return f"rtu://{path}?baudrate=115200"

        tcp.line = line
        yield tcp


class Answer:
    """What a command said."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()

    @property
    def json(self):
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)


@pytest.fixture
def maplebridge():
    """`await maplebridge("tickets", "list", ...)` → what the command said."""

    async def run(*arguments: object) -> Answer:
        process = await asyncio.create_subprocess_exec(
            *MAPLEBRIDGE,
            *map(str, arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Answer(process.returncode, out, err)

    return run


class Gateway:
    """A `maplebridge` process that runs on; stderr goes to a file."""

    def __init__(self, arguments: tuple[str, ...], log: Path, program: tuple[str, ...] = MAPLEBRIDGE) -> None:
        self._arguments = (*program, *arguments)
        self._log = log
        self._process: asyncio.subprocess.Process
        self.ready: dict = {}

    async def start(self) -> "Gateway":
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return self

    async def line(self, deadline_s: float = 30) -> str:
        """The next line on stdout; empty at the end."""
        return (await asyncio.wait_for(self._process.stdout.readline(), deadline_s)).decode()

    async def until_ready(self) -> "Gateway":
        said = await self.line()
        assert said, self.log
        self.ready = json.loads(said)
        return self

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def _signal(self, number: int) -> None:
        """Straight to the kernel: asyncio's own way polls first, and so takes the exit code from its watcher."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def hup(self) -> None:
        self._signal(signal.SIGHUP)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        self._signal(signal.SIGINT)

    async def kill(self) -> None:
        """SIGKILL, now."""
        self._signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self, deadline_s: float = 10) -> int:
        """SIGTERM; the exit code."""
        if self.alive:
            self._signal(signal.SIGTERM)
        return await self.ended(deadline_s)

    async def ended(self, deadline_s: float) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.wait_for(self._process.wait(), deadline_s)


@pytest.fixture
async def gateway(tmp_path):
    """`await gateway("run", site, ...)` → the started process, not yet ready; `program` is another one than ours."""
    started: list[Gateway] = []

    async def start(*arguments: object, program: tuple[str, ...] = MAPLEBRIDGE) -> Gateway:
        log = tmp_path / f"gateway-{len(started)}.log"
        process = Gateway(tuple(map(str, arguments)), log, program)
        started.append(process)
        return await process.start()

    yield start
    for process in started:
        if process.alive:
            await process.kill()


class Api:
    """The HTTP API as a script uses it; each call gives (status, document or bytes)."""

    def __init__(self, base: str, token: str = "") -> None:
        self.base = base
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.cookie = ""

    async def get(self, path: str):
        return await asyncio.to_thread(self._ask, path, None)

    async def post(self, path: str, body: dict):
        return await asyncio.to_thread(self._ask, path, body)

    def _ask(self, path: str, body: dict | None):
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
            headers["Origin"] = self.base
        if self.cookie:
            headers["Cookie"] = self.cookie
        request = urllib.request.Request(self.base + path, data=data, headers=headers)  # noqa: S310  # ours
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  # ours
                return self._told(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return self._told(refusal)

    def _told(self, answer):
        if cookie := answer.headers.get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        content = answer.read()
        is_json = (answer.headers.get("Content-Type") or "").endswith(("/json", "+json"))  # not ndjson
        return answer.status, json.loads(content) if is_json and content else content


@pytest.fixture
def api():
    """`api(base, token)`."""
    return Api


@pytest.fixture
def eventually():
    """`await eventually(async question, what)` → its first true answer."""

    async def wait(question, what: str, deadline_s: float = 15.0):
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while loop.time() < end:
            if answer := await question():
                return answer
            await asyncio.sleep(0.05)
        raise AssertionError(f"waited {deadline_s:g} s for: {what}")

    return wait


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch):
    """Nothing of the machine's own set-up reaches the processes."""
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    root = os.fspath(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root, prepend=os.pathsep)  # before the tap's folder, which stays
