"""The pages made from data say what the data says today."""

import re
from pathlib import Path

import pytest

from agent.document import parse
from agent.rules.rule_file import read_rules
from agent.rules.vectors import run_tests
from gateway.handbook import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["points.md", "devices.md", "shipped-rules.md"])
def test_a_page_is_current(page):
    current = (DOCS / page).read_text(encoding="utf-8") == pages()[page]
    assert current, "run: python -m gateway.handbook docs"


def test_the_rule_that_explains_rules_passes_its_own_tests():
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    (rule,) = read_rules(parse(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1], "rules.md"))
    verdicts = run_tests(rule)
    assert verdicts
    assert [verdict.difference() for verdict in verdicts if not verdict.ok] == []
