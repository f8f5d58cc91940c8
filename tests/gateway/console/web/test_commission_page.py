"""Looking for devices in a browser: choose, watch, stop, read, take the lines along."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def start(page, bus, units):
    page.get_by_role("combobox").select_option(bus)
    page.get_by_label("Unit ids").fill(units)
    page.get_by_role("button", name="Start the scan").click()


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1920, "light")])
def test_a_scan_is_watched_to_its_end_and_its_lines_are_taken_along(seen, axe, width, theme, tmp_path):
    page = seen("en", width, color_scheme=theme).open("/commission", ".scan-form")
    start(page, "rs485-1", "1-100")
    progress = page.get_by_role("progressbar", name="Progress of the scan")
    expect(progress).to_have_attribute("aria-valuetext", re.compile(r"Asked \d+ of 100"))
    expect(page.get_by_text(re.compile(r"about .+ left"))).to_be_visible()
    assert axe(page) == []
    expect(page.get_by_role("status").filter(has_text="3 units found.")).to_be_visible(timeout=15_000)
    units = page.locator(".found-unit")
    expect(units.nth(0)).to_contain_text("In the site file as meter-main")
    expect(units.nth(0)).to_contain_text("49.98\u202fHz")
    expect(units.nth(0)).to_contain_text("Readings are plausible")
    expect(units.nth(1)).to_contain_text("No profile fits")
    expect(units.nth(2)).to_contain_text("not sure: compare with the display")
    expect(units.nth(2).locator(".found-finding")).to_contain_text("Active power is negative")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "too wide"
    shown = page.locator(".yaml").inner_text()
    assert "- {id: meter-12, profile: eastron-sdm630, bus: rs485-1, unit: 12}" in shown
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "rs485-1.yaml"
    download.value.save_as(tmp_path / "saved.yaml")
    assert Path(tmp_path / "saved.yaml").read_text().strip() == shown.strip()
    page.get_by_role("button", name="Copy").click()
    expect(
        page.get_by_role("status").filter(has_text=re.compile("Copied|copy it with the keyboard"))
    ).to_be_visible()
    units.nth(0).get_by_role("link", name="meter-main").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("meter-main")


def test_a_scan_that_is_stopped_keeps_the_focus_on_the_page(seen):
    page = seen("zh", 390).open("/commission", ".scan-form")
    page.get_by_label("站号").fill("1-247")
    page.get_by_role("button", name="开始扫描").click()
    page.get_by_role("button", name="停止").click()
    expect(page.get_by_role("status").filter(has_text="已停止")).to_be_visible()
    page.wait_for_function("document.activeElement.closest('.scan-over') !== null")
    expect(page.get_by_role("button", name="开始扫描")).to_be_enabled()


def test_unit_ids_that_cannot_be_are_told_in_place(seen):
    watched = seen("en")
    page = watched.open("/commission", ".scan-form")
    start(page, "rs485-1", "0-900")
    expect(page.get_by_role("alert")).to_contain_text("Write unit ids like 1-247")
    assert all("422" in text for text in watched.complaints)
    watched.complaints.clear()
