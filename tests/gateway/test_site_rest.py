"""All faults at once: a wrong key or value hides no wrong name elsewhere in the file."""

import pytest

from agent.document import DocumentError
from gateway.config import load_site

SITE = """\
version: 1
site: {id: hall, name: {en: Hall, zh: 村部}}
buses: [{id: lan-1, url: "tcp://127.0.0.1:502"}]
devices:
  - {id: inv-1, profile: sunspec-inverter, bus: lan-1, unit: 1}
  - {id: bat-1, profile: sunspec-storage, bus: lan-1, unit: 2}
  - {id: meter-main, profile: eastron-sdm630, bus: lan-1, unit: 3, role: main_meter}
"""


def faults_in(tmp_path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_site(path)
    return [(fault.line, fault.path) for fault in caught.value.faults if fault.level == "error"]


def changed(*changes: tuple[str, str]) -> str:
    text = SITE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        (("id: hall,", "id: hall, colour: red,"), (2, "site.colour")),
        (("version: 1", "version: 7"), (1, "version")),
        (("role: main_meter", "role: boss"), (7, "devices[2].role")),
        (("id: meter-main", "id: Meter"), (7, "devices[2].id")),
        (("unit: 3", "unit: 300"), (7, "devices[2].unit")),
        (("profile: eastron-sdm630", "profile: 3"), (7, "devices[2].profile")),
        (("{en: Hall, zh: 村部}", "{zh: 村部}"), (2, "site.name.en")),
    ],
)
def test_a_wrong_shape_hides_no_wrong_name(tmp_path, shape, place):
    text = changed(shape, ("sunspec-inverter", "sunspec-inv"), ("bus: lan-1, unit: 2", "bus: lan-9, unit: 2"))
    assert set(faults_in(tmp_path, text)) == {place, (5, "devices[0].profile"), (6, "devices[1].bus")}


def test_what_stands_in_for_a_wrong_value_is_no_fault_itself(tmp_path):
    text = changed(
        ("id: inv-1, ", ""), ("unit: 2", "unit: x"), ("id: lan-1, url", "id: lan-1, timeout: 1, url")
    )
    assert set(faults_in(tmp_path, text)) == {
        (3, "buses[0].timeout"),
        (5, "devices[0].id"),
        (6, "devices[1].unit"),
    }


def test_a_key_that_is_no_word_stops_nothing(tmp_path):
    assert {line for line, _ in faults_in(tmp_path, changed(("id: inv-1,", "id: inv-1, ~: 3,")))} == {5}


def test_where_too_little_can_be_read_the_shape_is_all_that_is_said(tmp_path):
    assert faults_in(tmp_path, SITE.partition("devices:")[0] + "devices: [nonsense]\n") == [(4, "devices[0]")]


def test_what_stands_in_for_a_unit_is_no_twin_of_another(tmp_path):
    text = changed(("unit: 1}", "unit: x}"), ("unit: 2", "unit: 247"))
    assert faults_in(tmp_path, text) == [(5, "devices[0].unit")]


def test_a_fault_inside_a_list_of_brokers_is_told(tmp_path):
    text = SITE + "mqtt: [{url: mqtt://h}, {name: two, url: mqtt://h, foo: 1}]\n"
    assert (8, "mqtt[1].foo") in faults_in(tmp_path, text)
