"""Each page in each language, width and theme: quiet, within its frame, and fit for everybody's senses."""

import json
from pathlib import Path

import pytest

from gateway.console.testing_village import SITE

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[4]
AXE = ROOT / "gateway/console/web/node_modules/axe-core/axe.min.js"
PAGES = {
    "site": (f"/sites/{SITE}", ".flow-frame .node"),
    "device": (f"/sites/{SITE}/devices/bat-1", ".chart canvas"),
    "alerts": ("/alerts", ".alerts tbody tr"),
    "alert": ("{alert}", ".rule"),
    "tickets": ("/tickets", ".tickets tbody tr"),
    "board": ("/tickets?view=board", ".column-card"),
    "ticket": ("{ticket}", ".acts"),
    "nowhere": ("/nowhere", ".empty"),
}


def addresses(watched):
    """Each page with what shows that it is there; ids are found the way a person finds them."""
    for name, (path, ready) in PAGES.items():
        if path.startswith("{"):
            link = (
                watched.open(f"/{name}s", f"main [data-row][href^='/{name}s/']")
                .locator("main a[data-row]")
                .last
            )
            yield name, link.get_attribute("href"), ready
        else:
            yield name, path, ready


def faults_by_axe(page):
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:160], one["nodes"][0].get("failureSummary")) for one in found
    ]


@pytest.mark.parametrize(
    ("lang", "width", "theme"),
    [("zh", 390, "light"), ("en", 390, "dark"), ("zh", 1920, "dark"), ("en", 1920, "light")],
)
def test_each_page_is_quiet_within_its_frame_and_accessible(seen, lang, width, theme):
    if not AXE.is_file():
        pytest.skip("needs the front end's packages: make console")
    watched = seen(lang, width, color_scheme=theme)
    faults = {}
    for name, path, ready in addresses(watched):
        page = watched.open(path, ready)
        assert page.evaluate("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[lang]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name}: too wide"
        faults[name] = faults_by_axe(page)
    assert {name: found for name, found in faults.items() if found} == {}


def test_fingers_find_every_control_on_a_phone(seen):
    watched = seen("zh", 390)
    small = {}
    for name, path, ready in addresses(watched):
        page = watched.open(path, ready)
        small[name] = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, .menu a, .line-row, .topbar a')]
                .filter((e) => e.checkVisibility() && !e.matches('.point-name'))
                .filter((e) => e.getBoundingClientRect().height < 40).map((e) => e.outerHTML.slice(0, 100))"""
        )
    assert {name: found for name, found in small.items() if found} == {}


def test_twenty_sites_fit_one_screen_worst_first(seen, signed_in):
    watched = seen("en", 1920)
    page = watched.page
    running, _ = signed_in
    page.goto(running.url + "/alerts")
    page.wait_for_selector(".topbar-site")
    site = page.evaluate(f"fetch('/api/v1/sites/{SITE}').then((r) => r.json())")
    calm = {"critical": 0, "high": 0, "medium": 0, "low": 0, "shelved": 0, "unacknowledged": 0}
    fleet = [{**site, "id": f"site-{n:02}", "state": "online", "alerts": calm} for n in range(20)]
    fleet[7]["alerts"] = {**calm, "high": 1}
    fleet[11]["alerts"] = {**calm, "critical": 1}
    fleet[13]["state"] = "offline"
    snapshot = {"now": site["ts"], "sites": fleet, "devices": [], "alerts": [], "tickets": []}
    body = f"event: snapshot\ndata: {json.dumps(snapshot)}\n\n"
    page.route("**/api/v1/events*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.route("**/api/v1/sites", lambda route: route.fulfill(json={"items": fleet, "next": None}))
    page.goto(running.url + "/")
    page.wait_for_selector(".tile")
    assert page.locator(".tile").count() == 20
    order = page.eval_on_selector_all(".tile", "(tiles) => tiles.slice(0, 3).map((t) => t.dataset.row)")
    assert order == ["site-11", "site-07", "site-13"]
    assert page.locator(".tile .mark").first.get_attribute("aria-label")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "20 sites need scrolling"
