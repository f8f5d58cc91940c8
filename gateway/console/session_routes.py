"""Signing in and out."""

import asyncio
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.console.access import (
    Caller,
    Gatekeeper,
    audit,
    client_address,
    cookie_name,
    gatekeeper,
    least,
    refuse_cross_site,
    refuse_other_than_json,
    set_cookie,
)
from gateway.console.password import MAX_LENGTH, NOBODY
from gateway.console.ports import Json
from gateway.console.problem import Problem
from gateway.console.session import ABSOLUTE_MS
from gateway.console.users import SETUP_USER, UsersDamaged

log = structlog.get_logger(__name__)
router = APIRouter(tags=["session"])


class SignIn(BaseModel):
    """A user with password, or the one-time code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = Field(default=None, min_length=1, max_length=64)
    password: str | None = Field(default=None, max_length=MAX_LENGTH)
    code: str | None = Field(default=None, min_length=1, max_length=64)
    language: Literal["zh", "en"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SignIn":
        by_password = self.user is not None and self.password is not None
        if by_password == (self.code is not None) or (self.code is not None and self.user is not None):
            raise ValueError("send user and password, or code")
        return self


class Preferences(BaseModel):
    """What a user may set for themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Literal["zh", "en"]


@router.post("/session", status_code=204)
async def sign_in(body: SignIn, request: Request) -> Response:
    """Start a session; sets the cookie."""
    keeper = gatekeeper(request)
    refuse_other_than_json(request)
    refuse_cross_site(request)
    address, account = client_address(request), body.user or SETUP_USER
    begun_ms = keeper.ports.clock.monotonic_ms()
    wait_ms = keeper.throttle.begin(address, account, begun_ms)
    if wait_ms > 0:
        wait_s = -(-wait_ms // 1_000)
        log.warning("sign_in.throttled", who=account, address=address, wait_s=wait_s)
        raise Problem(
            "too-many-tries",
            f"too many tries; wait {wait_s} s",
            headers={"Retry-After": str(wait_s)},
            retry_after_s=wait_s,
        )
    cookie = await _open_session(keeper, body)
    result = "refused" if cookie is None else "ok"
    log.info("audit", who=account, what="sign in", address=address, result=result)
    if cookie is None:
        raise Problem("wrong-credentials", "the user, the password or the code is wrong")
    keeper.throttle.succeeded(address, account, begun_ms)
    old = request.cookies.get(cookie_name(request))
    if old is not None:
        keeper.sessions.end(old)
    if body.language is not None and body.user is not None:
        await _remember(keeper, body.user, body.language)
    response = Response(status_code=204)
    set_cookie(response, request, cookie, ABSOLUTE_MS // 1_000)
    return response


@router.get("/session")
async def who_am_i(request: Request, caller: Annotated[Caller, Depends(least("viewer"))]) -> Json:
    """Who is signed in."""
    keeper = gatekeeper(request)
    session = caller.session
    return {
        "user": caller.user,
        "role": caller.role,
        "language": caller.language,
        "expires": None if session is None else keeper.sessions.expires_ms(session),
        "version": keeper.ports.version,
        "setup": not keeper.users.all(),
    }


@router.patch("/session", status_code=204)
async def prefer(
    body: Preferences, request: Request, caller: Annotated[Caller, Depends(least("viewer"))]
) -> Response:
    """Remember the caller's language."""
    keeper = gatekeeper(request)
    if caller.session is not None:
        caller.session.language = body.language
    if keeper.users.get(caller.user) is not None:
        await _remember(keeper, caller.user, body.language)
    return Response(status_code=204)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, caller: Annotated[Caller, Depends(least("viewer"))]) -> Response:
    """End the session."""
    response = Response(status_code=204)
    if caller.cookie is not None:
        gatekeeper(request).sessions.end(caller.cookie)
        set_cookie(response, request, "", 0)
        audit(caller, "sign out", result="ok")
    return response


async def _open_session(keeper: Gatekeeper, body: SignIn) -> str | None:
    """The new session's cookie, or None where the credentials do not fit."""
    if body.code is not None:
        return keeper.sessions.start_setup() if keeper.code.redeem(body.code) else None
    user = keeper.users.get(body.user or "")
    stored = NOBODY if user is None or user.password is None else user.password
    async with keeper.hashing:
        fits = await asyncio.to_thread(stored.fits, body.password or "")
    return keeper.sessions.start(user) if user is not None and fits else None


async def _remember(keeper: Gatekeeper, user: str, language: Literal["zh", "en"]) -> None:
    """A language that cannot be kept (full disk) is lost with the session: no reason to refuse anything."""
    try:
        await asyncio.to_thread(keeper.users.speak, user, language)
    except (OSError, UsersDamaged) as error:
        log.warning("users.not_written", why=str(error))
