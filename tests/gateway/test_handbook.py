"""The pages made from data say what the data says today."""

from pathlib import Path

import pytest

from gateway.handbook import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["points.md", "devices.md", "shipped-rules.md"])
def test_a_page_is_current(page):
    current = (DOCS / page).read_text(encoding="utf-8") == pages()[page]
    assert current, "run: python -m gateway.handbook docs"
