"""A station's requests: decided by the site's desk as a person's are, answered in `changes`, each key once."""

import pytest
import structlog

from gateway.journal.record import Change
from gateway.tickets.requests import Requests
from gateway.tickets.store import StoreError


@pytest.fixture
async def asked(house):
    """`await asked(event, **facts)` puts a request; a ticket of the house is open."""
    house.alert("a1")
    await house.settle()
    ticket = (await house.only())["id"]
    requests = Requests(house.desk, house.journal, house.clock)

    async def ask(event, *, of=None, **facts):
        request = {"key": "k1", "ticket": ticket, "event": event} | facts
        await (of or requests).ask(request, "county-1")
        await house.settle()

    return ask


async def answers(house):
    """The events of ticket changes whose key is one of a request."""
    records = await house.journal.read(0, 1_000)
    bodies = [record.entry.body for record in records if isinstance(record.entry, Change)]
    return [body["event"] for body in bodies if "ticket" in body and body["event"]["key"].startswith("k")]


async def test_an_accepted_request_is_an_event_like_any_other(house, asked):
    await asked("accept", person="zhang", by="li", role="operator")
    assert (await house.only())["state"] == "accepted"
    (answer,) = await answers(house)
    assert (answer["event"], answer["key"], answer["by"], answer["to"]) == ("accept", "k1", "li", "accepted")
    assert "refused" not in answer


async def test_without_a_name_it_is_the_station_that_asks(house, asked):
    await asked("comment", text="on our way")
    (answer,) = await answers(house)
    assert (answer["by"], answer["role"], answer["text"]) == ("county-1", "operator", "on our way")


@pytest.mark.parametrize(
    ("event", "facts", "status", "guard"),
    [
        ("arrive", {"code": "s1"}, 409, "not_in_this_state"),
        ("accept", {"person": "nobody"}, 409, "not_a_member"),
        ("accept", {"person": "zhang", "role": "viewer"}, 403, None),
        ("dispatch", {"role": "inspector", "team": "station"}, 403, None),
        ("explode", {}, 422, None),
        ("open", {}, 422, None),
        ("hold", {"reason": "boredom"}, 422, None),
        ("comment", {"text": "x", "ticket": "none"}, 404, None),
    ],
)
async def test_a_refusal_is_answered_under_the_key_of_the_request(house, asked, event, facts, status, guard):
    before = await house.only()
    await asked(event, **facts)
    assert await house.only() == before
    (answer,) = await answers(house)
    assert (answer["event"], answer["key"]) == (event, "k1")
    assert (answer["refused"]["status"], answer["refused"].get("guard")) == (status, guard)
    assert answer["refused"]["detail"]


async def test_the_same_key_twice_changes_nothing(house, asked):
    await asked("comment", text="x")
    await asked("comment", text="x")
    assert len(await answers(house)) == 1
    assert [e["event"] for e in (await house.only())["events"]].count("comment") == 1


async def test_what_was_refused_once_stays_refused_even_if_it_has_become_possible_and_over_a_restart(
    house, asked
):
    await asked("arrive", code=house.desk.site_code)
    await house.act("accept", person="zhang")
    await asked("arrive", code=house.desk.site_code)
    assert (await house.only())["state"] == "accepted"
    await house.close()
    await house.open()
    again = Requests(house.desk, house.journal, house.clock)
    await asked("arrive", of=again, code=house.desk.site_code)
    assert (await house.only())["state"] == "accepted"
    assert len(await answers(house)) == 1
    await asked("arrive", of=again, key="k2", code=house.desk.site_code)
    assert (await house.only())["state"] == "on_site"


@pytest.mark.parametrize(
    "facts",
    [
        {"key": None},
        {"key": "desk:number"},
        {"key": "x" * 101},
        {"ticket": 7},
        {"role": "king"},
    ],
)
async def test_what_cannot_be_answered_is_dropped(house, asked, facts):
    before, head = await house.only(), house.journal.head()
    await asked("comment", text="x", **facts)
    assert await house.only() == before
    assert house.journal.head() == head


async def test_a_store_that_refuses_is_for_the_caller_to_ask_again(house, asked, monkeypatch):
    async def refuses(*_args, **_facts):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(house.desk, "act", refuses)
        await asked("comment", text="x")
    await asked("comment", text="x")
    assert len(await answers(house)) == 1


async def test_a_request_that_is_none_is_told_in_one_line(house):
    requests = Requests(house.desk, house.journal, house.clock)
    with structlog.testing.capture_logs() as logs:
        await requests.ask({"ticket": 7, "event": "accept", "key": "k"}, "county-1")
    assert [line["why"] for line in logs] == ["ticket: Input should be a valid string"]
