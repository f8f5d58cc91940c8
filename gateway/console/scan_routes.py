"""Looking for devices on a bus, for administrators: start, watch, stop. Nothing is written anywhere."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.console.access import Caller, audit, least
from gateway.console.json_response import Json200
from gateway.console.ports import ActRefused, Json, Scanner, WrongArguments
from gateway.console.problem import Problem, invalid
from gateway.console.rooms import rooms

router = APIRouter(tags=["scan"], default_response_class=Json200)

Admin = Annotated[Caller, Depends(least("admin"))]


class ScanOrder(BaseModel):
    """Which bus; `units` such as 1-247 or 1,3,10-20, else all that it can have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bus: str = Field(min_length=1, max_length=128)
    units: str | None = Field(default=None, max_length=1_000)
    thorough: bool = False


@router.get("/scan")
async def show_scan(request: Request, _caller: Admin) -> Response:
    """The buses, and the scan that runs or was the last."""
    return Json200(_document(rooms(request).ports.scanner))


@router.post("/scan", status_code=202)
async def start_scan(request: Request, caller: Admin, body: ScanOrder) -> Response:
    """Begin a scan; one at a time."""
    scanner = rooms(request).ports.scanner
    try:
        await scanner.start(bus=body.bus, units=body.units, thorough=body.thorough, by=caller.user)
    except WrongArguments as wrong:
        raise invalid(wrong.errors) from None
    except ActRefused as refusal:
        audit(caller, "start scan", result="refused", bus=body.bus)
        raise Problem("refused", refusal.detail, **refusal.members) from None
    audit(caller, "start scan", result="ok", bus=body.bus)
    return Json200(_document(scanner), status_code=202)


@router.delete("/scan")
async def stop_scan(request: Request, caller: Admin) -> Response:
    """End the scan that runs; what it has found stays."""
    scanner = rooms(request).ports.scanner
    await scanner.stop()
    audit(caller, "stop scan", result="ok")
    return Json200(_document(scanner))


def _document(scanner: Scanner) -> Json:
    return {"buses": scanner.buses(), "scan": scanner.document()}
