"""The first run: who holds the one-time code makes the first user, and nobody does so twice."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, gatekeeper, least, set_cookie
from gateway.console.json_response import Json200
from gateway.console.password import MAX_LENGTH, MIN_LENGTH, PasswordHash
from gateway.console.problem import Problem
from gateway.console.session import ABSOLUTE_MS
from gateway.console.user_keeping import checked, kept
from gateway.console.users import UserExists

router = APIRouter(tags=["setup"], default_response_class=Json200)


class FirstUser(BaseModel):
    """An administrator with a password of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(min_length=1, max_length=64)
    password: str = Field(max_length=MAX_LENGTH)
    language: Literal["zh", "en"] | None = None


@router.get("/setup")
async def how_far(request: Request) -> Response:
    """How far the first run has come; needs no sign-in, and tells no names."""
    keeper = gatekeeper(request)
    try:
        keeper.caller(request)
        signed_in = True
    except Problem:
        signed_in = False
    step = "done" if keeper.users.all() else "user" if signed_in else "code"
    return Json200({"step": step, "code_open": keeper.code.open, "password_least": MIN_LENGTH})


@router.post("/setup", status_code=204)
async def make_first_user(
    body: FirstUser, request: Request, caller: Annotated[Caller, Depends(least("admin"))]
) -> Response:
    """Make the first user, who is signed in at once; the session of the code ends."""
    keeper = gatekeeper(request)
    checked(body.user, body.password)
    async with keeper.hashing:
        password = await asyncio.to_thread(PasswordHash.of, body.password)
    try:
        with kept():
            made = await asyncio.to_thread(
                keeper.users.add_new, body.user, "admin", password, language=body.language, first=True
            )
    except UserExists:
        audit(caller, "first user", result="refused", user=body.user)
        raise Problem(
            "refused", "there is a user already; ask an administrator to add you", guard="already_set_up"
        ) from None
    audit(caller, "first user", result="ok", user=made.name)
    if caller.cookie is not None:
        keeper.sessions.end(caller.cookie)
    response = Response(status_code=204)
    set_cookie(response, request, keeper.sessions.start(made), ABSOLUTE_MS // 1_000)
    return response
