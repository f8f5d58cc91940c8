"""Who may do what: every route with every role, and without any."""

import uuid

import pytest

ROLES = ("viewer", "inspector", "operator", "admin")
READ = (200, 200, 200, 200)
OPERATE = (403, 403, 200, 200)


def _routes(console):
    """(method, path, body, statuses by role); acts get objects of their own so that order does not matter."""
    desk = console.site.desk
    alert = next(iter(desk.alert_documents))
    ticket = next(iter(desk.ticket_documents))
    until = console.clock.utc_ms() + 3_600_000
    new = {
        "key": str(uuid.uuid4()),
        "site": "village-hall",
        "kind": "defect",
        "priority": "P3",
        "title": {"en": "x"},
    }
    comment = {"event": "comment", "key": str(uuid.uuid4()), "text": "seen"}
    site = "/api/v1/sites/village-hall"
    return [
        ("GET", "/api/v1/session", None, READ),
        ("GET", "/api/v1/sites", None, READ),
        ("GET", site, None, READ),
        ("GET", f"{site}/devices", None, READ),
        ("GET", f"{site}/devices/inv-1", None, READ),
        ("GET", f"{site}/devices/inv-1/series?points=ac_power_kw", None, READ),
        ("GET", f"{site}/devices/meter-main/energy?point=energy_import_kwh", None, READ),
        ("GET", "/api/v1/alerts", None, READ),
        ("GET", "/api/v1/alerts/statistics", None, OPERATE),
        ("GET", f"/api/v1/alerts/{alert}", None, READ),
        ("POST", f"/api/v1/alerts/{alert}/acknowledge", {}, OPERATE),
        ("POST", f"/api/v1/alerts/{alert}/shelve", {"until": until, "reason": "calibration"}, OPERATE),
        ("POST", f"/api/v1/alerts/{alert}/unshelve", {}, OPERATE),
        ("POST", f"/api/v1/alerts/{alert}/reset", {"code": "HALL"}, (403, 409, 409, 409)),
        ("GET", f"{site}/pauses", None, READ),
        ("POST", f"{site}/pauses", {"reason": "fan", "until": until}, (403, 200, 200, 200)),
        ("DELETE", f"{site}/pauses/none", None, (403, 404, 404, 404)),
        ("GET", "/api/v1/handover", None, OPERATE),
        ("GET", "/api/v1/scan", None, (403, 403, 403, 200)),
        ("POST", "/api/v1/scan", {"bus": "rs485-1"}, (403, 403, 403, 202)),
        ("DELETE", "/api/v1/scan", None, (403, 403, 403, 200)),
        ("GET", "/api/v1/users", None, (403, 403, 403, 200)),
        ("POST", "/api/v1/users", {"name": "new", "role": "viewer"}, (403, 403, 403, 201)),
        ("POST", "/api/v1/users/nobody/token", {}, (403, 403, 403, 404)),
        ("DELETE", "/api/v1/users/nobody", None, (403, 403, 403, 404)),
        ("GET", "/api/v1/system", None, READ),
        ("GET", "/api/v1/tickets", None, READ),
        ("GET", f"/api/v1/tickets/{ticket}", None, READ),
        ("POST", "/api/v1/tickets", new, (403, 403, 201, 201)),
        ("POST", f"/api/v1/tickets/{ticket}/events", comment, (403, 403, 200, 200)),
        ("GET", f"/api/v1/tickets/{ticket}/evidence/points.csv", None, READ),
        ("PATCH", "/api/v1/session", {"language": "zh"}, (204, 204, 204, 204)),
        ("DELETE", "/api/v1/session", None, (204, 204, 204, 204)),
    ]


@pytest.fixture
async def console(console):
    desk = console.site.desk
    alert = desk.raise_alert("BAT-02", "bat-1", "high", _text(), {"cell_temperature_max_c": 46.0})
    desk.add_ticket("inspection", "P2", _text(), ["bat-1"], by="desk", alert=alert["id"])
    return console


def _text():
    from agent.reading import Text

    return Text("Cell warm", "电芯偏热")


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_what_the_table_says(console, role):
    client = console.as_role(role)
    got = {}
    wanted = {}
    for method, path, body, statuses in _routes(console):
        answer = await client.request(method, path, json=body)
        got[method, path] = answer.status_code
        wanted[method, path] = statuses[ROLES.index(role)]
        if answer.status_code == 403:
            assert answer.json()["type"] == "urn:maplebridge:problem:forbidden"
    assert got == wanted


async def test_nobody_gets_anything_without_signing_in(console):
    client = console.client()
    for method, path, body, _statuses in _routes(console):
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 401, path
        assert answer.json()["type"] == "urn:maplebridge:problem:not-signed-in"
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/api/v1/events")).status_code == 401


async def test_the_matrix_above_has_every_route_of_the_api(console):
    document = (await console.client().get("/api/openapi.json")).json()
    listed = {(m.upper(), path) for path, item in document["paths"].items() for m in item}
    covered = {
        (method, _template(console, path.partition("?")[0])) for method, path, _body, _s in _routes(console)
    }
    assert listed - covered == {
        ("POST", "/api/v1/session"),
        ("GET", "/api/v1/events"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
    }


def _template(console, path):
    desk = console.site.desk
    path = (
        path.replace("village-hall", "{site}")
        .replace("inv-1", "{device}")
        .replace("meter-main", "{device}")
        .replace("points.csv", "{name}")
        .replace("/pauses/none", "/pauses/{pause}")
        .replace("/users/nobody", "/users/{user}")
    )
    path = path.replace(next(iter(desk.alert_documents)), "{alert}")
    return path.replace(next(iter(desk.ticket_documents)), "{ticket}")


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
