"""Commissioning: a search for units on a bus of the site. It only reads, and writes nothing down."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, least
from gateway.console.json_response import Json200
from gateway.console.ports import ActRefused, WrongArguments
from gateway.console.problem import Problem, invalid
from gateway.console.rooms import rooms

router = APIRouter(tags=["commissioning"], default_response_class=Json200)

Ruling = Annotated[Caller, Depends(least("admin"))]


class NewScan(BaseModel):
    """Which bus, and which unit ids (`1-30,45`; without them all that the line can have)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bus: str = Field(min_length=1, max_length=64)
    units: str | None = Field(default=None, max_length=200)


@router.get("/scan")
async def scan_state(request: Request, _caller: Ruling) -> Response:
    """How far the search is, and what it found."""
    return Json200(rooms(request).ports.scanning.state())


@router.post("/scan")
async def begin_scan(request: Request, caller: Ruling, body: NewScan) -> Response:
    """Begin one; the site's own polls come first on the line. One at a time."""
    try:
        state = rooms(request).ports.scanning.start(body.bus, body.units or None, by=caller.user)
    except ActRefused as refusal:
        raise Problem("refused", refusal.detail, **refusal.members) from None
    except WrongArguments as wrong:
        raise invalid([(f"body.{where}", message) for where, message in wrong.errors]) from None
    audit(caller, "scan", result="ok", bus=body.bus)
    return Json200(state, status_code=202)


@router.delete("/scan")
async def stop_scan(request: Request, caller: Ruling) -> Response:
    """Stop it."""
    audit(caller, "scan stop", result="ok")
    return Json200(rooms(request).ports.scanning.stop())
