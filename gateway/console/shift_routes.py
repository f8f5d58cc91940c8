"""What a control room looks at once a shift: the hand-over sheet, and how the gateway fares."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from agent.quantity import DAY_MS, HOUR_MS
from gateway.console.access import Caller, least
from gateway.console.json_response import Json200
from gateway.console.paging import Since, Until
from gateway.console.problem import invalid
from gateway.console.rooms import rooms

router = APIRouter(tags=["shift"], default_response_class=Json200)

SHIFT_H = 8
LONGEST_MS = 7 * DAY_MS
Viewing = Annotated[Caller, Depends(least("viewer"))]
Acting = Annotated[Caller, Depends(least("operator"))]


@router.get("/handover")
async def show_handover(
    request: Request,
    _caller: Acting,
    *,
    from_: Since = None,
    to: Until = None,
    hours: Annotated[int, Query(ge=1, le=168)] = SHIFT_H,
) -> Response:
    """What came, went, is late or waits, and what was said: the last `hours` unless `from` is given."""
    ports = rooms(request).ports
    to_ms = ports.clock.utc_ms() if to is None else to
    from_ms = to_ms - hours * HOUR_MS if from_ is None else from_
    if not 0 < to_ms - from_ms <= LONGEST_MS:
        raise invalid([("query.from", "must lie before to, by at most seven days")])
    return Json200(await ports.desk.handover(from_ms, to_ms))


@router.get("/system")
async def show_system(request: Request, _caller: Viewing) -> Response:
    """How the gateway fares: buses, clock, journal, destinations, rules that watch nothing, versions."""
    return Json200(await rooms(request).ports.system())
