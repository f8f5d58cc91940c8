"""The first run: a code, a first user, and a door that is shut behind them."""

import asyncio

import structlog

SETUP, SESSION = "/api/v1/setup", "/api/v1/session"
FIRST = {"user": "wang", "password": "seven geese cross the weir", "language": "zh"}


async def by_code(console):
    """A client that has redeemed the one-time code."""
    client = console.client()
    answer = await client.post(SESSION, json={"code": console.console.code.issue()})
    assert answer.status_code == 204
    return client


async def step(client):
    return (await client.get(SETUP)).json()["step"]


async def test_the_code_leads_to_a_user_and_the_user_to_the_site(console):
    nobody = console.client()
    assert (await nobody.get(SETUP)).json() == {"step": "code", "code_open": False, "password_least": 12}
    console.console.code.issue()
    assert (await nobody.get(SETUP)).json()["code_open"] is True
    client = await by_code(console)
    assert await step(client) == "user"
    assert (await client.get(SESSION)).json()["setup"] is True
    with structlog.testing.capture_logs() as logs:
        assert (await client.post(SETUP, json=FIRST)).status_code == 204
    assert await step(client) == "done"
    me = (await client.get(SESSION)).json()
    assert (me["user"], me["role"], me["language"], me["setup"]) == ("wang", "admin", "zh", False)
    told = [line for line in logs if line["event"] == "audit"]
    assert [(line["who"], line["what"], line["user"]) for line in told] == [("setup", "first user", "wang")]
    assert FIRST["password"] not in str(logs)


async def test_who_comes_back_later_goes_on_where_they_were(console):
    client = await by_code(console)
    elsewhere = console.client()
    assert await step(elsewhere) == "code"
    elsewhere.cookies.update(client.cookies)
    assert await step(elsewhere) == "user"


async def test_once_there_is_a_user_nobody_makes_a_first_one(console):
    client = await by_code(console)
    console.users.add("li", "viewer", None)
    answer = await client.post(SETUP, json=FIRST)
    assert (answer.status_code, answer.json()["guard"]) == (409, "already_set_up")
    assert set(console.users.all()) == {"li"}
    assert await step(client) == "done"


async def test_two_who_are_first_at_once_make_one_user(console):
    client = await by_code(console)
    both = await asyncio.gather(*(client.post(SETUP, json=FIRST | {"user": name}) for name in ("wang", "li")))
    assert sorted(answer.status_code for answer in both) == [204, 409]
    assert len(console.users.all()) == 1


async def test_the_session_of_the_code_ends_with_the_first_user(console):
    client = await by_code(console)
    stolen = console.client()
    stolen.cookies.update(client.cookies)
    assert (await client.post(SETUP, json=FIRST)).status_code == 204
    assert (await stolen.get(SESSION)).status_code == 401


async def test_a_bad_name_and_a_weak_password_are_both_told(console):
    client = await by_code(console)
    answer = await client.post(SETUP, json={"user": "a b", "password": "password1234"})
    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == ["body.user", "body.password"]
    assert console.users.all() == {}


async def test_without_the_code_nobody_sets_up_anything(console):
    assert (await console.client().post(SETUP, json=FIRST)).status_code == 401
    assert console.users.all() == {}
