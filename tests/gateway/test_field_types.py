"""One name, one type, in one measurement."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.document import DocumentError, parse
from agent.profile import Point
from agent.profile_file import read_profile
from gateway.config import load_site
from gateway.field_types import clashes

SHIPPED = sorted(Path("configs/profiles").glob("*.yaml"))


@pytest.fixture(scope="module")
def shipped():
    return [read_profile(parse(path.read_text(), path.name)) for path in SHIPPED]


def renamed(point: Point, name: str, **changes) -> Point:
    return replace(point, name=name, **changes)


def test_all_shipped_profiles_may_stand_in_one_database(shipped):
    assert len(shipped) >= 77
    assert list(clashes(shipped)) == []


@pytest.mark.parametrize("name", ["seq", "bad", "clock", "polls", "failed"])
def test_names_that_rows_have_of_their_own_are_refused(shipped, name):
    one = next(p for p in shipped if p.points)
    changed = replace(one, points=(renamed(one.points[0], name),))
    (clash,) = clashes([changed])
    assert (clash.profile, clash.point) == (one.name, name)


def test_a_name_that_a_tier_makes_of_another_point_is_refused(shipped):
    one = next(p for p in shipped if p.points)
    point = one.points[0]
    changed = replace(one, points=(renamed(point, "x"), renamed(point, "x_max")))
    assert [clash.point for clash in clashes([changed])] == ["x_max"]


def test_two_types_under_one_name_are_refused_in_one_kind_only(shipped):
    kinds = {}
    for profile in shipped:
        kinds.setdefault(profile.kind, profile)
    a, b = list(kinds.values())[:2]
    number = next(p for p in a.points if p.value_type == "number")
    text = next(p for profile in shipped for p in profile.points if p.value_type == "string")
    first = replace(a, points=(renamed(number, "mode"),))
    same_kind = replace(a, name="other", points=(renamed(text, "mode"),))
    other_kind = replace(b, points=(renamed(text, "mode"),))
    assert [clash.profile for clash in clashes([first, same_kind])] == ["other"]
    assert list(clashes([first, other_kind])) == []


PROFILE = """\
version: 1
profile: {name}
kind: meter
vendor: V
model: M
title: {{en: T, zh: 表}}
sources: [made for this test]
every: 1s
points:
  - {{name: mode, table: holding, address: 0, type: {type}, unit: "", label: {{en: Mode, zh: 模式}}}}
"""
SITE = """\
version: 1
site: {id: hall, name: {en: Hall, zh: 村部}}
buses: [{id: lan-1, url: "tcp://127.0.0.1:502"}]
devices:
  - {id: m-1, profile: own-a, bus: lan-1, unit: 1}
  - {id: m-2, profile: own-b, bus: lan-1, unit: 2}
"""


@pytest.mark.parametrize("database", [True, False])
def test_check_refuses_what_the_database_cannot_hold_with_its_place(tmp_path, database):
    (tmp_path / "profiles").mkdir()
    for name, type_ in (("own-a", "u16"), ("own-b", '"string:4"')):
        (tmp_path / f"profiles/{name}.yaml").write_text(PROFILE.format(name=name, type=type_))
    path = tmp_path / "site.yaml"
    path.write_text(SITE + ('influxdb: {url: "http://localhost:8086"}\n' if database else ""))
    if not database:
        load_site(path)
        return
    with pytest.raises(DocumentError) as refused:
        load_site(path)
    (fault,) = refused.value.faults
    assert str(fault).startswith(f"{path}:6:24: the database cannot hold the point 'mode' of profile 'own-b'")
    assert "string here and a number in profile 'own-a'" in str(fault)
