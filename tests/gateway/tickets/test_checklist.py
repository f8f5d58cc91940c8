"""The shipped checklists, and what a faulty one is told."""

import pytest

from agent.document import DocumentError, parse
from gateway.tickets.checklist import load_checklists, read_checklist, shipped_checklists

NAMES = {
    f"CL-{name}"
    for name in (
        "PV-A",
        "PV-B",
        "PV-C",
        "BAT-A",
        "BAT-B",
        "BAT-C",
        "CHG-A",
        "GRID-A",
        "BAL-A",
        "COM-A",
        "COM-B",
        "GW-A",
    )
}


def test_the_shipped_ones_are_complete_and_bilingual():
    lists = shipped_checklists()
    assert set(lists) == NAMES
    for items in lists.values():
        assert 8 <= len(items) <= 12
        assert any(item["mandatory"] for item in items)
        for item in items:
            assert item["text"]["en"]
            assert any("\u4e00" <= letter <= "\u9fff" for letter in item["text"]["zh"])


def test_a_sites_own_list_comes_before_the_shipped_one(tmp_path):
    folder = tmp_path / "checklists"
    folder.mkdir()
    (folder / "mine.yaml").write_text(GOOD)
    assert [item["id"] for item in load_checklists(tmp_path)["CL-GW-A"]] == ["one"]
    (folder / "bad.yaml").write_text("version: 1\n")
    with pytest.raises(DocumentError):
        load_checklists(tmp_path)


GOOD = """
version: 1
checklist: CL-GW-A
title: {en: Gateway, zh: 网关}
items:
  - id: one
    text: {en: one, zh: 一}
"""


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("id: one", "id: One"), 6, "should match"),
        (("zh: 一", ""), 6, "Chinese"),
        (("text: {en: one, zh: 一}", "text: {en: one, zh: 一}\n    kind: number"), 6, "unit"),
        (("text: {en: one, zh: 一}", "text: {en: one, zh: 一}\n    colour: red"), 8, "unknown key"),
        (
            (
                "    text: {en: one, zh: 一}",
                "    text: {en: one, zh: 一}\n  - id: one\n    text: {en: b, zh: 二}",
            ),
            8,
            "twice",
        ),
        (("CL-GW-A", "gateway"), 3, "should match"),
    ],
)
def test_a_fault_is_told_at_its_line(change, line, message):
    with pytest.raises(DocumentError) as error:
        read_checklist(parse(GOOD.replace(*change), "c.yaml"))
    (fault,) = error.value.faults
    assert fault.line == line
    assert message in fault.message
