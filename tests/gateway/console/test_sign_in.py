"""Sessions: how they begin, how long they last, what ends them, and how guessing is slowed."""

import asyncio
import statistics
import time

import pytest

from gateway.console.session import ABSOLUTE_MS, IDLE_MS
from gateway.console.users import Users

SESSION = "/api/v1/session"


async def test_without_users_only_the_code_opens_the_door(console):
    client = console.client()
    assert (await client.get(SESSION)).json()["sign_in"] == []
    guess = await client.post(SESSION, json={"user": "admin", "password": "admin admin admin"})
    assert guess.status_code == 401
    code = console.console.code.issue()
    assert (await client.get(SESSION)).json()["sign_in"] == ["code"]
    assert (await client.post(SESSION, json={"code": code.lower().replace("-", " ")})).status_code == 204
    me = (await client.get(SESSION)).json()
    assert (me["user"], me["role"]) == ("setup", "admin")
    again = await console.client().post(SESSION, json={"code": code})
    assert again.status_code == 401
    assert again.json()["type"].endswith(":wrong-credentials")


async def test_codes_differ_and_are_long(console):
    codes = {console.console.code.issue() for _ in range(100)}
    assert len(codes) == 100
    assert all(len(code.replace("-", "")) * 5 >= 128 for code in codes)


async def test_a_cookie_cannot_be_read_or_sent_from_elsewhere(console):
    client = await console.signed_in("operator")
    answer = await client.post(SESSION, json={"user": "operator-1", "password": "wrong wrong wrong"})
    assert "set-cookie" not in answer.headers
    code = console.console.code.issue()
    cookie = (await console.client().post(SESSION, json={"code": code})).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


async def test_wrong_password_and_unknown_user_look_the_same(console, password):
    await console.signed_in("operator")
    known = await console.client().post(SESSION, json={"user": "operator-1", "password": "x" * 20})
    unknown = await console.client().post(SESSION, json={"user": "nobody", "password": "x" * 20})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


async def test_unknown_users_take_as_long_as_known_ones(console):
    await console.signed_in("operator")
    took = {"operator-1": [], "nobody": []}
    client = console.client()
    for _round in range(7):
        for user, times in took.items():
            start = time.perf_counter()
            await client.post(SESSION, json={"user": user, "password": "y" * 20})
            times.append(time.perf_counter() - start)
            console.clock.advance(301_000)
    known, unknown = (statistics.median(times) for times in took.values())
    assert known == pytest.approx(unknown, rel=0.5)


@pytest.mark.parametrize(
    ("steps_ms", "alive"),
    [
        ((IDLE_MS - 1_000,), True),
        ((IDLE_MS + 1_000,), False),
        ((IDLE_MS - 1_000,) * 20, True),
        ((IDLE_MS - 1_000,) * (ABSOLUTE_MS // IDLE_MS + 1), False),
    ],
    ids=["just used", "idle", "kept alive by use", "too old although used"],
)
async def test_how_long_a_session_lasts(console, steps_ms, alive):
    client = await console.signed_in("viewer")
    status = 0
    for step_ms in steps_ms:
        console.clock.advance(step_ms)
        status = (await client.get(SESSION)).status_code
    assert status == (200 if alive else 401)


async def test_signing_out_kills_the_cookie(console):
    client = await console.signed_in("viewer")
    old = client.cookies["maplebridge_session"]
    assert (await client.delete(SESSION)).status_code == 204
    replay = await console.client(Cookie=f"maplebridge_session={old}").get(SESSION)
    assert replay.status_code == 401


async def test_signing_in_again_gives_a_new_session_and_ends_the_old(console, password):
    client = await console.signed_in("viewer")
    old = client.cookies["maplebridge_session"]
    await client.post(SESSION, json={"user": "viewer-1", "password": password})
    assert client.cookies["maplebridge_session"] != old
    assert (await console.client(Cookie=f"maplebridge_session={old}").get(SESSION)).status_code == 401


async def test_removing_a_user_beside_the_gateway_ends_their_sessions(console):
    client = await console.signed_in("admin", "eve")
    Users(console.data).remove("eve")
    assert (await client.get(SESSION)).status_code == 401


async def test_a_new_user_of_the_same_name_does_not_inherit_the_session(console):
    client = await console.signed_in("admin", "eve")
    beside = Users(console.data)
    beside.remove("eve")
    beside.add("eve", "admin", None)
    assert (await client.get(SESSION)).status_code == 401


async def test_the_language_is_remembered(console):
    client = await console.signed_in("viewer", "mei")
    assert (await client.get(SESSION)).json()["language"] is None
    assert (await client.patch(SESSION, json={"language": "zh"})).status_code == 204
    assert (await client.get(SESSION)).json()["language"] == "zh"
    assert Users(console.data).get("mei").language == "zh"


async def test_a_hundred_guesses_are_ten_and_say_when_to_come_back(console):
    await console.signed_in("operator")
    client = console.client()
    guesses = [
        client.post(SESSION, json={"user": "operator-1", "password": f"guess number {n}"}) for n in range(100)
    ]
    answers = await asyncio.gather(*guesses)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 90
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert refused.json()["retry_after_s"] == int(refused.headers["retry-after"])
    console.clock.advance(301_000)
    assert (await client.post(SESSION, json={"user": "x", "password": "z" * 20})).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "a"},
        {"password": "b"},
        {"user": "a", "password": "b", "code": "c"},
        {"user": 1, "password": []},
    ],
)
async def test_half_a_sign_in_is_invalid(console, body):
    answer = await console.client().post(SESSION, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_an_unused_code_ends_with_the_first_user(console):
    code = console.console.code.issue()
    await console.signed_in("operator")
    client = console.client()
    assert (await client.get(SESSION)).json()["sign_in"] == ["password"]
    assert (await client.post(SESSION, json={"code": code})).status_code == 401


async def test_a_code_that_is_issued_beside_users_works_beside_them(console):
    await console.signed_in("operator")
    code = console.console.code.issue()
    client = console.client()
    assert (await client.get(SESSION)).json()["sign_in"] == ["password", "code"]
    assert (await client.post(SESSION, json={"code": code})).status_code == 204
