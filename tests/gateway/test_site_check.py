"""What a site's rules name must be there: their checklists, and the teams of their tickets."""

import pytest

from agent.document import DocumentError
from gateway.config import load_site

SITE = """\
version: 1
site: {id: hall, name: {en: Hall, zh: 村部}}
buses: [{id: lan-1, url: "tcp://127.0.0.1:502"}]
devices: [{id: bat-1, profile: sunspec-storage, bus: lan-1, unit: 1}]
rules: [rules/]
"""
RULES = """\
version: 1
rules:
  - id: OWN-1
    title: {en: Warm, zh: 温}
    cause: {en: heat, zh: 热}
    consequence: {en: ageing, zh: 老化}
    action: {en: look, zh: 查看}
    scope: {kind: battery}
    when: cell_temperature_max_c >= 45
    clear: cell_temperature_max_c <= 40
    severity: low
    ticket: {kind: inspection, team: station, checklist: CL-OWN-A}
    tests:
      - {name: raises, every: 1s, samples: {cell_temperature_max_c: "44 46"}, expect: {"1s": active}}
      - {name: bad says nothing, every: 1s, samples: {cell_temperature_max_c: "44 bad"}, expect: {}}
"""
CHECKLIST = """\
version: 1
checklist: CL-OWN-A
title: {en: Own, zh: 自有}
items: [{id: seen, text: {en: Seen, zh: 已查看}}]
"""


@pytest.fixture
def site(tmp_path):
    """`site(more lines, checklist)` → the file of a site with a rule and perhaps a checklist of its own."""

    def write(more: str = "", checklist: str | None = CHECKLIST):
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "own.yaml").write_text(RULES)
        if checklist is not None:
            (tmp_path / "checklists").mkdir()
            (tmp_path / "checklists" / "own.yaml").write_text(checklist)
        path = tmp_path / "site.yaml"
        path.write_text(SITE + more)
        return path

    return write


def test_a_checklist_beside_the_site_is_found(site):
    assert load_site(site()).warnings == ()


def test_a_checklist_that_is_not_there_is_an_error(site):
    with pytest.raises(DocumentError) as refused:
        load_site(site(checklist=None))
    (fault,) = refused.value.faults
    assert "OWN-1 names the checklist 'CL-OWN-A'" in fault.message
    assert (fault.line, fault.level) == (5, "error")


def test_a_faulty_checklist_is_told_before_the_start(site):
    with pytest.raises(DocumentError) as refused:
        load_site(site(checklist=CHECKLIST.replace("items:", "itmes:")))
    assert all(fault.file.endswith("checklists/own.yaml") for fault in refused.value.faults)


def test_a_team_that_is_not_there_is_a_warning_once(site):
    (warning,) = load_site(site("teams: [{id: other, name: {en: Other, zh: 其他}}]\n")).warnings
    assert "no team 'station'" in warning.message
    assert warning.level == "warning"
