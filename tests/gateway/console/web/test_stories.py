"""What people do on the pages, from signing in to being refused."""

import re

import pytest
from playwright.sync_api import expect

from gateway.console.testing import VISITOR, VISITOR_PASSWORD
from gateway.console.testing_village import SITE

pytestmark = pytest.mark.browser


def test_signing_in_leads_to_the_page_that_was_asked_for(chromium, fresh_village):
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(f"{fresh_village.url}/tickets")
    expect(page).to_have_url(re.compile(r"/sign-in\?to=%2Ftickets$"))
    expect(page.get_by_role("button", name="登录", exact=True)).to_be_visible()
    page.get_by_label("用户名").fill("nobody")
    page.get_by_label("密码").fill("wrong password")
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("用户名或密码不正确。")
    page.get_by_role("button", name="使用一次性登录码").click()
    page.get_by_label("一次性登录码").fill(fresh_village.code)
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page).to_have_url(f"{fresh_village.url}/tickets")
    expect(page.get_by_role("heading", level=1)).to_have_text("工单")
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(f"{fresh_village.url}/sign-in")
    context.close()


def test_a_viewer_sees_everything_and_is_told_who_may_act(seen):
    page = seen("en", cookies=None).open("/alerts", ".sign-in-card form")
    page.get_by_label("User name").fill(VISITOR)
    page.get_by_label("Password").fill(VISITOR_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    acknowledge = page.get_by_role("button", name="Acknowledge").first
    expect(acknowledge).to_be_disabled()
    expect(acknowledge).to_have_accessible_description("Needs the role operator")
    page.get_by_role("link", name=re.compile("^Tickets")).click()
    expect(page.get_by_role("button", name="Open a ticket")).to_be_disabled()
    page.locator(".ticket-title a").first.click()
    expect(page.locator(".acts button").first).to_be_disabled()
    expect(page.locator(".acts")).to_contain_text("Needs the role inspector")


@pytest.mark.parametrize(
    ("lang", "why"),
    [("en", "the device says not available (0x8000)"), ("zh", "设备表示没有该量(0x8000)")],
)
def test_a_value_that_is_missing_says_why_with_its_register(seen, lang, why):
    page = seen(lang, width=390).open(f"/sites/{SITE}/devices/inv-1", "table.points")
    row = page.get_by_role("row").filter(has_text="insulation_kohm")
    expect(row.locator(".point-why")).to_have_text(why)
    expect(row.locator(".point-raw")).to_have_text(re.compile(r"^holding \d+ 0x8000$"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_person_opens_a_ticket_and_adds_a_file(seen):
    page = seen("en").open("/tickets", ".tickets tbody tr")
    page.get_by_role("button", name="Open a ticket").click()
    dialog = page.get_by_role("dialog", name="Open a ticket")
    dialog.get_by_label("What it is about").fill("Gate of the battery room does not lock")
    dialog.get_by_label("Kind").select_option("defect")
    dialog.get_by_label("Device").select_option("bat-1")
    dialog.get_by_role("button", name="Open a ticket").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Gate of the battery room")
    page.get_by_role("button", name="Add evidence").click()
    lock = {"name": "门 lock.txt", "mimeType": "text/plain", "buffer": b"it hangs"}
    page.get_by_label("File").set_input_files([lock])
    page.get_by_label("What it is").select_option("document")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".evidence")).to_contain_text("lock.txt")
    page.get_by_role("button", name="Add evidence").click()
    page.get_by_label("File").set_input_files([lock | {"buffer": b"x" * 1_000_001}])
    page.get_by_label("What it is").select_option("document")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".refusal")).to_contain_text("at most 1 MB can be sent")
    page.get_by_label("File").set_input_files([lock])
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".evidence")).to_contain_text("lock-2.txt")


def test_the_only_site_is_the_first_page_and_lives(seen):
    page = seen("en").open("/", ".node-value")
    expect(page).to_have_url(re.compile(f"/sites/{SITE}$"))
    expect(page.locator(".lamp")).to_have_text(re.compile(r"^Live, \d+ s$"))
    before = page.locator(".device-row", has_text="meter-main").inner_text()
    expect(page.locator(".device-row", has_text="meter-main")).not_to_have_text(before)
    expect(page.locator(".flow-lines .wire-flowing").first).to_be_attached()


def test_the_language_changes_without_a_reload_and_stays(seen):
    watched = seen("en")
    page = watched.page
    page.goto(watched.url + "/alerts")
    page.evaluate("window.same = true")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("告警")
    assert page.evaluate("window.same"), "the page was loaded anew"
    assert page.evaluate("localStorage.getItem('maplebridge.language')") == "zh"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")


def test_a_filter_lives_in_the_address(seen):
    watched = seen("en")
    page = watched.open("/alerts", ".alerts tbody tr")
    page.get_by_role("button", name="critical", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?sev=critical$"))
    expect(page.locator(".alerts tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator(".alerts tbody tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like this")
    expect(page.get_by_text("No alert matches.")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator(".alerts tbody tr")).to_have_count(4)


def test_an_alert_is_acknowledged_and_shelved_from_the_keyboard(seen):
    page = seen("en").open("/alerts", ".alerts tbody tr")
    row = page.locator("tr", has_text="Clock unsure")
    expect(row).to_contain_text("unacknowledged")
    row.get_by_role("link", name="Clock unsure").focus()
    page.keyboard.press("a")
    expect(row.locator(".alert-state")).to_have_text("active · acknowledged")
    page.keyboard.press("s")
    page.get_by_label("Reason").fill("NTP server is being moved")
    page.get_by_role("dialog").get_by_role("button", name="Shelve", exact=True).click()
    expect(row.locator(".alert-state")).to_contain_text(re.compile("shelved until"))
    expect(row.locator(".mark")).to_have_attribute("aria-label", "shelved")
    page.get_by_role("button", name="Undo").click()
    expect(row.locator(".mark")).to_have_attribute("aria-label", "low")
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_ticket_is_carried_forward_and_its_refusal_is_shown_in_place(seen):
    watched = seen("zh")
    page = watched.open("/tickets", ".tickets tbody tr")
    page.locator(".ticket-title a").first.click()
    page.get_by_role("button", name="派单", exact=True).click()
    page.get_by_label("班组").select_option("station")
    page.get_by_role("button", name="提交").click()
    expect(page.locator(".state-chip")).to_have_text("已派单")
    page.get_by_role("button", name="备注", exact=True).click()
    page.get_by_label("内容").fill("已通知值班人员")
    page.get_by_role("button", name="提交").click()
    expect(page.locator(".timeline")).to_contain_text("已通知值班人员")
    ticket = page.url.rsplit("/", 1)[1]
    steps = [
        {"event": "accept", "person": "zhang"},
        {"event": "arrive", "code": "1"},
        {"event": "start"},
        {"event": "report", "cause": "dust", "action": "cleaned"},
        {"event": "verify_waive", "person": "op", "reason": "seen"},
    ]
    page.evaluate(
        """async ([ticket, steps]) => {
            for (const step of steps) await fetch(`/api/v1/tickets/${ticket}/events`, {method: 'POST',
                headers: {'Content-Type': 'application/json'}, body: JSON.stringify({key: crypto.randomUUID(), ...step})});
        }""",
        [ticket, steps],
    )
    expect(page.locator(".state-chip")).to_have_text("已核验")
    page.locator(".acts").get_by_role("button", name="归档").click()
    expect(page.locator(".event-form")).to_contain_text("只能在 7 天内重新打开")
    page.locator(".event-form").get_by_role("button", name="归档").click()
    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("告警仍未恢复")
    expect(refusal).to_contain_text("bat-1 的 BAT-02 仍在动作")
    expect(refusal).to_be_focused()
    refusal.get_by_role("button", name="备注").click()
    expect(page.get_by_label("内容")).to_be_focused()
    expect(page.locator(".state-chip")).to_have_text("已核验")
    watched.complaints[:] = [text for text in watched.complaints if "409" not in text]


def test_a_trend_has_its_gaps_its_cause_and_a_table(seen):
    page = seen("en").open(f"/sites/{SITE}/devices/bat-1", ".chart canvas")
    expect(page.locator(".trend-gaps")).to_contain_text("no reply")
    page.get_by_text("As table").click()
    expect(page.locator(".trend-table tbody tr").first).to_be_visible()
    page.get_by_role("button", name="6 h").click()
    expect(page).to_have_url(re.compile("range=6h"))
    page.get_by_role("button", name="Show raw registers").click()
    expect(page.get_by_role("button", name="Hide raw registers")).to_be_visible()


def test_a_trend_is_held_against_the_day_before(seen):
    page = seen("en").open(f"/sites/{SITE}/devices/bat-1", ".chart canvas")
    asked = []
    page.on("request", lambda request: "/series" in request.url and asked.append(request.url))
    page.get_by_role("button", name="The day before").click()
    page.wait_for_url("**cmp=yesterday*")
    page.locator(".trend-key").get_by_text("a day before").wait_for()
    starts = [int(re.search(r"from=(\d+)", url)[1]) for url in asked]
    assert page.evaluate("Date.now()") - min(starts) >= 86_400_000
    page.get_by_text("As table").click()
    page.get_by_role("columnheader", name="The day before").wait_for()
    page.get_by_role("button", name="The day before").click()
    page.wait_for_function("!location.search.includes('cmp')")
    assert page.get_by_role("columnheader", name="The day before").count() == 0


def test_a_second_tab_shares_the_stream_of_the_first(seen):
    watched = seen("en")
    first = watched.open("/", ".node-value")
    streams = []
    second = first.context.new_page()
    second.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    second.goto(watched.url + "/")
    second.wait_for_selector(".node-value")
    expect(second.locator(".lamp")).to_have_text(re.compile("^Live"))
    assert streams == []
    first.close()
    expect(second.locator(".lamp")).to_have_text(re.compile("^Live"))
    second.wait_for_function("document.querySelector('.lamp').textContent.startsWith('Live')")


def test_a_lost_link_is_said_stops_writing_and_heals_by_itself(chromium, fresh_village):
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{fresh_village.url}/sign-in#code={fresh_village.code}")
    page.wait_for_selector(".node-value")
    page.get_by_role("link", name=re.compile("^Alerts")).click()
    acknowledge = page.get_by_role("button", name="Acknowledge").first
    expect(acknowledge).to_be_enabled()
    with fresh_village.hanging():
        expect(page.locator(".lamp")).to_have_text(
            re.compile(r"^Link lost, data of \d\d:\d\d:\d\d$"), timeout=9_000
        )
        expect(acknowledge).to_be_disabled()
    expect(page.locator(".lamp")).to_have_text(re.compile("^Live"), timeout=9_000)
    expect(acknowledge).to_be_enabled()
    context.close()
