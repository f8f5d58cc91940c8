"""Alerts: the list, the story of one, and what an operator does with it."""

from collections.abc import Coroutine
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from agent.quantity import DAY_MS
from agent.rules.alert import Severity
from agent.rules.shelf import MAX_SHELF_MS
from gateway.console.access import Caller, audit, least
from gateway.console.json_response import Json200
from gateway.console.paging import Cursor, Instant, Limit, Since, Until
from gateway.console.ports import ActRefused, Json, UnknownObject, WrongArguments
from gateway.console.problem import Problem, invalid
from gateway.console.rooms import rooms

router = APIRouter(tags=["alerts"], default_response_class=Json200)

MAX_STATISTICS_MS = 366 * DAY_MS
_SEVERITIES = frozenset(get_args(Severity))

ListState = Literal["open", "all", "active", "clearing", "unknown", "latched", "cleared", "shelved"]
AlertId = Annotated[str, Path(max_length=128)]
Viewing = Annotated[Caller, Depends(least("viewer"))]
Working = Annotated[Caller, Depends(least("inspector"))]
Acting = Annotated[Caller, Depends(least("operator"))]


class Act(BaseModel):
    """`key` tells a repeated request; these acts change nothing when done twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: UUID | None = None


class Shelf(Act):
    """Until when (UTC ms) an alert is not annunciated, and why."""

    until: Instant
    reason: str = Field(min_length=1, max_length=500)


class SiteCode(Act):
    """The proof that somebody is there."""

    code: str = Field(min_length=1, max_length=100)


@router.get("/alerts")
async def list_alerts(
    request: Request,
    _caller: Viewing,
    *,
    state: ListState = "open",
    site: Annotated[str | None, Query(max_length=128)] = None,
    device: Annotated[str | None, Query(max_length=128)] = None,
    severity: Annotated[str | None, Query(max_length=100)] = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Alert documents, newest first; `state=open` is all but `cleared`. `flood` while there is one."""
    severities = frozenset(severity.split(",")) if severity else frozenset[str]()
    if not severities <= _SEVERITIES:
        raise invalid([("query.severity", f"use {', '.join(get_args(Severity))}, joined by commas")])
    try:
        page = await rooms(request).ports.desk.alerts(
            state=state,
            site=site,
            device=device,
            severities=severities,
            text=q or None,
            limit=limit,
            cursor=cursor,
        )
    except WrongArguments as wrong:
        raise invalid(wrong.errors) from None
    flood = await rooms(request).ports.desk.flood()
    return Json200({"items": page.items, "next": page.next, "flood": flood})


@router.get("/alerts/statistics")
async def alarm_load(
    request: Request,
    _caller: Acting,
    *,
    from_: Since = None,
    to: Until = None,
    days: Annotated[int, Query(ge=1, le=366)] = 7,
    operators: Annotated[int, Query(ge=1, le=100)] = 1,
) -> Response:
    """What the alarms asked of people (ISA-18.2): the last `days` unless `from` is given."""
    desk, clock = rooms(request).ports.desk, rooms(request).ports.clock
    to_ms = clock.utc_ms() if to is None else to
    from_ms = to_ms - days * DAY_MS if from_ is None else from_
    if not 0 < to_ms - from_ms <= MAX_STATISTICS_MS:
        raise invalid([("query.from", "must lie before to, by at most 366 days")])
    return Json200(await desk.alarm_load(from_ms, to_ms, operators=operators))


@router.get("/alerts/{alert}")
async def show_alert(request: Request, alert: AlertId, _caller: Viewing) -> Response:
    """One alert and its story: rule, inputs, timeline, ticket."""
    try:
        return Json200(await rooms(request).ports.desk.alert(alert))
    except UnknownObject:
        raise _unknown(alert) from None


@router.post("/alerts/{alert}/acknowledge")
async def acknowledge(request: Request, alert: AlertId, caller: Acting, _body: Act | None = None) -> Response:
    """Say that a person has seen it."""
    acts = rooms(request).ports.alert_acts
    return Json200(await _act(caller, "acknowledge", alert, acts.acknowledge(alert, by=caller.user)))


@router.post("/alerts/{alert}/shelve")
async def shelve(request: Request, alert: AlertId, caller: Acting, body: Shelf) -> Response:
    """Stop annunciating it for a while, at most 24 h."""
    here = rooms(request)
    ahead_ms = body.until - here.ports.clock.utc_ms()
    if not 0 < ahead_ms <= MAX_SHELF_MS:
        raise invalid([("body.until", "must lie in the future, at most 24 h ahead")])
    act = here.ports.alert_acts.shelve(alert, by=caller.user, until_ms=body.until, reason=body.reason)
    return Json200(await _act(caller, "shelve", alert, act))


@router.post("/alerts/{alert}/unshelve")
async def unshelve(request: Request, alert: AlertId, caller: Acting, _body: Act | None = None) -> Response:
    """Annunciate it again."""
    acts = rooms(request).ports.alert_acts
    return Json200(await _act(caller, "unshelve", alert, acts.unshelve(alert, by=caller.user)))


@router.post("/alerts/{alert}/reset")
async def reset(request: Request, alert: AlertId, caller: Working, body: SiteCode) -> Response:
    """Reset a latched alert that no open ticket has, with the code that is shown at the site."""
    acts = rooms(request).ports.alert_acts
    return Json200(await _act(caller, "reset", alert, acts.reset(alert, by=caller.user, code=body.code)))


async def _act(caller: Caller, what: str, alert: str, act: Coroutine[Any, Any, Json]) -> Json:
    try:
        document = await act
    except UnknownObject:
        audit(caller, what, result="unknown", alert=alert)
        raise _unknown(alert) from None
    except ActRefused as refusal:
        audit(caller, what, result="refused", alert=alert)
        raise Problem("refused", refusal.detail, **refusal.members) from None
    audit(caller, what, result="ok", alert=alert)
    return document


def _unknown(alert: str) -> Problem:
    return Problem("not-found", f"there is no alert {alert!r}")
