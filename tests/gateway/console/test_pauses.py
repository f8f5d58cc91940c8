"""Maintenance over the API: who may begin and end it, and what is refused."""

import pytest

from agent.reading import Text

_TITLE = Text("Arc", "电弧")
HOUR_MS = 3_600_000


@pytest.fixture
def until(console) -> int:
    return console.clock.utc_ms() + HOUR_MS


async def begin(client, **body):
    return await client.post(
        "/api/v1/sites/village-hall/pauses", json={"match": {"device": "inv-1"}, "reason": "new fan", **body}
    )


async def test_an_inspector_begins_maintenance_on_the_spot_and_ends_it(console, until):
    inspector = console.as_role("inspector")
    answer = await begin(inspector, until=until)
    assert answer.status_code == 200
    pause = answer.json()
    assert (pause["why"], pause["match"], pause["by"]) == ("maintenance", {"device": "inv-1"}, "inspector-1")
    listed = (await console.as_role("viewer").get("/api/v1/sites/village-hall/pauses")).json()["items"]
    assert [item["id"] for item in listed] == [pause["id"]]
    ended = await inspector.delete(f"/api/v1/sites/village-hall/pauses/{pause['id']}")
    assert (ended.status_code, ended.json()["holds"]) == (200, False)
    again = await inspector.delete(f"/api/v1/sites/village-hall/pauses/{pause['id']}")
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("role", "why", "status"),
    [
        ("viewer", "maintenance", 403),
        ("inspector", "maintenance", 200),
        ("inspector", "out_of_service", 403),
        ("operator", "out_of_service", 403),
        ("admin", "out_of_service", 200),
    ],
)
async def test_roles(console, until, role, why, status):
    answer = await begin(console.as_role(role), why=why, until=until)
    assert answer.status_code == status


async def test_only_who_may_take_out_of_service_puts_back(console):
    pause = (await begin(console.as_role("admin"), why="out_of_service")).json()
    path = f"/api/v1/sites/village-hall/pauses/{pause['id']}"
    assert (await console.as_role("inspector").delete(path)).status_code == 403
    assert (await console.as_role("admin", "admin-2").delete(path)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 409),
        ({"reason": "", "until": 1}, 422),
        ({"match": {"sit": "x"}, "until": 1}, 422),
        ({"why": "holiday", "until": 1}, 422),
    ],
)
async def test_what_does_not_fit_is_refused_with_a_reason(console, body, status):
    answer = await begin(console.as_role("operator"), **body)
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_another_site_is_not_here(console):
    answer = await console.as_role("viewer").get("/api/v1/sites/elsewhere/pauses")
    assert answer.status_code == 404


async def test_a_latched_alert_without_a_ticket_is_reset_with_the_sites_code(console):
    desk = console.site.desk
    alert = desk.raise_alert("PV-03", "inv-1", "critical", _TITLE, {})
    desk.alert_documents[alert["id"]] |= {"state": "latched"}
    path = f"/api/v1/alerts/{alert['id']}/reset"
    inspector = console.as_role("inspector")
    assert (await console.as_role("viewer").post(path, json={"code": "HALL"})).status_code == 403
    wrong = await inspector.post(path, json={"code": "guess"})
    assert (wrong.status_code, wrong.json()["guard"]) == (409, "wrong_site_code")
    right = await inspector.post(path, json={"code": "HALL"})
    assert (right.status_code, right.json()["state"]) == (200, "cleared")
