"""`/users`: what an administrator does with users, and what is written down about it."""

import pytest
import structlog

USERS, SESSION = "/api/v1/users", "/api/v1/session"


def audited(logs):
    return [
        (line["who"], line["what"], line["user"], line["result"]) for line in logs if line["event"] == "audit"
    ]


async def signs_in(console, user, password):
    answer = await console.client().post(SESSION, json={"user": user, "password": password})
    return answer.status_code == 204


async def test_the_list_has_no_secrets(console, password):
    admin = await console.signed_in("admin")
    console.users.add("li", "viewer", None)
    console.users.add_token("li")
    answer = await admin.get(USERS)
    assert answer.json()["items"] == [
        {"user": "admin-1", "role": "admin", "language": None, "has_password": True, "tokens": 0},
        {"user": "li", "role": "viewer", "language": None, "has_password": False, "tokens": 1},
    ]
    assert answer.headers["cache-control"] == "no-store"


async def test_who_is_added_may_what_the_role_says(console):
    admin = await console.signed_in("admin")
    with structlog.testing.capture_logs() as logs:
        made = await admin.post(USERS, json={"user": "li", "role": "operator"})
    assert (made.status_code, made.json()["role"]) == (201, "operator")
    assert await signs_in(console, "li", made.json()["made_up"])
    assert audited(logs)[:1] == [("admin-1", "add user", "li", "ok")]
    assert made.json()["made_up"] not in str(logs)
    own = await admin.post(
        USERS, json={"user": "wu", "role": "viewer", "password": "seven geese cross the weir"}
    )
    assert own.json()["made_up"] is None
    assert await signs_in(console, "wu", "seven geese cross the weir")


async def test_adding_somebody_twice_changes_nothing(console, password):
    admin = await console.signed_in("admin")
    console.users.add("li", "viewer", None)
    answer = await admin.post(USERS, json={"user": "li", "role": "admin"})
    assert (answer.status_code, answer.json()["guard"]) == (409, "user_exists")
    assert console.users.get("li").role == "viewer"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"user": "a/b", "role": "viewer"}, "body.user"),
        ({"user": "setup", "role": "viewer"}, "body.user"),
        ({"user": "li", "role": "king"}, "body.role"),
        ({"user": "li", "role": "viewer", "password": "short"}, "body.password"),
    ],
)
async def test_what_does_not_fit_is_told_where(console, body, where):
    answer = await (await console.signed_in("admin")).post(USERS, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)


async def test_a_new_password_ends_what_was_open_with_the_old_one(console, password):
    admin = await console.signed_in("admin")
    li = await console.signed_in("viewer", "li")
    token = console.client(Authorization=f"Bearer {console.users.add_token('li')}")
    with structlog.testing.capture_logs() as logs:
        renewed = await admin.post(f"{USERS}/li/password", json={})
    assert audited(logs) == [("admin-1", "new password", "li", "ok")]
    assert (await li.get(SESSION)).status_code == (await token.get(SESSION)).status_code == 401
    assert not await signs_in(console, "li", password)
    assert await signs_in(console, "li", renewed.json()["made_up"])
    assert console.users.get("li").role == "viewer"


async def test_who_renews_their_own_password_stays_signed_in_here_only(console):
    here = await console.signed_in("admin")
    there = console.client()
    there.cookies.update(here.cookies)
    answer = await here.post(f"{USERS}/admin-1/password", json={"password": "seven geese cross the weir"})
    assert answer.status_code == 200
    assert (await here.get(SESSION)).status_code == 200
    assert (await there.get(SESSION)).status_code == 401


async def test_a_token_is_shown_once_and_works(console):
    admin = await console.signed_in("admin")
    console.users.add("li", "viewer", None)
    with structlog.testing.capture_logs() as logs:
        made = await admin.post(f"{USERS}/li/tokens")
    assert made.status_code == 201
    assert audited(logs) == [("admin-1", "new token", "li", "ok")]
    assert made.json()["token"] not in str(logs)
    by_token = console.client(Authorization=f"Bearer {made.json()['token']}")
    assert (await by_token.get(SESSION)).json()["user"] == "li"


async def test_who_is_removed_is_out_at_once(console):
    admin = await console.signed_in("admin")
    li = await console.signed_in("operator", "li")
    with structlog.testing.capture_logs() as logs:
        assert (await admin.delete(f"{USERS}/li")).status_code == 204
    assert audited(logs) == [("admin-1", "remove user", "li", "ok")]
    assert (await li.get(SESSION)).status_code == 401


async def test_the_last_administrator_stays(console):
    admin = await console.signed_in("admin")
    answer = await admin.delete(f"{USERS}/admin-1")
    assert (answer.status_code, answer.json()["guard"]) == (409, "last_admin")
    console.users.add("li", "admin", None)
    assert (await admin.delete(f"{USERS}/admin-1")).status_code == 204


@pytest.mark.parametrize(("method", "path"), [("POST", "/password"), ("POST", "/tokens"), ("DELETE", "")])
async def test_nobody_of_that_name_is_not_found(console, method, path):
    admin = await console.signed_in("admin")
    with structlog.testing.capture_logs() as logs:
        answer = await admin.request(
            method, f"{USERS}/nobody{path}", json={} if path == "/password" else None
        )
    assert answer.status_code == 404
    assert audited(logs)[0][2:] == ("nobody", "unknown")


async def test_a_file_that_cannot_be_written_is_said(console):
    admin = await console.signed_in("admin")
    (console.data / "users.new").mkdir()
    answer = await admin.post(USERS, json={"user": "li", "role": "viewer"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:maplebridge:problem:unavailable")
    assert console.users.get("li") is None
