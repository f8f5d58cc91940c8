"""Who is asking, and may they? Cookie or bearer token, role, same origin for writes, audit."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from fastapi import Request, Response

from gateway.console.ports import ConsolePorts, RoleName
from gateway.console.problem import Problem
from gateway.console.session import OneTimeCode, Session, Sessions
from gateway.console.throttle import Throttle
from gateway.console.users import Users, may

log = structlog.get_logger(__name__)

_PLAIN_COOKIE = "maplebridge_session"
_TLS_COOKIE = "__Host-maplebridge_session"
_TOKEN_MAX = 512


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `cookie` is None for a bearer token; `serial` is the user's at that time."""

    user: str
    serial: str
    role: RoleName
    language: Literal["zh", "en"] | None
    session: Session | None
    cookie: str | None
    address: str


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """What sign-in and access checks share."""

    ports: ConsolePorts
    users: Users
    sessions: Sessions
    code: OneTimeCode
    throttle: Throttle = field(default_factory=Throttle)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Each password check takes 16 MiB: a flood of sign-ins must not take the gateway's memory."""

    def ways_in(self) -> list[str]:
        """How one can sign in now."""
        ways = ["password"] if self.users.all() else []
        return [*ways, "code"] if self.code.open else ways

    def caller(self, request: Request) -> Caller:
        """Raises Problem `not-signed-in`."""
        address = client_address(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            user = self.users.by_token(token.strip()[:_TOKEN_MAX])
            if user is not None:
                return Caller(user.name, user.serial, user.role, user.language, None, None, address)
        cookie = request.cookies.get(cookie_name(request))
        session = None if cookie is None else self.sessions.find(cookie)
        if session is None:
            raise Problem(
                "not-signed-in",
                "sign in by POST /api/v1/session, or send a bearer token",
                headers={"WWW-Authenticate": 'Bearer realm="maplebridge"'},
                sign_in=self.ways_in(),
            )
        return Caller(session.user, session.serial, session.role, session.language, session, cookie, address)

    def still_there(self, caller: Caller) -> bool:
        """Whether a stream of theirs may go on; watching keeps a session alive."""
        if caller.cookie is not None:
            return self.sessions.find(caller.cookie) is not None
        user = self.users.get(caller.user)
        return user is not None and user.serial == caller.serial and may(user.role, "viewer")


def gatekeeper(request: Request) -> Gatekeeper:
    keeper = request.app.state.gatekeeper
    assert isinstance(keeper, Gatekeeper)  # noqa: S101  # set by create_app
    return keeper


def least(role: RoleName) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency: the caller, who has at least this role and, to change something, comes from our pages."""

    async def check(request: Request) -> Caller:
        caller = gatekeeper(request).caller(request)
        if caller.cookie is not None and request.method not in ("GET", "HEAD"):
            refuse_cross_site(request)
        if request.method in ("POST", "PATCH", "PUT"):
            refuse_other_than_json(request)
        if not may(caller.role, role):
            audit(caller, f"{request.method} {request.url.path}", result="forbidden")
            raise Problem("forbidden", f"this needs the role {role}; yours is {caller.role}", role=role)
        return caller

    return check


def refuse_cross_site(request: Request) -> None:
    """A browser says where a write comes from; what is no browser says nothing.

    Raises:
        Problem: `cross-site`.
    """
    origin = request.headers.get("origin")
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin.lower() != here.lower()) or site not in ("same-origin", "none"):
        raise Problem("cross-site", "writes are taken from this console's own pages only")


def refuse_other_than_json(request: Request) -> None:
    """What has no body needs no Content-Type. Raises Problem `json-only`."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem("json-only", "send the body as application/json")


def client_address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def cookie_name(request: Request) -> str:
    return _TLS_COOKIE if request.url.scheme == "https" else _PLAIN_COOKIE


def set_cookie(response: Response, request: Request, value: str, max_age_s: int) -> None:
    """The session's cookie; empty with age 0 takes it away."""
    response.set_cookie(
        cookie_name(request),
        value,
        max_age=max_age_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def audit(caller: Caller, what: str, *, result: str, **more: Any) -> None:
    """One line per act: who, what, from where, with which result."""
    log.info(
        "audit", who=caller.user, role=caller.role, what=what, address=caller.address, result=result, **more
    )
