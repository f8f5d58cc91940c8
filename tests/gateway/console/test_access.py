"""Who may do what: every route with every role, and without any."""

import asyncio
import re
import uuid

import pytest

from agent.reading import Text

ROLES = ("none", "viewer", "inspector", "operator", "admin")
OPEN = (200, 200, 200, 200, 200)
READ = (401, 200, 200, 200, 200)
OPERATE = (401, 403, 403, 200, 200)
ADMIN = (401, 403, 403, 403, 200)

SITE = "/api/v1/sites/{site}"
MATRIX = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/metrics"): OPEN,  # from this machine
    ("GET", "/api/openapi.json"): OPEN,
    ("POST", "/api/v1/csp-reports"): (204, 204, 204, 204, 204),
    ("POST", "/api/v1/session"): (401, 401, 401, 401, 401),  # with a wrong password
    ("GET", "/api/v1/session"): READ,
    ("PATCH", "/api/v1/session"): (401, 204, 204, 204, 204),
    ("DELETE", "/api/v1/session"): (401, 204, 204, 204, 204),
    ("GET", "/api/v1/setup"): OPEN,
    ("POST", "/api/v1/setup"): (401, 403, 403, 403, 409),  # there is a user
    ("GET", "/api/v1/users"): ADMIN,
    ("POST", "/api/v1/users"): (401, 403, 403, 403, 201),
    ("POST", "/api/v1/users/{user}/password"): ADMIN,
    ("POST", "/api/v1/users/{user}/tokens"): (401, 403, 403, 403, 201),
    ("DELETE", "/api/v1/users/{user}"): (401, 403, 403, 403, 204),
    ("GET", "/api/v1/scan"): ADMIN,
    ("POST", "/api/v1/scan"): (401, 403, 403, 403, 202),
    ("DELETE", "/api/v1/scan"): ADMIN,
    ("GET", "/api/v1/sites"): READ,
    ("GET", SITE): READ,
    ("GET", f"{SITE}/devices"): READ,
    ("GET", f"{SITE}/devices/{{device}}"): READ,
    ("GET", f"{SITE}/devices/{{device}}/series"): READ,
    ("GET", f"{SITE}/devices/{{device}}/energy"): READ,
    ("GET", "/api/v1/events"): READ,
    ("GET", "/api/v1/alerts"): READ,
    ("GET", "/api/v1/alerts/statistics"): OPERATE,
    ("GET", "/api/v1/alerts/{alert}"): READ,
    ("POST", "/api/v1/alerts/{alert}/acknowledge"): OPERATE,
    ("POST", "/api/v1/alerts/{alert}/shelve"): OPERATE,
    ("POST", "/api/v1/alerts/{alert}/unshelve"): OPERATE,
    ("POST", "/api/v1/alerts/{alert}/reset"): (401, 403, 409, 409, 409),
    ("GET", f"{SITE}/pauses"): READ,
    ("POST", f"{SITE}/pauses"): (401, 403, 200, 200, 200),
    ("DELETE", f"{SITE}/pauses/{{pause}}"): (401, 403, 404, 404, 404),
    ("GET", "/api/v1/handover"): OPERATE,
    ("GET", "/api/v1/system"): READ,
    ("GET", "/api/v1/tickets"): READ,
    ("GET", "/api/v1/tickets/{ticket}"): READ,
    ("POST", "/api/v1/tickets"): (401, 403, 403, 201, 201),
    ("POST", "/api/v1/tickets/{ticket}/events"): OPERATE,  # inspectors on their own: see below
    ("GET", "/api/v1/tickets/{ticket}/evidence/{name}"): READ,
}
"""The documented status for each of `ROLES`."""

QUERIES = {"/series": "?points=ac_power_kw", "/energy": "?point=energy_import_kwh"}
DEVICES = {"/energy": "meter-main"}
GOOD = "seven geese cross the weir"


def _address(console, template):
    end = template[template.rfind("/") :]
    desk = console.site.desk
    names = {
        "site": "village-hall",
        "device": DEVICES.get(end, "inv-1"),
        "alert": next(iter(desk.alert_documents)),
        "ticket": next(iter(desk.ticket_documents)),
        "name": "points.csv",
        "user": "guest",
        "pause": "none",
    }
    return template.format_map(names) + QUERIES.get(end, "")


def _body(console, method, template):
    if method not in ("POST", "PATCH"):
        return None
    key = str(uuid.uuid4())
    bodies = {
        "/api/v1/session": {"user": "guest", "password": "wrong wrong wrong"}
        if method == "POST"
        else {"language": "zh"},
        "/api/v1/setup": {"user": "wang", "password": GOOD},
        "/api/v1/users": {"user": f"new-{key[:8]}", "role": "viewer", "password": GOOD},
        "/api/v1/scan": {"bus": "rs485-1"},
        "/api/v1/alerts/{alert}/shelve": {
            "until": console.clock.utc_ms() + 3_600_000,
            "reason": "calibration",
        },
        "/api/v1/alerts/{alert}/reset": {"code": "HALL"},
        f"{SITE}/pauses": {"reason": "fan", "until": console.clock.utc_ms() + 3_600_000},
        "/api/v1/tickets": {
            "key": key,
            "site": "village-hall",
            "kind": "defect",
            "priority": "P3",
            "title": {"en": "x"},
        },
        "/api/v1/tickets/{ticket}/events": {"event": "comment", "key": key, "text": "seen"},
    }
    return bodies.get(template, {})


async def _status(client, method, address, body):
    """A stream's status is known before its end, which never comes."""
    async with client.stream(method, address, json=body) as answer:
        if answer.status_code == 403:
            await answer.aread()
            assert answer.json()["type"] == "urn:maplebridge:problem:forbidden"
        if answer.status_code == 401:
            await answer.aread()
            assert re.search(":(not-signed-in|wrong-credentials)$", answer.json()["type"])
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code


@pytest.fixture
async def console(console):
    desk = console.site.desk
    words = Text("Cell warm", "电芯偏热")
    alert = desk.raise_alert("BAT-02", "bat-1", "high", words, {"cell_temperature_max_c": 46.0})
    desk.add_ticket("inspection", "P2", words, ["bat-1"], by="desk", alert=alert["id"])
    console.users.add("guest", "viewer", None)
    return console


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_what_the_table_says(console, role):
    client = console.client() if role == "none" else console.as_role(role)
    got = {}
    for method, template in MATRIX:
        console.clock.advance(301_000)  # wrong passwords are counted for a while
        body = _body(console, method, template)
        async with asyncio.timeout(5):
            got[method, template] = await _status(client, method, _address(console, template), body)
    assert got == {route: statuses[ROLES.index(role)] for route, statuses in MATRIX.items()}


async def test_the_table_has_every_route(console):
    document = (await console.client().get("/api/openapi.json")).json()
    listed = {(m.upper(), path) for path, item in document["paths"].items() for m in item}
    unlisted = {("GET", "/api/openapi.json"), ("POST", "/api/v1/csp-reports")}
    assert set(MATRIX) == listed | unlisted


async def test_a_signed_in_person_may_the_same_as_a_token(console):
    """The role counts, not the way in."""
    client = await console.signed_in("operator")
    assert (await client.get("/api/v1/users")).status_code == 403
    assert (await client.get("/api/v1/alerts")).status_code == 200


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("zhang", {}, 200),
        ("li", {"team": "other", "assignee": "li"}, 200),
        ("wang", {"team": "other", "assignee": "li"}, 403),
        ("wang", {}, 403),
    ],
    ids=["of the team", "assigned to them", "somebody else's", "of no team"],
)
async def test_an_inspector_acts_on_their_own_tickets_only(console, name, changes, status):
    ticket_id, ticket = next(iter(console.site.desk.ticket_documents.items()))
    console.site.desk.ticket_documents[ticket_id] = ticket | changes
    event = {"event": "comment", "key": str(uuid.uuid4()), "text": "on my way"}
    answer = await console.as_role("inspector", name).post(f"/api/v1/tickets/{ticket_id}/events", json=event)
    assert answer.status_code == status


async def test_a_token_of_a_removed_user_is_dead(console):
    client = console.as_role("admin", "eve")
    assert (await client.get("/api/v1/sites")).status_code == 200
    console.users.remove("eve")
    assert (await client.get("/api/v1/sites")).status_code == 401


async def test_a_wrong_token_is_nobody(console):
    client = console.client(Authorization="Bearer mb_wrong")
    assert (await client.get("/api/v1/sites")).status_code == 401


async def test_a_stream_by_token_ends_when_the_user_is_added_anew(console, streaming):
    client = console.as_role("admin", "eve")
    async with streaming(client) as stream:
        await stream.next()
        console.users.add("eve", "admin", None)
        with pytest.raises(EOFError):
            await stream.until("never")
