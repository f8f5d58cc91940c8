"""The console's users: who may sign in, and as what. Administrators only."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, gatekeeper, least
from gateway.console.json_response import Json200
from gateway.console.password import MAX_LENGTH, PasswordHash, WeakPassword, new_password, refuse_weak
from gateway.console.ports import RoleName
from gateway.console.problem import Problem, invalid
from gateway.console.users import UnknownUser, check_name

router = APIRouter(tags=["users"], default_response_class=Json200)

Ruling = Annotated[Caller, Depends(least("admin"))]
UserName = Annotated[str, Path(max_length=64)]
_T = TypeVar("_T")


class NewUser(BaseModel):
    """Without a password one is made up and told once. A known name gets a new role and password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)
    role: RoleName
    password: str | None = Field(default=None, max_length=MAX_LENGTH)


@router.get("/users")
async def list_users(request: Request, _caller: Ruling) -> Response:
    """Everybody who may sign in, by name."""
    users = gatekeeper(request).users.all()
    items = [
        {"name": user.name, "role": user.role, "tokens": len(user.tokens), "language": user.language}
        for _, user in sorted(users.items())
    ]
    return Json200({"items": items, "next": None})


@router.post("/users")
async def add_user(request: Request, caller: Ruling, body: NewUser) -> Response:
    """Add one, or give one a new role and password, which ends their sessions and tokens."""
    keeper = gatekeeper(request)
    password = body.password or new_password()
    try:
        check_name(body.name)
    except ValueError as wrong:
        raise invalid([("body.name", str(wrong))]) from None
    try:
        refuse_weak(password, body.name)
    except WeakPassword as weak:
        raise invalid([("body.password", str(weak))]) from None
    known = keeper.users.get(body.name)
    if known is not None and known.role == "admin" and body.role != "admin":
        _refuse_last(request, body.name)
    async with keeper.hashing:
        hashed = await asyncio.to_thread(PasswordHash.of, password)
    await _kept(lambda: keeper.users.add(body.name, body.role, hashed))
    audit(caller, "user add", result="ok", user=body.name, as_role=body.role)
    made = None if body.password else password
    return Json200({"name": body.name, "role": body.role, "password": made}, status_code=201)


@router.delete("/users/{user}", status_code=204)
async def remove_user(request: Request, user: UserName, caller: Ruling) -> Response:
    """Remove one with all sessions and tokens; the last administrator stays."""
    _refuse_last(request, user)
    keeper = gatekeeper(request)
    await _kept(lambda: keeper.users.remove(user), user)
    audit(caller, "user remove", result="ok", user=user)
    return Response(status_code=204)


@router.post("/users/{user}/token")
async def add_token(request: Request, user: UserName, caller: Ruling) -> Response:
    """A bearer token with the user's role; it is told once and kept only as a hash."""
    keeper = gatekeeper(request)
    token = await _kept(lambda: keeper.users.add_token(user), user)
    audit(caller, "user token", result="ok", user=user)
    return Json200({"name": user, "token": token}, status_code=201)


def _refuse_last(request: Request, name: str) -> None:
    users = gatekeeper(request).users.all()
    admins = [user.name for user in users.values() if user.role == "admin"]
    if admins == [name]:
        detail = f"{name} is the last administrator; make another one first"
        raise Problem("refused", detail, guard="last_admin")


async def _kept(change: Callable[[], _T], name: str = "") -> _T:
    """Raises Problem `not-found`, or `unavailable` where the file cannot be written."""
    try:
        return await asyncio.to_thread(change)
    except UnknownUser:
        raise Problem("not-found", f"there is no user {name!r}") from None
    except OSError as refused:
        detail = f"the users cannot be written: {refused.strerror}; nothing has changed"
        raise Problem("unavailable", detail) from None
