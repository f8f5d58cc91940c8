"""A village behind a real server, seen through a real Chromium."""

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[4]
STATIC = ROOT / "gateway/console/static"
AXE = ROOT / "gateway/console/web/node_modules/axe-core/axe.min.js"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Village:
    """The server's process; it can be stopped and continued like a gateway that hangs."""

    process: subprocess.Popen[str]
    url: str
    code: str

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def village(*flags: str) -> Iterator[Village]:
    command = [sys.executable, "-m", "gateway.console.testing", "--port", "0", *flags]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        url, _, code = process.stdout.readline().partition("  one-time code ")
        assert code, "the village did not start"
        yield Village(process, url.strip(), code.strip())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@dataclass
class Watched:
    """A page and everything on it that must never be."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str, ready: str = "main h1") -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_selector(ready)
        return self.page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        pytest.skip("needs Chromium from the distribution: apt-get install chromium fonts-noto-cjk")
    if not (STATIC / "index.html").is_file():
        pytest.fail("the front end is not built: make console")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(chromium: Browser) -> Iterator[tuple[Village, Any]]:
    """A village and the cookies of somebody who signed in by the printed code."""
    with village() as running:
        context = chromium.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{running.url}/sign-in#code={running.code}")
        page.wait_for_selector(".shell")
        cookies = context.storage_state()
        context.close()
        yield running, cookies


def _watch(context: BrowserContext, url: str) -> Watched:
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
    )
    watched = Watched(context.new_page(), url)

    def note(message: Any) -> None:
        if message.type == "error":
            watched.complaints.append(message.text)

    def foreign(request: Any) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            watched.complaints.append(f"foreign request {request.url}")

    watched.page.on("console", note)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("request", foreign)
    return watched


@pytest.fixture
def seen(chromium: Browser, signed_in: tuple[Village, Any]) -> Iterator[Callable[..., Watched]]:
    """`seen(lang, width)` is a signed-in page; at the end nobody may have complained."""
    running, cookies = signed_in
    made: list[tuple[BrowserContext, Watched]] = []

    def open_page(lang: str = "en", width: int = 1920, *, cookies: Any = cookies, **options: Any) -> Watched:
        height = 1080 if width > 1000 else 844
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="en-GB", storage_state=cookies, **options
        )
        context.set_default_timeout(8_000)
        if cookies is not None:
            context.add_init_script(f"localStorage.setItem('maplebridge.language', '{lang}')")
        watched = _watch(context, running.url)
        made.append((context, watched))
        return watched

    yield open_page
    complaints = [text for _, watched in made for text in watched.complaints]
    for context, _ in made:
        context.close()
    assert complaints == []


@pytest.fixture
def fresh_village() -> Iterator[Village]:
    """A village of one's own, for stories that stop it."""
    with village() as running:
        yield running


@pytest.fixture
def first_run() -> Iterator[Village]:
    """A village where nobody has an account yet."""
    with village("--first-run") as running:
        yield running


@pytest.fixture
def axe() -> Callable[[Page], list[Any]]:
    """What axe finds wrong with a page: rule, place, how to mend it."""
    if not AXE.is_file():
        pytest.skip("needs the front end's packages: make console")

    def faults(page: Page) -> list[Any]:
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            (one["id"], one["nodes"][0]["html"][:160], one["nodes"][0].get("failureSummary")) for one in found
        ]

    return faults
