"""Tickets: lists, one, its events and its evidence."""

from collections.abc import Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.console.access import Caller, audit, least
from gateway.console.headers import SANDBOX_CSP
from gateway.console.json_response import Json200
from gateway.console.paging import Cursor, Limit
from gateway.console.ports import ActForbidden, ActRefused, Json, TeamFacts, UnknownObject, WrongArguments
from gateway.console.problem import Problem, invalid
from gateway.console.rooms import Rooms, rooms
from gateway.tickets.config import TicketKind

router = APIRouter(tags=["tickets"], default_response_class=Json200)

Key = Annotated[str | None, Field(min_length=1, max_length=100)]
"""A UUID: who sends it again gets the same answer, and nothing happens twice."""
TicketId = Annotated[str, Path(max_length=128)]
Viewing = Annotated[Caller, Depends(least("viewer"))]
Acting = Annotated[Caller, Depends(least("inspector"))]
Opening = Annotated[Caller, Depends(least("operator"))]
_SHOWN_IN_PLACE = frozenset(
    {"image/png", "image/jpeg", "image/svg+xml", "text/csv", "text/plain", "application/json"}
)


class Texts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str = Field(default="", max_length=200)
    zh: str = Field(default="", max_length=200)


class NewTicket(BaseModel):
    """A ticket that a person opens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key = None
    site: str = Field(max_length=128)
    kind: TicketKind
    priority: Literal["P1", "P2", "P3", "P4"] = "P3"
    title: Texts
    team: str | None = Field(default=None, max_length=128)
    devices: tuple[Annotated[str, Field(max_length=128)], ...] = Field(default=(), max_length=100)
    text: str = Field(default="", max_length=5_000)

    @field_validator("title", mode="before")
    @classmethod
    def _one_text_for_both(cls, title: object) -> object:
        """Who writes one language writes it for all."""
        return {"en": title, "zh": title} if isinstance(title, str) else title


class TicketEvent(BaseModel):
    """An event, best with a key of its own; the desk checks the arguments of each kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: str = Field(min_length=1, max_length=40)
    key: Key = None


@router.get("/tickets")
async def list_tickets(
    request: Request,
    _caller: Viewing,
    *,
    state: Annotated[str, Query(max_length=40, pattern="^[a-z_]+$")] = "open",
    site: Annotated[str | None, Query(max_length=128)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Ticket documents; `state` is `open`, `all` or one state."""
    desk = rooms(request).ports.desk
    try:
        page = await desk.tickets(state=state, site=site, text=q or None, limit=limit, cursor=cursor)
    except WrongArguments as wrong:
        raise invalid(wrong.errors) from None
    return Json200({"items": page.items, "next": page.next})


@router.get("/tickets/{ticket}")
async def show_ticket(request: Request, ticket: TicketId, _caller: Viewing) -> Response:
    """One ticket with its events and what may happen next."""
    return Json200(await _ticket(rooms(request), ticket))


@router.post("/tickets", status_code=201)
async def open_ticket(request: Request, body: NewTicket, caller: Opening) -> Response:
    """Open a ticket by hand."""
    here = rooms(request)
    here.check_site(body.site)
    wanted = body.model_dump(mode="json", exclude_none=True)
    act = here.ports.desk.open_ticket(wanted, by=caller.user, role=caller.role)
    return Json200(await _act(caller, "open ticket", "", act), status_code=201)


@router.post("/tickets/{ticket}/events")
async def ticket_event(request: Request, ticket: TicketId, body: TicketEvent, caller: Acting) -> Response:
    """Do something with a ticket; the same key again gives the same answer and no second event."""
    here = rooms(request)
    document = await _ticket(here, ticket)
    if caller.role == "inspector" and not _is_theirs(caller.user, document, here.ports.site.teams):
        audit(caller, body.event, result="forbidden", ticket=ticket)
        detail = "an inspector acts only on tickets of their team, or that are assigned to them"
        raise Problem("forbidden", detail, role="operator")
    event = {k: v for k, v in body.model_dump(mode="json").items() if k != "key" or v is not None}
    act = here.ports.desk.act(ticket, event, by=caller.user, role=caller.role)
    return Json200(await _act(caller, body.event, ticket, act))


@router.get("/tickets/{ticket}/evidence/{name:path}", response_class=Response)
async def evidence(
    request: Request, ticket: TicketId, name: Annotated[str, Path(max_length=200)], _caller: Viewing
) -> Response:
    """An evidence file, under a content policy of its own."""
    try:
        content, media_type = await rooms(request).ports.desk.evidence(ticket, name)
    except UnknownObject:
        raise Problem("not-found", f"the ticket {ticket!r} has no evidence {name!r}") from None
    plain = media_type.partition(";")[0].strip()
    headers = {"Content-Security-Policy": SANDBOX_CSP}
    if plain not in _SHOWN_IN_PLACE:
        headers["Content-Disposition"] = "attachment"
    return Response(content, media_type=media_type, headers=headers)


async def _ticket(here: Rooms, ticket: str) -> Json:
    try:
        return await here.ports.desk.ticket(ticket)
    except UnknownObject:
        raise Problem("not-found", f"there is no ticket {ticket!r}") from None


async def _act(caller: Caller, what: str, ticket: str, act: Coroutine[Any, Any, Json]) -> Json:
    try:
        document = await act
    except UnknownObject:
        audit(caller, what, result="unknown", ticket=ticket)
        raise Problem("not-found", f"there is no ticket {ticket!r}") from None
    except ActRefused as refusal:
        audit(caller, what, result="refused", ticket=ticket, guard=refusal.document.get("guard"))
        raise Problem("refused", refusal.detail, **refusal.members) from None
    except ActForbidden as forbidden:
        audit(caller, what, result="forbidden", ticket=ticket)
        raise Problem("forbidden", str(forbidden), role="operator") from None
    except WrongArguments as wrong:
        audit(caller, what, result="invalid", ticket=ticket)
        raise invalid(wrong.errors) from None
    audit(caller, what, result="ok", ticket=document["id"])
    return document


def _is_theirs(user: str, ticket: Json, teams: tuple[TeamFacts, ...]) -> bool:
    if user in (ticket["assignee"], ticket["owner"]):
        return True
    mine: set[Any] = {team.id for team in teams if any(member.id == user for member in team.members)}
    return ticket["team"] in mine
