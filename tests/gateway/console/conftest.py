"""A real console server over a make-believe village, and clients that speak real HTTP to it."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent.clock import ManualClock
from gateway.console.app import Console, create_app
from gateway.console.config import ConsoleConfig
from gateway.console.password import PasswordHash
from gateway.console.server import ConsoleServer
from gateway.console.testing import FakeSite, fake_site
from gateway.console.users import Users

PASSWORD = "three green maple leaves"
HASH = PasswordHash.of(PASSWORD)
PAGES = {
    "index.html": "<!doctype html><title>Maplebridge</title>",
    "assets/app-1a2b3c.js": "export const x = 1;",
    "favicon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@dataclass
class Running:
    """A console that listens."""

    url: str
    site: FakeSite
    clock: ManualClock
    users: Users
    console: Console
    data: Path
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    def client(self, **headers: str) -> httpx2.AsyncClient:
        made = httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)
        self.clients.append(made)
        return made

    def as_role(self, role: str, name: str | None = None) -> httpx2.AsyncClient:
        """A client with a bearer token of a user of that role."""
        user = name or f"{role}-1"
        self.users.add(user, role, None)
        return self.client(Authorization=f"Bearer {self.users.add_token(user)}")

    async def signed_in(self, role: str, name: str | None = None) -> httpx2.AsyncClient:
        """A client with a session cookie."""
        user = name or f"{role}-1"
        self.users.add(user, role, HASH)
        client = self.client()
        answer = await client.post("/api/v1/session", json={"user": user, "password": PASSWORD})
        assert answer.status_code == 204, answer.text
        return client


@contextlib.asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Running]:
    clock = ManualClock()
    site = fake_site(clock)
    users = Users(folder / "data")
    pages = folder / "static"
    for name, text in PAGES.items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(text)
    (pages / "assets/app-1a2b3c.js.gz").write_bytes(gzip.compress(b"packed"))
    console = create_app(site.ports, users, pages=pages, window_s=0.03)
    config = ConsoleConfig(listen="127.0.0.1:0", **options)
    server = ConsoleServer(console, config, folder=folder, data=folder / "data")
    url = server.bind()
    task = asyncio.get_running_loop().create_task(server.run())
    made = Running(url, site, clock, users, console, folder / "data")
    try:
        yield made
    finally:
        for client in made.clients:
            await client.aclose()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as made:
        made.site.village.poll(11.0)
        yield made


@dataclass
class Event:
    """One event of the stream."""

    name: str
    data: Any
    id: str | None


class Stream:
    """An open event stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Event:
        name, data, id_ = "message", None, None
        async for line in self._lines:
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data = json.loads(value)
            elif key == "id":
                id_ = value
            elif not line and data is not None:
                return Event(name, data, id_)
        raise EOFError

    async def until(self, name: str, fits: Callable[[Any], bool] = lambda _data: True) -> Event:
        """The next event of that name; fails after five seconds."""
        async with asyncio.timeout(5):
            while True:
                event = await self.next()
                if event.name == name and fits(event.data):
                    return event


@contextlib.asynccontextmanager
async def _streaming(client: httpx2.AsyncClient, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", f"/api/v1/events{query}", headers=headers) as response:
        assert response.status_code == 200
        yield Stream(response)


@pytest.fixture
def streaming():
    """`async with streaming(client, "?detail=fleet") as stream: await stream.until("tick")`."""
    return _streaming


@pytest.fixture
def start_console():
    """For consoles with other settings than usual."""
    return running


@pytest.fixture
def password():
    return PASSWORD
