"""What an administrator does with users, and what everybody else is told."""

import pytest
from playwright.sync_api import expect

from gateway.console.testing import VISITOR, VISITOR_PASSWORD

pytestmark = pytest.mark.browser


def sign_in(page, url, user, password):
    page.goto(f"{url}/sign-in?to=/users")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("width", [390, 1920])
def test_a_user_is_added_renewed_given_a_token_and_removed(seen, chromium, axe, width):
    watched = seen("en", width)
    page = watched.open("/users", ".user-row")
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("User name").fill(VISITOR)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text(
        "There is a user of this name already. Choose another name."
    )
    assert [text for text in watched.complaints if "409" not in text] == []
    watched.complaints.clear()
    name = f"li-{width}"
    dialog.get_by_label("User name").fill(name)
    dialog.get_by_label("Role").select_option("inspector")
    assert axe(page) == []
    dialog.get_by_role("button", name="Add", exact=True).click()
    secret = page.get_by_role("dialog", name=f"Password of {name}")
    password = secret.locator("code").inner_text()
    assert axe(page) == []
    secret.get_by_role("button", name="I have it").click()
    row = page.locator(".user-row", has_text=name)
    expect(row).to_contain_text("inspector password")

    context = chromium.new_context(locale="en-GB")
    other = context.new_page()
    sign_in(other, watched.url, name, password)
    expect(other.get_by_role("alert")).to_contain_text("Needs the role administrator")

    row.get_by_role("button", name="New token").click()
    token = page.get_by_role("dialog", name=f"Token of {name}")
    expect(token.locator("code")).to_contain_text("mb_")
    token.get_by_role("button", name="I have it").click()
    expect(row).to_contain_text("1 token")
    row.get_by_role("button", name="New password").click()
    page.get_by_role("dialog").get_by_label("Password").fill("seven geese cross the weir")
    page.get_by_role("dialog").get_by_role("button", name="New password").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row).not_to_contain_text("token,")
    other.reload()
    expect(other.get_by_label("Password")).to_be_visible()
    context.close()
    row.get_by_role("button", name="Remove").click()
    confirm = page.get_by_role("dialog", name=f"Remove {name}?")
    confirm.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_a_viewer_is_told_who_may(chromium, fresh_village):
    page = chromium.new_context(locale="en-GB").new_page()
    sign_in(page, fresh_village.url, VISITOR, VISITOR_PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Needs the role administrator")
    expect(page.get_by_role("button", name="Add a user")).to_be_disabled()
    expect(page.locator(".menu").get_by_text("Users")).to_have_count(0)
