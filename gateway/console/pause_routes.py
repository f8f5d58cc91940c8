"""Maintenance and what is out of service: begun and ended on the spot."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, least
from gateway.console.json_response import Json200
from gateway.console.paging import Instant
from gateway.console.ports import ActRefused, UnknownObject
from gateway.console.problem import Problem
from gateway.console.rooms import rooms

router = APIRouter(tags=["maintenance"], default_response_class=Json200)

SiteId = Annotated[str, Path(max_length=128)]
PauseId = Annotated[str, Path(max_length=128)]
Viewing = Annotated[Caller, Depends(least("viewer"))]
Working = Annotated[Caller, Depends(least("inspector"))]
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Covered(BaseModel):
    """What is meant; what is left out says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Name | None = None
    bus: Name | None = None
    kind: Name | None = None
    rule: Name | None = None


class NewPause(BaseModel):
    """`maintenance` until a time at most 24 h ahead; `out_of_service` until somebody ends it (admin)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    why: Literal["maintenance", "out_of_service"] = "maintenance"
    match: Covered = Covered()
    until: Instant | None = None
    keep: tuple[Name, ...] = Field(default=(), max_length=50)
    reason: str = Field(min_length=1, max_length=500)


@router.get("/sites/{site}/pauses")
async def list_pauses(request: Request, site: SiteId, _caller: Viewing) -> Response:
    """What is planned, under maintenance or out of service; `holds` says whether it is in force."""
    rooms(request).check_site(site)
    return Json200({"items": list(rooms(request).ports.pausing.pauses()), "next": None})


@router.post("/sites/{site}/pauses")
async def begin_pause(request: Request, site: SiteId, caller: Working, body: NewPause) -> Response:
    """Begin maintenance now, or take something out of service: alerts are recorded, nobody is called."""
    rooms(request).check_site(site)
    _may(caller, body.why)
    said = body.match.model_dump(exclude_none=True)
    try:
        pause = rooms(request).ports.pausing.pause(
            body.why, said, body.until, body.keep, body.reason, by=caller.user
        )
    except ActRefused as refusal:
        audit(caller, "pause", result="refused", match=said)
        raise Problem("refused", refusal.detail, **refusal.members) from None
    audit(caller, "pause", result="ok", match=said, pause=pause["id"])
    return Json200(pause)


@router.delete("/sites/{site}/pauses/{pause}")
async def end_pause(request: Request, site: SiteId, pause: PauseId, caller: Working) -> Response:
    """End it before its time; what still holds is told now."""
    rooms(request).check_site(site)
    port = rooms(request).ports.pausing
    known = next((item for item in port.pauses() if item["id"] == pause), None)
    if known is not None:
        _may(caller, known["why"])
    try:
        ended = port.end_pause(pause, by=caller.user)
    except UnknownObject:
        raise Problem("not-found", f"there is no maintenance {pause!r}") from None
    except ActRefused as refusal:
        audit(caller, "end pause", result="refused", pause=pause)
        raise Problem("refused", refusal.detail, **refusal.members) from None
    audit(caller, "end pause", result="ok", pause=pause)
    return Json200(ended)


def _may(caller: Caller, why: str) -> None:
    if why == "out_of_service" and caller.role != "admin":
        raise Problem("forbidden", f"this needs the role admin; yours is {caller.role}", role="admin")
