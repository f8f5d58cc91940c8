"""What goes around every request: security headers on every answer, limits on every body.

Plain ASGI, so that a stream passes through without a task or a queue of its own.
"""

import asyncio
import re
from collections.abc import Callable

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.console.problem import Problem

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "report-uri /api/v1/csp-reports"
)
SANDBOX_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""For files that others wrote (evidence): shown, never run."""

MAX_BODY_BYTES = 64_000
MAX_EVIDENCE_BODY_BYTES = 1_400_000
"""A ticket event may carry a file of 1 MB in base64."""
_TICKET_EVENT = re.compile(r"/api/v1/tickets/[^/]+/events")
BODY_TIMEOUT_S = 15.0
_MAX_DISCARDED_BYTES = 1_000_000

_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")


def secured(headers: list[tuple[bytes, bytes]], *, tls: bool) -> list[tuple[bytes, bytes]]:
    """These headers with ours; a CSP or cache rule of the answer's own stays."""
    names = {name.lower() for name, _value in headers}
    result = [*headers, *_ALWAYS]
    if b"content-security-policy" not in names:
        result.append((b"content-security-policy", CSP.encode()))
    if b"cache-control" not in names:
        result.append(_NO_STORE)
    if tls:
        result.append(_HSTS)
    return result


class SecurityHeaders:
    """Adds the headers to every answer, whoever made it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tls = scope.get("scheme") == "https"

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = secured(list(message.get("headers", [])), tls=tls)
            await send(message)

        await self._app(scope, receive, send_secured)


class BodyLimit:
    """Refuses bodies that are too large, too slow, or no JSON; reads them before the app sees the request."""

    def __init__(self, app: ASGIApp, caller: Callable[[Request], object]) -> None:
        """`caller` raises a Problem for who is not signed in: they may not send a large body."""
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        most, refusal = MAX_BODY_BYTES, None
        if _TICKET_EVENT.fullmatch(scope["path"]) is not None:
            try:
                self._caller(Request(scope))
                most = MAX_EVIDENCE_BODY_BYTES
            except Problem as nobody:
                refusal = nobody
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _read(receive, most)
        except TimeoutError:
            problem = Problem("bad-request", f"the body did not arrive within {BODY_TIMEOUT_S:.0f} s")
            await problem.response()(scope, receive, send)
            return
        if body is None:
            problem = refusal or Problem("too-large", f"a body may have {most} bytes")
            problem.headers["connection"] = "close"
            await problem.response()(scope, receive, send)
            return
        why = _no_json(scope, body)
        if why is not None:
            await Problem("bad-request", f"the body is not JSON: {why}").response()(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _no_json(scope: Scope, body: bytes) -> str | None:
    """Why it is none. Python's own reader takes NaN and halves of letters, which no answer can carry."""
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if not body or kind != "application/json":
        return None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return str(error)
    return None


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body, or None when it is too large or the client has gone.

    What is too large is still read for a while and thrown away: a client that is cut off
    while it sends never sees the answer.
    """
    body = bytearray()
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= most:
            body += message.get("body", b"")
        if size > most + _MAX_DISCARDED_BYTES or (size > most and not message.get("more_body", False)):
            return None
        if not message.get("more_body", False):
            return bytes(body)
