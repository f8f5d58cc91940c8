"""Every link in the README and in `docs/` leads somewhere, and every page can be reached."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def targets(page: Path) -> set[tuple[Path, str]]:
    """(file, anchor) for each link that is no URL."""
    links = {link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link}
    parts = (unquote(link).partition("#") for link in links)
    return {((page.parent / name).resolve() if name else page, anchor) for name, _, anchor in parts}


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_its_links_lead_somewhere(page):
    for file, anchor in targets(page):
        assert file.exists(), file.relative_to(ROOT)
        assert not anchor or anchor in anchors(file), f"{file.name}#{anchor}"


def test_every_page_is_linked_from_another():
    linked = {file for page in PAGES for file, _ in targets(page) if file != page}
    assert {page for page in PAGES if page.parent.name == "docs"} <= linked
