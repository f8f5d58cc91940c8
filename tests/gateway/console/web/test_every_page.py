"""Each page in each language, width and theme: quiet, within its frame, and fit for everybody's senses."""

import json

import pytest

from gateway.console.testing_village import SITE

pytestmark = pytest.mark.browser

PAGES = {
    "site": (f"/sites/{SITE}", ".flow-frame .node"),
    "device": (f"/sites/{SITE}/devices/bat-1", ".chart canvas"),
    "alerts": ("/alerts", ".alerts tbody tr"),
    "alert": ("{alert}", ".rule"),
    "tickets": ("/tickets", ".tickets tbody tr"),
    "board": ("/tickets?view=board", ".column-card"),
    "ticket": ("{ticket}", ".acts"),
    "handover": ("/handover", ".two-columns"),
    "bad actors": ("/bad-actors", ".two-columns"),
    "system": ("/system", ".two-columns"),
    "trends": (f"/trend?p={SITE}/bat-1/soc_pct,{SITE}/inv-1/ac_power_kw", ".chart canvas"),
    "wall": ("/wall", ".wall-grid"),
    "more": ("/more", ".line-rows"),
    "users": ("/users", ".user-row"),
    "commission": ("/commission", ".scan-form"),
    "nowhere": ("/nowhere", ".empty"),
}


TOO_SMALL_FOR_FINGERS = """() => [...document.querySelectorAll('button, input, select, .menu a, .line-row, .topbar a')]
    .filter((e) => e.checkVisibility() && !e.matches('.point-name'))
    .filter((e) => (e.closest('label.check') ?? e).getBoundingClientRect().height < 40).map((e) => e.outerHTML.slice(0, 100))"""


def pages(watched):
    """Each page once it is there; ids are found the way a person finds them: on the lists."""
    links = {}
    for name, (path, ready) in PAGES.items():
        page = watched.open(links[name] if path.startswith("{") else path, ready)
        yield name, page
        if name in ("alerts", "tickets"):
            link = page.locator(f"main a[data-row][href^='/{name}/']").last
            links[name.removesuffix("s")] = link.get_attribute("href")


@pytest.mark.parametrize(
    ("lang", "width", "theme"),
    [("zh", 390, "light"), ("en", 390, "dark"), ("zh", 1920, "dark"), ("en", 1920, "light")],
)
def test_each_page_is_quiet_within_its_frame_and_accessible(seen, axe, lang, width, theme):
    watched = seen(lang, width, color_scheme=theme)
    faults = {}
    small = {}
    for name, page in pages(watched):
        assert page.evaluate("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[lang]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name}: too wide"
        faults[name] = axe(page)
        if width == 390:
            small[name] = page.evaluate(TOO_SMALL_FOR_FINGERS)
    assert {name: found for name, found in faults.items() if found} == {}
    assert {name: found for name, found in small.items() if found} == {}


@pytest.mark.parametrize("width", [390, 1920])
def test_signing_in_is_quiet_and_accessible_in_both_languages(seen, axe, width):
    watched = seen("en", width, cookies=None)
    page = watched.open("/alerts", ".sign-in-card form")
    faults = {}
    for lang, other in (("en", "中文"), ("zh-CN", "English")):
        assert page.evaluate("document.documentElement.lang") == lang
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "too wide"
        for way in ("password", "code"):
            faults[lang, way] = axe(page)
            page.locator(".sign-in-card footer .link").first.click()
        page.get_by_role("button", name=other).click()
        page.wait_for_function("(before) => document.documentElement.lang !== before", arg=lang)
    assert {at: found for at, found in faults.items() if found} == {}


def test_what_is_still_coming_is_shown_in_grey_and_told(seen, axe):
    watched = seen("en")
    page = watched.page
    page.route(f"**/api/v1/sites/{SITE}/devices/bat-1", lambda _route: None)
    page.goto(f"{watched.url}/sites/{SITE}/devices/bat-1")
    page.wait_for_selector(".loading .block")
    assert page.get_by_role("status").filter(has_text="Loading").count() == 1
    assert page.locator(".topbar .lamp").is_visible(), "the shell waits for the page"
    assert axe(page) == []


CALM = {"critical": 0, "high": 0, "medium": 0, "low": 0, "shelved": 0, "unacknowledged": 0}


def fleet_of(watched, count):
    """So many calm sites, like the real one."""
    page = watched.page
    page.goto(watched.url + "/alerts")
    page.wait_for_selector(".topbar-site")
    site = page.evaluate(f"fetch('/api/v1/sites/{SITE}').then((r) => r.json())")
    return [{**site, "id": f"site-{n:02}", "state": "online", "alerts": CALM} for n in range(count)]


def show_fleet(watched, fleet, *later):
    """The fleet page, with what the stream says after the first picture."""
    page = watched.page
    snapshot = {"now": fleet[0]["ts"], "sites": fleet, "devices": [], "alerts": [], "tickets": []}
    events = [("snapshot", snapshot), *(("site", site) for site in later)]
    body = "".join(f"event: {kind}\ndata: {json.dumps(said)}\n\n" for kind, said in events)
    page.route("**/api/v1/events*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.route("**/api/v1/sites", lambda route: route.fulfill(json={"items": fleet, "next": None}))
    page.goto(watched.url + "/")
    page.wait_for_selector(".tile")
    return page


def first_tiles(page, count):
    return page.eval_on_selector_all(".tile", f"(tiles) => tiles.slice(0, {count}).map((t) => t.dataset.row)")


def test_twenty_sites_fit_one_screen_worst_first(seen):
    watched = seen("en", 1920)
    fleet = fleet_of(watched, 20)
    fleet[7]["alerts"] = {**CALM, "high": 1}
    fleet[11]["alerts"] = {**CALM, "critical": 1}
    fleet[13]["state"] = "offline"
    page = show_fleet(watched, fleet)
    assert page.locator(".tile").count() == 20
    assert first_tiles(page, 3) == ["site-11", "site-07", "site-13"]
    assert page.locator(".tile .mark").first.get_attribute("aria-label")
    page.wait_for_function("document.querySelectorAll('.tile .fill').length >= 20")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "20 sites need scrolling"


def test_a_site_far_down_comes_up_when_it_is_in_trouble(seen):
    watched = seen("en", 1920)
    fleet = fleet_of(watched, 90)
    page = show_fleet(watched, fleet, {**fleet[88], "alerts": {**CALM, "critical": 1}})
    page.wait_for_function("document.querySelector('.tile').dataset.row === 'site-88'")
    assert first_tiles(page, 3) == ["site-88", "site-00", "site-01"]
    last = page.locator(".tile").last
    assert last.text_content()
    assert last.locator(".tile-bar").count() == 0, "nobody looks at it"
    last.scroll_into_view_if_needed()
    last.locator(".tile-bar").first.wait_for()
