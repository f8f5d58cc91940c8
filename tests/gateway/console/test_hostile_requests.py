"""Requests that want to do harm: other sites, huge or slow bodies, nonsense."""

import asyncio

import pytest

from gateway.console import connection, headers


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "{url}", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_writes_by_cookie_come_from_our_own_pages_only(console, sent, status):
    alert = alert_of(console)
    client = await console.signed_in("operator")
    sent = {name: value.format(url=console.url) for name, value in sent.items()}
    answer = await client.post(f"/api/v1/alerts/{alert}/acknowledge", json={}, headers=sent)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["type"].endswith(":cross-site")
        assert console.site.desk.alert_documents[alert]["acknowledged"] is None


async def test_a_sign_in_from_another_site_is_refused(console):
    code = console.console.code.issue()
    foreign = {"Origin": "http://evil.example"}
    answer = await console.client().post("/api/v1/session", json={"code": code}, headers=foreign)
    assert answer.status_code == 403
    assert (await console.client().post("/api/v1/session", json={"code": code})).status_code == 204


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_form_is_not_taken_for_json(console, kind):
    client = await console.signed_in("operator")
    path = f"/api/v1/alerts/{alert_of(console)}/acknowledge"
    answer = await client.post(path, content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code in (415, 422)
    assert (await client.get("/api/v1/alerts")).json()["items"][0]["acknowledged"] is None


async def test_reading_changes_nothing(console):
    client = await console.signed_in("admin")
    for path in ("acknowledge", "shelve", "unshelve"):
        answer = await client.get(f"/api/v1/alerts/{alert_of(console)}/{path}")
        assert answer.status_code == 405
        assert answer.json()["type"].endswith(":method-not-allowed")


async def test_a_body_has_a_limit_by_its_header_and_by_its_bytes(console):
    client = await console.signed_in("operator")
    path = f"/api/v1/alerts/{alert_of(console)}/acknowledge"

    async def drip():
        for _ in range(80):
            yield b" " * 1_000

    for content in (b" " * 80_000, drip()):
        answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("signed_in", "size", "status"),
    [(False, 60_000, 401), (False, 80_000, 401), (True, 80_000, 422), (True, 1_500_000, 413)],
)
async def test_only_who_is_signed_in_may_send_a_large_body(console, signed_in, size, status):
    client = await console.signed_in("operator") if signed_in else console.client()
    path = "/api/v1/tickets/T-1/events"
    answer = await client.post(
        path, content=b'"%b"' % (b"x" * size), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"a":' * 2_000, b'{"until": 1e999, "reason": 3}']
)
async def test_broken_json_is_the_callers_fault(console, content):
    client = await console.signed_in("operator")
    path = f"/api/v1/alerts/{alert_of(console)}/shelve"
    answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_no_http_gets_a_problem_and_the_connection_ends(console):
    answer = await exchange(console, b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert b"content-security-policy" in answer


async def test_a_head_without_end_is_refused(console):
    answer = await exchange(console, b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000)
    assert answer.startswith(b"HTTP/1.1 400")


async def test_who_sends_a_head_too_slowly_is_cut_off(console, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.2)
    async with asyncio.timeout(5):
        assert await exchange(console, b"GET / HTTP/1.1\r\n") == b""
        assert await exchange(console, b"") == b""


async def test_who_sends_a_body_too_slowly_gets_an_answer(console, monkeypatch):
    monkeypatch.setattr(headers, "BODY_TIMEOUT_S", 0.2)
    head = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{"
    async with asyncio.timeout(5):
        assert (await exchange(console, head)).startswith(b"HTTP/1.1 400")


async def test_idle_connections_cannot_crowd_others_out(console, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.3)
    host, port = console.url.removeprefix("http://").split(":")
    held = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
    async with asyncio.timeout(5):
        while (await try_health(console)) != 200:
            await asyncio.sleep(0.05)
    for _reader, writer in held:
        writer.close()


async def try_health(console):
    import httpx2

    try:
        return (await console.client().get("/healthz")).status_code
    except httpx2.TransportError:
        return None


async def exchange(console, sent):
    host, port = console.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def alert_of(console):
    desk = console.site.desk
    if not desk.alert_documents:
        from agent.reading import Text

        desk.raise_alert("BAT-02", "bat-1", "high", Text("Cell warm", "电芯偏热"), {})
    return next(iter(desk.alert_documents))


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"reason": NaN}', b'{"reason": "\\ud800"}', b'{"reason": "\xff"}', b"[" * 3_000],
    ids=["half", "not a number", "half a letter", "no text", "endless"],
)
async def test_what_is_no_json_is_said_before_anybody_reads_it(console, body):
    client = await console.signed_in("operator")
    path = f"/api/v1/alerts/{alert_of(console)}/shelve"
    answer = await client.post(
        path, content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:maplebridge:problem:bad-request")
    assert answer.json()["detail"].startswith("the body is not JSON: ")
