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


def errors_of(tmp_path, buses: str, devices: str) -> list[tuple[str, str]]:
    path = tmp_path / "site.yaml"
    path.write_text(f"""\
version: 1
site: {{id: hall, name: {{en: Hall, zh: 村部}}}}
buses: [{buses}]
devices: [{devices}]
""")
    with pytest.raises(DocumentError) as caught:
        load_site(path)
    return [(fault.path, fault.message) for fault in caught.value.faults if fault.level == "error"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp://h", "tcp://H:502"),
        ("rtu+tcp://h:502", "tcp://h"),
        ("rtu:///dev/ttyS0", "rtu:///dev/ttyS0?baudrate=19200"),
    ],
)
def test_two_addresses_of_one_wire_are_one_bus(tmp_path, one, other):
    buses = f'{{id: a, url: "{one}"}}, {{id: b, url: "{other}"}}'
    devices = ", ".join(f"{{id: bat-{bus}, profile: sunspec-storage, bus: {bus}, unit: 1}}" for bus in "ab")
    assert errors_of(tmp_path, buses, devices) == [
        ("buses[1].url", "the buses 'a' and 'b' have the same address")
    ]


def test_only_who_is_in_a_circle_of_parents_is_its_own_parent(tmp_path):
    parents = {"m-1": "m-2", "m-2": "m-1", "m-3": "m-1"}
    devices = ", ".join(
        f"{{id: {name}, profile: eastron-sdm630, bus: a, unit: {unit}, parent: {parent}}}"
        for unit, (name, parent) in enumerate(parents.items(), start=1)
    )
    assert errors_of(tmp_path, '{id: a, url: "tcp://h"}', devices) == [
        ("devices[0].parent", "'m-1' is its own parent through 'm-2'"),
        ("devices[1].parent", "'m-2' is its own parent through 'm-1'"),
    ]


@pytest.mark.parametrize(
    ("port", "warned"),
    [("ttyUSB0", True), ("ttyACM1", True), ("serial/by-id/usb-FTDI", False), ("ttyS0", False)],
)
def test_a_port_that_is_numbered_by_chance_is_a_warning(site, port, warned):
    path = site()
    path.write_text(path.read_text().replace("tcp://127.0.0.1:502", f"rtu:///dev/{port}?baudrate=115200"))
    told = [f.message for f in load_site(path).warnings]
    assert told == ([f"/dev/{port} may be another adapter after a restart"] if warned else [])
