"""Finding and loading rules: the library, a site's own ones, and what shows only at a site."""

import time
from datetime import UTC, datetime

import pytest

from agent.document import DocumentError
from agent.rules.facts import DeviceFacts, SiteFacts
from gateway.profiles import read_document
from gateway.rules import check_rules, load_rules, load_site_rules, site_findings
from gateway.sun import sun_elevation_at

TEXTS = (
    "title: {en: T, zh: 题}, cause: {en: C, zh: 因}, consequence: {en: Q, zh: 果}, action: {en: A, zh: 措}"
)
OWN = "scope: {kind: battery}, when: cell_temperature_max_c > 40, for: 5s, severity: low"


@pytest.fixture
def file(tmp_path):
    def file(name="own.yaml", *, rule="X-01", body=OWN):
        path = tmp_path / name
        path.write_text(f"version: 1\nrules:\n  - {{id: {rule}, {TEXTS}, {body}}}\n")
        return path

    return file


def test_own_rules_come_beside_the_library(file) -> None:
    assert set(load_rules([file()]).rules) == {*load_rules().rules, "X-01"}
    assert set(load_rules([file()], standard=False).rules) == {"X-01"}


def test_a_rule_with_a_shipped_id_replaces_it(file) -> None:
    rules = load_rules([file(rule="BAT-01")])
    assert len(rules) == len(load_rules())
    assert rules.rules["BAT-01"].when.text == "cell_temperature_max_c > 40"
    assert rules.hashes()["BAT-01"] != load_rules().hashes()["BAT-01"]


def test_a_folder_stands_for_its_files(file, tmp_path) -> None:
    file("a.yaml", rule="X-01")
    file("b.yaml", rule="X-02")
    assert set(load_rules([tmp_path], standard=False).rules) == {"X-01", "X-02"}


def test_faults_of_all_files_at_once(file) -> None:
    broken = [file("a.yaml", body="scope: {kind: battery}"), file("b.yaml", rule="x")]
    with pytest.raises(DocumentError) as error:
        load_rules(broken)
    assert {fault.file for fault in error.value.faults} == {str(path) for path in broken}


def test_two_files_with_one_id(file) -> None:
    with pytest.raises(DocumentError, match="X-01 is also in"):
        load_rules([file("a.yaml"), file("b.yaml")])


@pytest.mark.parametrize(
    ("more", "level", "says"),
    [
        ("inhibited_by: [{rule: Z-99}]", "warning", "no rule 'Z-99'"),
        ("ticket: {kind: party, team: station}", "error", "'party' is no kind of ticket"),
        ("clear: cell_temperature_max_c > 30", "warning", "can both hold"),
    ],
)
def test_what_a_check_of_the_file_finds(file, more, level, says) -> None:
    (fault,) = check_rules(read_document(file(body=f"{OWN}, {more}")))
    assert fault.level == level
    assert says in fault.message
    assert fault.line == 3


def test_inhibitors_of_the_library_and_of_a_station_are_known(file) -> None:
    body = f"{OWN}, inhibited_by: [{{rule: COM-06}}, {{rule: COM-01}}]"
    assert check_rules(read_document(file(body=body))) == []
    assert load_site_rules([file(body=body)])[1] == ()


def test_points_of_a_profile_beside_the_site_are_known(file, tmp_path) -> None:
    path = file(body="scope: {kind: meter}, when: probe_7_c > 40, severity: low")
    with pytest.raises(DocumentError, match="no point and no parameter 'probe_7_c'"):
        load_rules([path])
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "probe.yaml").write_text(
        "version: 1\nprofile: probe\nkind: meter\nvendor: V\nmodel: M\ntitle: {en: P, zh: P}\nsources: [own]\n"
        "every: 1s\npoints:\n  - {name: probe_7_c, table: holding, address: 0, type: i16, unit: '°C', "
        "label: {en: Probe, zh: 探头}}\n"
    )
    assert "X-01" in load_rules([path]).rules


def test_a_name_that_no_profile_has_costs_no_reading_of_profiles(file) -> None:
    path = file(body="scope: {kind: meter}, when: probe_9_c > 40, severity: low")
    document = read_document(path)
    check_rules(document)
    started = time.process_time()
    assert "no point and no parameter 'probe_9_c'" in check_rules(document)[0].message
    assert time.process_time() - started < 0.05


def test_what_shows_only_when_rules_meet_devices(file) -> None:
    body = OWN.replace("> 40", "> high and site.active_power_kw > 0") + ", params: {high: 40}"
    rules = load_rules([file(body=body)], standard=False)
    battery = DeviceFacts("bat-1", ("battery",), frozenset({"cell_temperature_max_c"}), 10_000)
    meters = [
        DeviceFacts(name, ("meter",), frozenset({"active_power_kw"}), 10_000, role=role)
        for name, role in (("m-1", None), ("m-2", None), ("m-3", "main_meter"))
    ]

    def found(*devices: DeviceFacts) -> list[tuple[str, str]]:
        return [(f.level, f.message) for f in site_findings(rules, SiteFacts("s", devices))]

    assert found(battery, *meters[:2]) == [("error", "site.active_power_kw could be of any of m-1, m-2")]
    assert found(battery, *meters) == [("warning", "X-01 waits 5s, less than the poll period 10s")]
    odd = DeviceFacts("bat-1", ("battery",), battery.points, 1_000, params={"X-01": {"high": "hot"}})
    assert found(odd, *meters) == [("error", "the device sets 'high' to 'hot', which is of another type")]


@pytest.mark.parametrize(
    ("utc", "degrees"),
    [("2026-06-21T04:00", 83.6), ("2026-12-21T04:00", 36.7), ("2026-06-21T16:00", -36.8)],
)
def test_the_sun_over_a_village(utc, degrees) -> None:
    """29.8 N, 120.4 E: noon is close to 04:00 UTC, and then it stands 90 - 29.8 +- 23.4 degrees high."""
    ts_ms = int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1000)
    assert sun_elevation_at(29.8, 120.4)(ts_ms) == pytest.approx(degrees, abs=0.6)
