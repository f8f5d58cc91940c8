"""The first run in a browser: from the printed address to a user of one's own."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NAME, PASSWORD = "wang", "seven geese cross the weir"
FIRST_STEPS = {
    "en": ("One-time code", "Go on", "User name", "Password", "Create the account", "Open the site"),
    "zh": ("一次性登录码", "继续", "用户名", "密码", "创建账号", "打开站点"),
}


def open_page(chromium, lang, width, theme):
    height = 1080 if width > 1000 else 844
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        locale={"en": "en-GB", "zh": "zh-CN"}[lang],
        color_scheme=theme,
    )
    context.set_default_timeout(8_000)
    return context.new_page()


@pytest.mark.parametrize(
    ("lang", "width", "theme"),
    [("zh", 390, "light"), ("en", 390, "dark"), ("zh", 1920, "dark"), ("en", 1920, "light")],
)
def test_who_has_the_code_makes_the_first_user_and_sees_what_is_next(
    chromium, first_run, axe, lang, width, theme
):
    code_field, go_on, name, password, create, site = FIRST_STEPS[lang]
    page = open_page(chromium, lang, width, theme)
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    faults = {}

    def look(step):
        expect(page.locator(".step[aria-current]")).to_contain_text(step)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "too wide"
        faults[step] = axe(page)

    page.goto(f"{first_run.url}/setup")
    look("1")
    page.get_by_label(code_field).fill(first_run.code)
    page.get_by_role("button", name=go_on).click()
    look("2")
    page.get_by_label(name, exact=True).fill(NAME)
    page.get_by_label(password, exact=True).fill(PASSWORD)
    page.get_by_role("button", name=create).click()
    look("3")
    page.get_by_role("link", name=site).click()
    expect(page.locator(".flow-frame .node").first).to_be_visible()
    expect(page.locator(".notice")).to_have_count(0)
    expect(page.get_by_text(NAME, exact=True)).to_have_count(1)
    assert {step: found for step, found in faults.items() if found} == {}
    assert complaints == []


def test_the_printed_address_redeems_the_code_by_itself_and_who_comes_back_goes_on(chromium, first_run):
    page = open_page(chromium, "en", 1920, "light")
    page.goto(f"{first_run.url}/setup#code={first_run.code}")
    expect(page.locator(".step[aria-current]")).to_contain_text("Your account")
    assert first_run.code not in page.url
    page.goto(f"{first_run.url}/")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Nobody has an account here yet.")
    notice.get_by_role("link", name="Set up").click()
    expect(page.locator(".step[aria-current]")).to_contain_text("Your account")
    page.get_by_label("User name").fill("two words")
    page.get_by_label("Password", exact=True).fill("password1234")
    page.get_by_role("button", name="Create the account").click()
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("A user name has letters")
    expect(refusal).to_contain_text("guessed too soon")


def test_a_code_that_is_used_up_is_told_with_the_way_out(chromium, first_run):
    page = open_page(chromium, "en", 1920, "light")
    page.goto(f"{first_run.url}/setup#code={first_run.code}")
    expect(page.locator(".step[aria-current]")).to_contain_text("Your account")
    other = open_page(chromium, "en", 1920, "light")
    other.goto(f"{first_run.url}/setup#code={first_run.code}")
    expect(other.get_by_role("alert")).to_have_text("This code is not valid or has been used.")
    other.reload()
    expect(other.get_by_text("No one-time code is open.")).to_be_visible()
    expect(other.locator("code")).to_have_text(re.compile("maplebridge user add"))


def test_where_there_are_users_it_leads_to_sign_in(chromium, fresh_village):
    page = open_page(chromium, "en", 1920, "light")
    page.goto(f"{fresh_village.url}/setup")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible()
