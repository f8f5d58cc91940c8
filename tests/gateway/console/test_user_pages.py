"""Users over the API: made, changed, given tokens and removed by administrators, and never the last one."""

import pytest

WORDS = "four quiet maple bridges"


async def test_the_first_administrator_is_made_with_the_one_time_code_which_then_ends(console):
    code = console.console.code.issue()
    client = console.client()
    assert (await client.post("/api/v1/session", json={"code": code})).status_code == 204
    made = await client.post("/api/v1/users", json={"name": "li", "role": "admin", "password": WORDS})
    assert (made.status_code, made.json()["password"]) == (201, None)
    again = console.client()
    assert (await again.post("/api/v1/session", json={"code": code})).status_code == 401
    signed_in = await again.post("/api/v1/session", json={"user": "li", "password": WORDS})
    assert signed_in.status_code == 204
    assert (await again.get("/api/v1/session")).json()["role"] == "admin"


async def test_a_password_that_was_made_up_is_told_once(console):
    admin = console.as_role("admin")
    made = (await admin.post("/api/v1/users", json={"name": "wang", "role": "inspector"})).json()
    client = console.client()
    answer = await client.post("/api/v1/session", json={"user": "wang", "password": made["password"]})
    assert answer.status_code == 204
    listed = (await admin.get("/api/v1/users")).json()["items"]
    assert {"name": "wang", "role": "inspector", "tokens": 0, "language": None} in listed
    assert made["password"] not in str(listed)


async def test_a_token_is_told_once_and_works(console):
    admin = console.as_role("admin")
    await admin.post("/api/v1/users", json={"name": "script", "role": "viewer"})
    token = (await admin.post("/api/v1/users/script/token", json={})).json()["token"]
    bearer = console.client(Authorization=f"Bearer {token}")
    assert (await bearer.get("/api/v1/sites")).status_code == 200
    assert (await admin.delete("/api/v1/users/script")).status_code == 204
    assert (await bearer.get("/api/v1/sites")).status_code == 401


async def test_the_last_administrator_stays(console):
    admin = console.as_role("admin")
    refused = await admin.delete("/api/v1/users/admin-1")
    assert (refused.status_code, refused.json()["guard"]) == (409, "last_admin")
    lowered = await admin.post("/api/v1/users", json={"name": "admin-1", "role": "viewer", "password": WORDS})
    assert lowered.status_code == 409
    await admin.post("/api/v1/users", json={"name": "li", "role": "admin", "password": WORDS})
    assert (await admin.delete("/api/v1/users/admin-1")).status_code == 204


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": "setup", "role": "viewer"}, "body.name"),
        ({"name": "a b", "role": "viewer"}, "body.name"),
        ({"name": "li", "role": "viewer", "password": "short"}, "body.password"),
        ({"name": "li", "role": "king"}, "role"),
    ],
)
async def test_what_does_not_fit_says_where(console, body, where):
    answer = await console.as_role("admin").post("/api/v1/users", json=body)
    assert answer.status_code == 422
    assert where in answer.json()["detail"]


async def test_a_disk_that_refuses_changes_nothing_and_says_so(console, monkeypatch):
    def refuses(*_arguments):
        raise OSError(28, "No space left on device")

    admin = console.as_role("admin")
    monkeypatch.setattr(console.users, "_write", refuses)
    answer = await admin.post("/api/v1/users", json={"name": "li", "role": "viewer", "password": WORDS})
    assert answer.status_code == 503
    assert "nothing has changed" in answer.json()["detail"]
    assert console.users.get("li") is None
