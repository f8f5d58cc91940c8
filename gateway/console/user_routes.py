"""The users, for administrators: who there is, new ones, new passwords, tokens. Secrets are told once."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, gatekeeper, least, set_cookie
from gateway.console.json_response import Json200
from gateway.console.paging import Cursor, Limit, page_of
from gateway.console.password import MAX_LENGTH, PasswordHash, new_password
from gateway.console.ports import Json, RoleName
from gateway.console.problem import Problem
from gateway.console.session import ABSOLUTE_MS
from gateway.console.user_keeping import checked, kept
from gateway.console.users import LastAdmin, UnknownUser, User, UserExists

router = APIRouter(tags=["users"], default_response_class=Json200)

Admin = Annotated[Caller, Depends(least("admin"))]
UserName = Annotated[str, Path(max_length=64)]


class NewPassword(BaseModel):
    """Without a password one is made up, and told in the answer only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: str | None = Field(default=None, max_length=MAX_LENGTH)


class NewUser(NewPassword):
    """Who is to be added, and what they may do."""

    user: str = Field(min_length=1, max_length=64)
    role: RoleName
    language: Literal["zh", "en"] | None = None


@router.get("/users")
async def list_users(
    request: Request, _caller: Admin, *, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """All users by name, without their secrets."""
    users = gatekeeper(request).users.all()
    names, following = page_of(sorted(users), limit, cursor)
    return Json200({"items": [_document(users[name]) for name in names], "next": following})


@router.post("/users", status_code=201)
async def add_user(request: Request, caller: Admin, body: NewUser) -> Response:
    """Add a user; the answer is the only place that shows a password which was made up."""
    keeper = gatekeeper(request)
    stored, made_up = await _password(request, body.user, body.password)
    try:
        with kept():
            made = await asyncio.to_thread(
                keeper.users.add_new, body.user, body.role, stored, language=body.language
            )
    except UserExists:
        audit(caller, "add user", result="refused", user=body.user)
        raise Problem(
            "refused", f"there is a user {body.user!r} already; choose another name", guard="user_exists"
        ) from None
    audit(caller, "add user", result="ok", user=made.name, given_role=made.role)
    return Json200({**_document(made), "made_up": made_up}, status_code=201)


@router.post("/users/{user}/password")
async def renew_password(request: Request, user: UserName, caller: Admin, body: NewPassword) -> Response:
    """A new password; it ends the user's other sessions and all tokens."""
    keeper = gatekeeper(request)
    if keeper.users.get(user) is None:
        raise _unknown(caller, "new password", user)
    stored, made_up = await _password(request, user, body.password)
    try:
        with kept():
            made = await asyncio.to_thread(keeper.users.renew, user, stored)
    except UnknownUser:
        raise _unknown(caller, "new password", user) from None
    audit(caller, "new password", result="ok", user=user)
    response = Json200({**_document(made), "made_up": made_up})
    if caller.user == user and caller.cookie is not None:
        set_cookie(response, request, keeper.sessions.start(made), ABSOLUTE_MS // 1_000)
    return response


@router.post("/users/{user}/tokens", status_code=201)
async def add_token(request: Request, user: UserName, caller: Admin) -> Response:
    """A bearer token with the user's role; the answer is the only place that shows it."""
    try:
        with kept():
            token = await asyncio.to_thread(gatekeeper(request).users.add_token, user)
    except UnknownUser:
        raise _unknown(caller, "new token", user) from None
    audit(caller, "new token", result="ok", user=user)
    return Json200({"user": user, "token": token}, status_code=201)


@router.delete("/users/{user}", status_code=204)
async def remove_user(request: Request, user: UserName, caller: Admin) -> Response:
    """Remove a user with all sessions and tokens; the last administrator stays."""
    try:
        with kept():
            await asyncio.to_thread(gatekeeper(request).users.remove, user, leave_admin=True)
    except UnknownUser:
        raise _unknown(caller, "remove user", user) from None
    except LastAdmin:
        audit(caller, "remove user", result="refused", user=user)
        raise Problem(
            "refused",
            f"{user!r} is the last administrator; add another one first",
            guard="last_admin",
        ) from None
    audit(caller, "remove user", result="ok", user=user)
    return Response(status_code=204)


async def _password(request: Request, user: str, given: str | None) -> tuple[PasswordHash, str | None]:
    """What is stored, and what the administrator has to be told."""
    password = given or new_password()
    checked(user, password)
    async with gatekeeper(request).hashing:
        stored = await asyncio.to_thread(PasswordHash.of, password)
    return stored, None if given else password


def _document(user: User) -> Json:
    return {
        "user": user.name,
        "role": user.role,
        "language": user.language,
        "has_password": user.password is not None,
        "tokens": len(user.tokens),
    }


def _unknown(caller: Caller, what: str, user: str) -> Problem:
    audit(caller, what, result="unknown", user=user)
    return Problem("not-found", f"there is no user {user!r}")
