"""Sites, devices, trends and the event stream."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints

from agent.quantity import DAY_MS, HOUR_MS, duration_ms
from gateway.console.access import Caller, gatekeeper, least
from gateway.console.hub import Detail
from gateway.console.json_response import Json200
from gateway.console.paging import Cursor, Limit, Since, Until, page_of
from gateway.console.ports import DeviceFacts, Json, SeriesFacts
from gateway.console.problem import Problem, invalid
from gateway.console.rooms import rooms
from gateway.console.stream import EventStream
from gateway.console.users import may

router = APIRouter(tags=["sites"], default_response_class=Json200)

MAX_STEPS = 2_000
MAX_POINTS = 20
MAX_DAYS = 40

Name = Annotated[str, Path(max_length=128)]
Viewing = Annotated[Caller, Depends(least("viewer"))]


@router.get("/sites")
async def list_sites(
    request: Request, _caller: Viewing, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """All sites with their state, balance, alert counts and data age."""
    here = rooms(request)
    part, following = page_of((here.ports.site.id,), limit, cursor)
    devices, alerts = here.present()
    items = [here.sites.summary(devices, alerts, here.tickets.all()) for _site in part]
    return Json200({"items": items, "next": following})


@router.get("/sites/{site}")
async def show_site(request: Request, site: Name, caller: Viewing) -> Response:
    """One site with its power flow."""
    here = rooms(request)
    here.check_site(site)
    devices, alerts = here.present()
    members = may(caller.role, "inspector")
    return Json200(here.sites.full(devices, alerts, here.tickets.all(), with_members=members))


@router.get("/sites/{site}/devices")
async def list_devices(
    request: Request, site: Name, _caller: Viewing, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The site's devices with their headline points."""
    here = rooms(request)
    here.check_site(site)
    devices, alerts = here.present()
    part, following = page_of(tuple(devices), limit, cursor)
    items = [here.devices.summary(devices[d], alerts, here.ports.last_poll(d)) for d in part]
    return Json200({"items": items, "next": following})


@router.get("/sites/{site}/devices/{device}")
async def show_device(
    request: Request,
    site: Name,
    device: Name,
    _caller: Viewing,
    *,
    raw: Annotated[bool, Query()] = False,
) -> Response:
    """One device with all points; `raw` adds the registers as they came."""
    here = rooms(request)
    facts = here.device(site, device)
    alerts = list(here.ports.open_alerts())
    return Json200(here.devices.full(facts, alerts, here.ports.last_poll(device), with_raw=raw))


@router.get("/sites/{site}/devices/{device}/series")
async def series(
    request: Request,
    site: Name,
    device: Name,
    _caller: Viewing,
    *,
    points: Annotated[str, Query(max_length=2_000)],
    from_: Since = None,
    to: Until = None,
    step: Annotated[str | None, StringConstraints(max_length=20), Query()] = None,
) -> Response:
    """The course of points: mean, min and max per step, null where there is no good data."""
    here = rooms(request)
    facts = here.device(site, device)
    names = tuple(dict.fromkeys(name for name in points.split(",") if name))
    if not 1 <= len(names) <= MAX_POINTS:
        raise invalid([("query.points", f"name 1 to {MAX_POINTS} points")])
    to_ms = here.ports.clock.utc_ms() if to is None else to
    from_ms = max(0, to_ms - HOUR_MS) if from_ is None else from_
    if from_ms >= to_ms:
        raise invalid([("query.from", "from must be before to")])
    step_ms = max(_step_ms(step) or facts.period_ms, -(-(to_ms - from_ms) // MAX_STEPS), 1)
    known = here.ports.live.values.get(device, {})
    for name in names:
        if name not in facts.points and name not in known:
            raise Problem("not-found", f"the device {device} has no point {name!r}")
    found = await here.ports.history.series(device, names, from_ms, to_ms, step_ms)
    return Json200(_series_document(site, facts, names, (from_ms, to_ms), found))


@router.get("/sites/{site}/devices/{device}/energy")
async def energy(
    request: Request,
    site: Name,
    device: Name,
    _caller: Viewing,
    *,
    point: Annotated[str, Query(max_length=100)],
    from_: Since = None,
    to: Until = None,
) -> Response:
    """What a counter counted in each quarter hour and in the gaps between, never negative."""
    here = rooms(request)
    facts = here.device(site, device).points.get(point)
    if facts is None or facts.limits is None:
        raise Problem("not-found", f"the device {device} has no counter {point!r}")
    to_ms = here.ports.clock.utc_ms() if to is None else to
    from_ms = max(0, to_ms - DAY_MS) if from_ is None else from_
    if not from_ms < to_ms <= from_ms + MAX_DAYS * DAY_MS:
        raise invalid([("query.from", f"from must be before to, by {MAX_DAYS} days at most")])
    found = await here.ports.history.energy(device, point, from_ms, to_ms, facts.limits)
    return Json200(
        {
            "site": site,
            "device": device,
            "point": point,
            "unit": facts.unit,
            "from": from_ms,
            "to": to_ms,
            "total": found.total,
            "quarters": [{"ts": ts, "counted": sum_, "marks": marks} for ts, sum_, marks in found.slots],
            "gaps": [{"from": start, "to": end, "counted": sum_} for start, end, sum_ in found.gaps],
        }
    )


@router.get("/events", response_class=Response)
async def events(
    request: Request,
    caller: Viewing,
    sites: Annotated[str | None, Query(max_length=2_000)] = None,
    detail: Detail = "device",
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> EventStream:
    """Frames, alerts, tickets and ticks as they come (text/event-stream)."""
    keeper = gatekeeper(request)
    return EventStream(
        rooms(request).hub,
        detail=detail,
        sites=None if sites is None else frozenset(sites.split(",")),
        alive=lambda: keeper.still_there(caller),
        last_event_id=last_event_id,
    )


def _step_ms(step: str | None) -> int | None:
    """Of bare milliseconds, or of a duration with its unit."""
    if step is None:
        return None
    try:
        return int(step) if step.isdecimal() else duration_ms(step)
    except ValueError:
        raise invalid([("query.step", "write milliseconds, or a number with ms, s, m, h or d")]) from None


def _series_document(
    site: str, facts: DeviceFacts, names: tuple[str, ...], window_ms: tuple[int, int], found: SeriesFacts
) -> Json:
    shown = {name: facts.points.get(name) for name in names}
    return {
        "site": site,
        "device": facts.id,
        "from": window_ms[0],
        "to": window_ms[1],
        "step_ms": found.step_ms,
        "ts": found.ts_ms,
        "points": found.mean,
        "min": found.low,
        "max": found.high,
        "units": {name: point.unit if point else "" for name, point in shown.items()},
        "labels": {
            name: point.label.document() if point else {"en": name, "zh": name}
            for name, point in shown.items()
        },
        "gaps": [{"from": gap.from_ms, "to": gap.to_ms, "reason": gap.reason} for gap in found.gaps],
    }
