"""What a changed site file means: only the parts that changed are touched, or nothing at all."""

from pathlib import Path

import pytest

from agent.document import parse
from gateway.config import SiteConfig, check_site
from gateway.reload import Reload, plan_reload

SITE = """\
version: 1
site: {id: hall, name: {en: Hall, zh: 村部}}
buses:
  - {id: lan-1, url: "tcp://127.0.0.1:5020"}
  - {id: lan-2, url: "tcp://127.0.0.1:5021"}
devices:
  - {id: meter-1, profile: eastron-sdm630, bus: lan-1, unit: 1, every: 1s}
  - {id: meter-2, profile: eastron-sdm630, bus: lan-2, unit: 1, every: 1s}
mqtt: {url: "mqtt://127.0.0.1:1883"}
console: {listen: "127.0.0.1:8080"}
"""


def site(text: str = SITE) -> SiteConfig:
    return check_site(parse(text, "site.yaml"), Path("site.yaml"))


def plan(old: str, new: str) -> Reload:
    assert old in SITE
    return plan_reload(site(), site(SITE.replace(old, new)))


def test_the_same_file_changes_nothing():
    assert plan_reload(site(), site()) == Reload()


def test_another_rate_of_one_device_replaces_its_bus_only():
    changed = plan("unit: 1, every: 1s}\n  - {id: meter-2", "unit: 1, every: 5s}\n  - {id: meter-2")
    assert (changed.stop, changed.start, changed.rules) == (("bus:lan-1",), ("bus:lan-1",), True)


def test_a_new_device_is_also_news_for_mqtt():
    changed = plan("mqtt: {", "  - {id: meter-3, profile: eastron-sdm630, bus: lan-2, unit: 2}\nmqtt: {")
    assert changed.start == ("bus:lan-2", "mqtt:mqtt")


def test_another_broker_leaves_the_buses_alone():
    changed = plan("127.0.0.1:1883", "127.0.0.1:1884")
    assert (changed.stop, changed.start, changed.rules) == (("mqtt:mqtt",), ("mqtt:mqtt",), False)


def test_a_database_that_comes_and_goes():
    changed = plan("console:", 'influxdb: {url: "http://127.0.0.1:8086"}\nconsole:')
    assert (changed.stop, changed.start) == ((), ("influxdb",))


def test_planned_maintenance_is_news_for_the_rules_only():
    block = 'maintenance: [{match: {}, from: "2026-05-30T08:00+08:00", to: "2026-05-30T12:00+08:00"}]'
    assert plan("console:", f"{block}\nconsole:") == Reload(rules=True)


def test_without_the_standard_rules_the_rules_are_others():
    assert plan("console:", "standard_rules: false\nconsole:").rules


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("id: hall", "id: school", "site"),
        ("zh: 村部}", "zh: 村部}, arrival_code: hall-7", "site"),
        ("console:", "teams: [{id: north, name: {en: North, zh: 北队}}]\nconsole:", "teams"),
        ("console:", "time: {source: always}\nconsole:", "time"),
        ("console:", "journal: {commit_every: 5s}\nconsole:", "journal"),
        ("console:", 'tickets: {store: "sqlite:///other.db"}\nconsole:', "tickets"),
        ("127.0.0.1:8080", "127.0.0.1:8081", "console"),
        ('{url: "mqtt://127.0.0.1:1883"}', "embedded", "mqtt.embedded"),
    ],
)
def test_what_needs_a_restart_is_refused_by_name_and_nothing_else_is_done(old, new, name):
    assert plan(old, new) == Reload(refused=(name,))
