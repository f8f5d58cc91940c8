"""The console in a real Chromium: the first paint, a thousand tiles, a long trend, a day on the wall.

    python benchmarks/console_browser.py [--seconds 30] [--rounds 5] [--hours 8]

The built pages are served by the console's own file server; in front of them stands a station of as many sites as asked
for, each of which changes every second. A slow machine is Chromium's own CPU throttle. Times are the browser's: of a
cold profile until the tiles stand and no task of 50 ms or more follows for 500 ms, and of the longest task (`longtask`).
"""

import argparse
import asyncio
import http.cookiejar
import json
import math
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from gateway.console.static_files import PAGES, StaticFiles
from gateway.console.testing import VISITOR, VISITOR_PASSWORD

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
FLEET, FEW, SLOW, STEPS = 1_000, 20, 6, 2_000
WATCH = """
localStorage.setItem('maplebridge.signed-in', 'yes');
window.tasks = []; window.lastTask = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) {
  window.tasks.push(one.duration); window.lastTask = one.startTime + one.duration; } }).observe({type: 'longtask', buffered: true});
window.firstTile = 0;
new MutationObserver((_, seen) => { if (document.querySelector('.tile')) {
  requestAnimationFrame(() => setTimeout(() => { window.firstTile ||= performance.now(); })); seen.disconnect(); } })
  .observe(document, {childList: true, subtree: true});
"""


def station(site: dict[str, Any], count: int, hertz: float) -> Starlette:
    """As many sites as asked for, all like this one; each changes `hertz` times a second."""

    def sites(turn: int) -> Iterator[dict[str, Any]]:
        now = round(time.time() * 1_000)
        for n in range(count):
            power = {**site["balance"], "pv_kw": {"value": (turn * 7 + n) % 100, "quality": "good"}}
            yield {
                **site,
                "id": f"site-{n:04}",
                "ts": now,
                "balance": power,
                "soc_pct": {"value": (turn + n) % 100, "quality": "good"},
            }

    async def events() -> AsyncIterator[str]:
        first = {
            "now": round(time.time() * 1_000),
            "sites": list(sites(0)),
            "devices": [],
            "alerts": [],
            "tickets": [],
        }
        yield f"event: snapshot\ndata: {json.dumps(first)}\n\n"
        for turn in range(1, 1_000_000):
            await asyncio.sleep(1 / hertz)
            now = round(time.time() * 1_000)
            tick = {
                "now": now,
                "sites": {f"site-{n:04}": {"ts": now, "state": site["state"]} for n in range(count)},
            }
            news = "".join(f"event: site\ndata: {json.dumps(one)}\n\n" for one in sites(turn))
            yield news + (f"event: tick\ndata: {json.dumps(tick)}\n\n" if turn % 2 == 0 else "")

    async def session(_request: Request) -> Response:
        return JSONResponse(
            {
                "user": "bench",
                "role": "viewer",
                "language": None,
                "expires": 4_000_000_000_000,
                "version": "0",
                "setup": False,
            }
        )

    async def listed(request: Request) -> Response:
        if one := request.path_params.get("site"):
            return JSONResponse({**site, "id": one})
        return JSONResponse({"items": list(sites(0)), "next": None})

    async def nothing(_request: Request) -> Response:
        return JSONResponse({"items": [], "next": None})

    async def stream(_request: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/api/v1/session", session),
            Route("/api/v1/sites", listed),
            Route("/api/v1/sites/{site}", listed),
            Route("/api/v1/events", stream),
            Route("/api/{rest:path}", nothing),
            Mount("/", StaticFiles(PAGES)),
        ]
    )


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """The first line that the process prints."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def page_of(browser: Browser, throttle: int, url: str, state: Any = None) -> Iterator[Page]:
    """A cold profile on a machine that is so many times slower."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, storage_state=state)
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.add_init_script(WATCH)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
    page.goto(url, wait_until="commit")
    yield page
    context.close()


def interactive_ms(browser: Browser, url: str, throttle: int) -> tuple[float, float]:
    """(tiles stand, nothing long for 500 ms after), from the navigation's start."""
    with page_of(browser, throttle, url) as page:
        page.wait_for_function("window.firstTile > 0")
        page.wait_for_function("performance.now() > Math.max(window.firstTile, window.lastTask) + 500")
        first, last = page.evaluate("[window.firstTile, window.lastTask]")
        return first, max(first, last)


def long_tasks(browser: Browser, url: str, throttle: int, seconds: int) -> dict[str, float]:
    """Of a page whose tiles all stand, over so many seconds."""
    with page_of(browser, throttle, url) as page:
        page.wait_for_function(f"document.querySelectorAll('.tile').length === {FLEET}")
        page.wait_for_timeout(5_000)
        paint = page.evaluate("window.firstTile")
        page.evaluate("window.tasks = []")
        before = page.inner_text(".tile >> nth=0")
        page.wait_for_timeout(seconds * 1_000)
        assert page.inner_text(".tile >> nth=0") != before, "the tiles stand still"
        tasks = page.evaluate("window.tasks")
    return {
        "tiles_stand_ms": round(paint),
        "long_tasks": len(tasks),
        "longest_ms": round(max(tasks, default=0)),
    }


def trend_ms(browser: Browser, throttle: int) -> float:
    """The longest task after the answer with 2,000 steps has come, with the chart drawn."""
    with started("-m", "gateway.console.testing", "--port", "0") as said:
        url = said.partition(" ")[0]
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        sign_in(opener, url)
        cookies = [{"name": c.name, "value": c.value, "url": url} for c in jar]
        with page_of(browser, throttle, "about:blank", {"cookies": [], "origins": []}) as page:
            page.context.add_cookies(cookies)
            now = round(time.time() * 1_000)
            ts = [now - 1_000 * (STEPS - n) for n in range(STEPS)]
            wave = [round(50 + 40 * math.sin(n / 300) + 3 * ((n * 37) % 101) / 100, 2) for n in range(STEPS)]
            series = {
                "from": ts[0], "to": now, "step_ms": 1_000, "ts": ts, "points": {"ac_power_kw": wave},
                "min": {"ac_power_kw": [v - 2 for v in wave]}, "max": {"ac_power_kw": [v + 2 for v in wave]},
                "gaps": {"ac_power_kw": []}, "units": {"ac_power_kw": "kW"}, "labels": {"ac_power_kw": {"en": "Power", "zh": "功率"}},
            }  # fmt: skip
            page.route("**/series*", lambda route: route.fulfill(json=series))
            page.goto(f"{url}/trend?p=village-hall/inv-1/ac_power_kw")
            page.wait_for_selector(".chart canvas")
            page.wait_for_timeout(3_000)
            page.evaluate("window.tasks = []")
            page.wait_for_timeout(12_000)  # it is asked again each 5 s, and drawn anew
            return max(page.evaluate("window.tasks"), default=0)


def heap_mb(browser: Browser, url: str, turns: int, hertz: float) -> dict[str, float]:
    """The wall view before and after so many changes of each site; the garbage is collected first."""
    with page_of(browser, 1, f"{url}/wall") as page:
        page.wait_for_selector(".wall-grid")
        cdp = page.context.new_cdp_session(page)

        def used() -> float:
            cdp.send("HeapProfiler.collectGarbage")
            return float(cdp.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

        page.wait_for_timeout(20_000)
        before = used()
        page.wait_for_timeout(1_000 * turns / hertz)
        return {"before_mb": round(before, 2), "after_mb": round(used(), 2)}


def sign_in(opener: urllib.request.OpenerDirector, url: str) -> None:
    body = json.dumps({"user": VISITOR, "password": VISITOR_PASSWORD}).encode()
    asked = urllib.request.Request(
        f"{url}/api/v1/session", data=body, headers={"Content-Type": "application/json", "Origin": url}
    )
    opener.open(asked, timeout=20).close()


def one_site() -> dict[str, Any]:
    """A site as the console's own server tells it."""
    with started("-m", "gateway.console.testing", "--port", "0") as said:
        url = said.partition(" ")[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        sign_in(opener, url)
        time.sleep(2)
        with opener.open(f"{url}/api/v1/sites/village-hall", timeout=20) as answer:
            return json.load(answer)


def serve(count: int, hertz: float) -> None:
    config = uvicorn.Config(
        station(one_site(), count, hertz), port=0, log_level="warning", timeout_graceful_shutdown=1
    )
    sock = config.bind_socket()
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run([sock])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=8, help="of wall view, in changes of 20 sites")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(int(options.serve[0]), float(options.serve[1]))
        return
    result: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with started(__file__, "--serve", str(FEW), "1") as url:
            for throttle in (1, SLOW):
                found = [interactive_ms(browser, url, throttle) for _ in range(options.rounds)]
                result[f"{FEW} tiles, {throttle}x: tiles stand, interactive, worst ms"] = [
                    round(max(times)) for times in zip(*found, strict=True)
                ]
        with started(__file__, "--serve", str(FLEET), "1") as url:
            for throttle in (1, SLOW):
                result[f"{FLEET} tiles, {throttle}x"] = long_tasks(browser, url, throttle, options.seconds)
        for throttle in (1, SLOW):
            result[f"trend of {STEPS} steps, {throttle}x: longest task ms"] = round(
                trend_ms(browser, throttle)
            )
        hertz = 50.0
        with started(__file__, "--serve", str(FEW), str(hertz)) as url:
            result[f"wall, {options.hours} h of changes"] = heap_mb(
                browser, url, round(3_600 * options.hours), hertz
            )
        browser.close()
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
