# ruff: noqa: INP001  # a script beside the pages, no package
"""`make screenshots`: docs/console/*.png, taken from the running demo in Chromium.

Each page at a desk's and a phone's size, in both languages, in light and in dark colours;
and a fleet of twenty sites, without colour.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs/console"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
SITE = "/sites/village-hall"
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1920, "height": 1080}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 1.5, "has_touch": True},
}
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
MAX_BYTES = 250_000
DEADLINE_S = 120
RULE = "BAT-02"
SCANNED = "rs485-1"
CURVE_S = 60
OFFLINE = 14


@contextmanager
def demo(folder: str) -> Iterator[tuple[str, str]]:
    """The demo on a free port: its address and its one-time code. A slow day keeps the pictures alike."""
    maplebridge = Path(sys.executable).with_name("maplebridge")
    command = [maplebridge, "demo", "--port", "0", "--data", folder, "--speed", "20"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own command
    try:
        for line in process.stdout or ():
            if found := re.search(r"(http://\S+)/#code=(\S+)", line):
                yield found[1], found[2]
                return
        sys.exit("the demo ended before it was ready")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def items(page: Page, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("(path) => fetch(path).then((r) => r.json())", path)["items"]
    return found


def pages(page: Page) -> dict[str, tuple[str, str]]:
    """Path of each page and what shows that it is there, once the battery's alert has its ticket."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        alert = next((one for one in items(page, "/api/v1/alerts") if one["rule"] == RULE), None)
        if alert is not None and alert["ticket"] is not None:
            return {
                "site": (SITE, ".flow-frame .node"),
                "device": (f"{SITE}/devices/bat-1?p=cell_temperature_max_c", ".chart canvas"),
                "alerts": ("/alerts", ".alerts tbody tr"),
                "alert": (f"/alerts/{alert['id']}", ".rule"),
                "tickets": ("/tickets", ".tickets tbody tr"),
                "ticket": (f"/tickets/{alert['ticket']}", ".checklist"),
                "trends": (
                    "/trend?p=village-hall/bat-1/soc_pct,village-hall/inv-1/ac_power_kw",
                    ".chart canvas",
                ),
                "handover": ("/handover", ".two-columns"),
                "bad-actors": ("/bad-actors", ".two-columns"),
                "system": ("/system", ".two-columns"),
                "wall": ("/wall", ".wall-grid"),
                "users": ("/users", ".user-row"),
                "scan": ("/commission", ".found-unit"),
                "setup": ("/setup", ".next-steps"),
            }
        page.wait_for_timeout(500)
    sys.exit(f"no ticket of {RULE} within {DEADLINE_S} s")


def make_first_user(page: Page, url: str) -> None:
    """The first run as a person does it; it signs in the page, too."""
    page.goto(f"{url}/setup")
    page.get_by_label("User name").fill("wang")
    page.get_by_label("Password", exact=True).fill("seven geese cross the weir")
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_selector(".next-steps")


def scan(page: Page, url: str) -> None:
    """One bus is scanned, so that there is something to show."""
    page.goto(f"{url}/commission")
    page.locator(".scan-form select").select_option(SCANNED)
    page.get_by_label("Unit ids").fill("1-12")
    page.get_by_role("button", name="Start the scan").click()
    page.wait_for_selector(".scan-done", timeout=DEADLINE_S * 1_000)


def shoot(page: Page, url: str, ready: str, name: str) -> None:
    page.goto(url)
    page.wait_for_selector(ready)
    page.wait_for_timeout(1_000)
    path = TARGET / f"{name}.png"
    page.screenshot(path=path)
    if path.stat().st_size > MAX_BYTES:
        sys.exit(f"{path.name} has {path.stat().st_size} bytes, more than {MAX_BYTES}")


def take_all(browser: Browser, url: str, code: str) -> None:
    begun = time.monotonic()
    first = browser.new_context(locale="en-GB")
    page = first.new_page()
    page.goto(f"{url}/#code={code}")
    page.wait_for_selector(".shell")
    make_first_user(page, url)
    cookies: Any = first.storage_state()
    wanted = pages(page)
    scan(page, url)
    # The trend of a minute is a curve.
    page.wait_for_timeout(max(0.0, CURVE_S - (time.monotonic() - begun)) * 1_000)
    for lang, locale in LANGUAGES.items():
        for size, options in SIZES.items():
            for theme in ("light", "dark"):
                common: Any = {**options, "locale": locale, "color_scheme": theme, "reduced_motion": "reduce"}
                end = f"{size}-{lang}{'-dark' if theme == 'dark' else ''}"
                outside = browser.new_context(**common)
                shoot(outside.new_page(), f"{url}/sign-in", ".sign-in-card", f"sign-in-{end}")
                outside.close()
                context = browser.new_context(**common, storage_state=cookies)
                context.add_init_script(f"localStorage.setItem('maplebridge.language', '{lang}')")
                inside = context.new_page()
                for name, (path, ready) in wanted.items():
                    shoot(inside, url + path, ready, f"{name}-{end}")
                context.close()
    grey_fleet(browser, url, cookies)


def grey_fleet(browser: Browser, url: str, cookies: Any) -> None:
    """Twenty sites made of the demo's one, without colour: six are not as they should be."""
    context = browser.new_context(**SIZES["desktop"], storage_state=cookies, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{url}/alerts")
    page.wait_for_selector(".topbar-site")
    site = page.evaluate(f"fetch('/api/v1{SITE}').then((r) => r.json())")
    calm = dict.fromkeys(("critical", "high", "medium", "low", "shelved", "unacknowledged"), 0)
    trouble = {
        3: {"critical": 1, "low": 2},
        7: {"high": 2},
        9: {"high": 1},
        12: {"medium": 3},
        17: {"low": 1},
    }
    fleet = [
        {
            **site,
            "id": f"site-{n:02}",
            "name": {"en": f"Village {n + 1}", "zh": f"{n + 1} 村"},
            "state": "offline" if n == OFFLINE else "online",
            "ts": site["ts"] - (840_000 if n == OFFLINE else 0),
            "alerts": {**calm, **trouble.get(n, {})},
            "tickets": {**site["tickets"], "next": None},
        }
        for n in range(20)
    ]
    snapshot = {"now": site["ts"] + 1_000, "sites": fleet, "devices": [], "alerts": [], "tickets": []}
    body = f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
    page.route("**/api/v1/events*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.route("**/api/v1/sites", lambda route: route.fulfill(json={"items": fleet, "next": None}))
    context.new_cdp_session(page).send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    shoot(page, url, ".tile-bar", "fleet-grey")
    context.close()


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(folder) as (url, code),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take_all(browser, url, code)
        browser.close()
    pictures = sorted(TARGET.glob("*.png"))
    sys.stdout.write(
        f"{len(pictures)} pictures, {sum(p.stat().st_size for p in pictures) // 1_000} kB, in {TARGET}\n"
    )


if __name__ == "__main__":
    main()
