"""What operators and inspectors do with alerts and tickets."""

import uuid

import pytest

from agent.reading import Text
from gateway.tickets.store import StoreError

ALERTS, TICKETS = "/api/v1/alerts", "/api/v1/tickets"


@pytest.fixture
def desk(console):
    return console.site.desk


@pytest.fixture
def alert(desk):
    return desk.raise_alert(
        "BAT-02", "bat-1", "high", Text("Cell warm", "电芯偏热"), {"cell_temperature_max_c": 46.2}
    )


@pytest.fixture
def ticket(desk, alert):
    return desk.add_ticket(
        "inspection", "P2", Text("Cell warm", "电芯偏热"), ["bat-1"], by="desk", alert=alert["id"]
    )


def event(name, **arguments):
    return {"event": name, "key": str(uuid.uuid4()), **arguments}


async def test_the_alert_document_is_the_contracts(console, alert):
    (item,) = (await console.as_role("viewer").get(ALERTS)).json()["items"]
    assert item == alert
    assert set(item) == {
        *("id", "rule", "site", "device", "channel", "state", "severity", "since", "until", "title"),
        *("values", "acknowledged", "suppressed", "ticket"),
    }


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("", ["GRID-03", "BAT-02"]),
        ("?state=open", ["GRID-03", "BAT-02"]),
        ("?state=all", ["PV-01", "GRID-03", "BAT-02"]),
        ("?state=cleared", ["PV-01"]),
        ("?state=shelved", []),
        ("?severity=high", ["BAT-02"]),
        ("?severity=high,medium", ["GRID-03", "BAT-02"]),
        ("?site=village-hall", ["GRID-03", "BAT-02"]),
        ("?site=elsewhere", []),
        ("?device=bat-1", ["BAT-02"]),
        ("?q=电芯", ["BAT-02"]),
        ("?limit=1", ["GRID-03"]),
    ],
)
async def test_alerts_are_filtered_by_the_server(console, desk, alert, query, rules):
    desk.raise_alert("GRID-03", "meter-main", "medium", Text("Voltage high", "电压偏高"), {})
    gone = desk.raise_alert("PV-01", "inv-1", "critical", Text("Silent", "无应答"), {})
    desk.clear_alert(gone["id"])
    answer = await console.as_role("viewer").get(ALERTS + query)
    assert [item["rule"] for item in answer.json()["items"]] == rules


@pytest.mark.parametrize(
    "query", ["?state=sideways", "?severity=awful", "?limit=0", "?limit=501", "?cursor=x"]
)
async def test_a_filter_that_is_none_is_invalid(console, query):
    assert (await console.as_role("viewer").get(ALERTS + query)).status_code == 422


async def test_an_alert_tells_its_story(console, alert, ticket):
    story = (await console.as_role("viewer").get(f"{ALERTS}/{alert['id']}")).json()
    assert story["rule_text"]["when"] == "cell_temperature_max_c >= high"
    assert story["inputs"][0]["unit"] == "°C"
    assert story["ticket_summary"]["number"] == ticket["number"]
    assert (await console.as_role("viewer").get(f"{ALERTS}/nothing")).status_code == 404


async def test_acknowledging_names_the_person_and_is_not_done_twice(console, alert):
    client = console.as_role("operator", "op1")
    first = await client.post(f"{ALERTS}/{alert['id']}/acknowledge", json={"key": str(uuid.uuid4())})
    assert first.json()["acknowledged"] == {"by": "op1", "at": console.clock.utc_ms()}
    console.clock.advance(5_000)
    again = await console.as_role("operator", "op2").post(f"{ALERTS}/{alert['id']}/acknowledge", json={})
    assert again.json()["acknowledged"] == first.json()["acknowledged"]


async def test_what_needs_no_argument_needs_no_body(console, alert):
    client = console.as_role("operator", "op1")
    answer = await client.post(f"{ALERTS}/{alert['id']}/acknowledge")
    assert answer.json()["acknowledged"]["by"] == "op1"
    body = {"until": console.clock.utc_ms() + 60_000, "reason": "calibration"}
    await client.post(f"{ALERTS}/{alert['id']}/shelve", json=body)
    assert (await client.post(f"{ALERTS}/{alert['id']}/unshelve")).json()["suppressed"] is None
    assert (await client.post(f"{ALERTS}/{alert['id']}/shelve")).status_code == 422


@pytest.mark.parametrize(
    ("ahead_ms", "reason", "status"),
    [
        (3_600_000, "calibration", 200),
        (24 * 3_600_000, "calibration", 200),
        (24 * 3_600_000 + 1, "calibration", 422),
        (0, "calibration", 422),
        (-1, "calibration", 422),
        (3_600_000, "", 422),
        (3_600_000, "x" * 501, 422),
    ],
)
async def test_shelving_has_an_end_and_a_reason(console, alert, ahead_ms, reason, status):
    body = {"until": console.clock.utc_ms() + ahead_ms, "reason": reason}
    answer = await console.as_role("operator").post(f"{ALERTS}/{alert['id']}/shelve", json=body)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["suppressed"]["by"] == "shelved"
        site = (await console.as_role("viewer").get("/api/v1/sites")).json()["items"][0]
        assert (site["alerts"]["high"], site["alerts"]["shelved"]) == (0, 1)


async def test_an_ended_alert_refuses(console, desk, alert):
    desk.clear_alert(alert["id"])
    answer = await console.as_role("operator").post(f"{ALERTS}/{alert['id']}/acknowledge", json={})
    assert answer.status_code == 409
    assert answer.json()["guard"] == "alert_ended"
    missing = await console.as_role("operator").post(f"{ALERTS}/nothing/acknowledge", json={})
    assert missing.status_code == 404


async def test_a_ticket_walks_and_is_not_archived_while_the_alert_stands(console, desk, alert, ticket):
    client = console.as_role("operator", "op1")
    path = f"{TICKETS}/{ticket['id']}/events"
    for step in (
        event("dispatch", team="station"),
        event("accept", person="zhang"),
        event("arrive"),
        event("start"),
        event("report", cause="fan", action="cleaned"),
        event("verify_waive", person="op1", reason="seen"),
    ):
        answer = await client.post(path, json=step)
        assert answer.status_code == 200, answer.text
    assert answer.json()["assignee"] == "zhang"
    refused = await client.post(path, json=event("archive"))
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["event"], problem["state"], problem["guard"]) == (
        "archive",
        "verified",
        "alert_still_active",
    )
    assert "archive" in problem["allowed"]
    assert {"type", "title", "status", "detail"} <= problem.keys()
    desk.clear_alert(alert["id"])
    assert (await client.post(path, json=event("archive"))).json()["state"] == "archived"
    assert (await client.get(TICKETS)).json()["items"] == []
    assert len((await client.get(f"{TICKETS}?state=all")).json()["items"]) == 1


async def test_the_same_key_is_one_event(console, ticket):
    client = console.as_role("operator")
    said = event("comment", text="on my way")
    first = await client.post(f"{TICKETS}/{ticket['id']}/events", json=said)
    second = await client.post(f"{TICKETS}/{ticket['id']}/events", json=said)
    assert first.json() == second.json()
    assert [e["event"] for e in second.json()["events"]] == ["open", "comment"]


async def test_missing_arguments_are_named(console, ticket):
    answer = await console.as_role("operator").post(f"{TICKETS}/{ticket['id']}/events", json=event("cancel"))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"where": "body.reason", "message": "is missing"}]


async def test_a_person_opens_a_ticket_once(console):
    client = console.as_role("operator", "op1")
    wanted = {
        "key": str(uuid.uuid4()),
        "site": "village-hall",
        "kind": "defect",
        "priority": "P3",
        "title": {"en": "Noise in cabinet", "zh": "柜内异响"},
        "devices": ["bat-1"],
    }
    first = await client.post(TICKETS, json=wanted)
    assert first.status_code == 201
    assert (await client.post(TICKETS, json=wanted)).json()["id"] == first.json()["id"]
    assert len((await client.get(TICKETS)).json()["items"]) == 1
    assert (await client.post(TICKETS, json=wanted | {"site": "elsewhere"})).status_code == 404
    assert (await client.post(TICKETS, json=wanted | {"kind": "party"})).status_code == 422
    plain = wanted | {"key": str(uuid.uuid4()), "title": "Door open"}
    assert (await client.post(TICKETS, json=plain)).json()["title"] == {"en": "Door open", "zh": "Door open"}


async def test_evidence_is_shown_in_a_sandbox(console, ticket):
    client = console.as_role("viewer")
    answer = await client.get(f"{TICKETS}/{ticket['id']}/evidence/points.csv")
    assert answer.text.startswith("ts,device,point")
    assert "sandbox" in answer.headers["content-security-policy"]
    for name in ("nothing", "..%2f..%2fusers.json", "%2e%2e/users.json"):
        assert (await client.get(f"{TICKETS}/{ticket['id']}/evidence/{name}")).status_code == 404


async def test_each_act_leaves_one_line_with_who_what_whence_and_result(console, alert, ticket, capsys):
    client = console.as_role("operator", "op1")
    await client.post(f"{ALERTS}/{alert['id']}/acknowledge", json={})
    await client.post(f"{TICKETS}/{ticket['id']}/events", json=event("archive"))
    await console.as_role("viewer").post(f"{ALERTS}/{alert['id']}/acknowledge", json={})
    lines = [line for line in capsys.readouterr().out.splitlines() if " audit " in line]
    assert [("who=op1" in line, "result=ok" in line) for line in lines] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert "result=refused" in lines[1]
    assert "result=forbidden" in lines[2]
    assert all("address=127.0.0.1" in line for line in lines)


async def test_a_store_that_refuses_is_a_503_that_says_when_to_ask_again(console, monkeypatch):
    async def refuses(**_wanted):
        raise StoreError("the ticket store refuses: database or disk is full")

    monkeypatch.setattr(console.site.desk, "tickets", refuses)
    answer = await console.as_role("operator").get("/api/v1/tickets")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    problem = answer.json()
    assert problem["type"] == "urn:maplebridge:problem:unavailable"
    assert "disk is full" in problem["detail"]
