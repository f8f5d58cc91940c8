"""`/healthz`, `/metrics` and the reports of the content security policy."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from gateway.console.access import client_address, gatekeeper
from gateway.console.json_response import Json200
from gateway.console.ports import ConsolePorts, Json
from gateway.console.rooms import rooms

log = structlog.get_logger(__name__)
router = APIRouter(tags=["health"])
reports = APIRouter(tags=["health"])

CSP_REPORTS = Counter(
    "maplebridge_console_csp_reports", "Content security policy violations that browsers told of"
)
_MAX_LOGGED = 10
_OWN_KINDS = ("gateway", "bus")


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether the gateway does its work; 503 with the reasons where it does not."""
    ports = rooms(request).ports
    checks = ports.checks()
    healthy = all(check.ok for check in checks.values())
    document: Json = {
        "status": "ok" if healthy else "degraded",
        "version": ports.version,
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
    }
    return Json200(document, status_code=200 if healthy else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text: this process, the console, the gateway's own devices, the journal."""
    if not _from_this_machine(request):
        gatekeeper(request).caller(request)
    ports = rooms(request).ports
    lines = [*_own_points(ports), *_journal(await ports.journal_statistics())]
    text = generate_latest().decode() + "".join(f"{line}\n" for line in lines)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@reports.post("/csp-reports", status_code=204, include_in_schema=False)
async def csp_report(request: Request) -> Response:
    """A browser tells of something that the policy stopped; it is counted, and the first ones are logged."""
    CSP_REPORTS.inc()
    seen = request.app.state.csp_reports = request.app.state.csp_reports + 1
    if seen <= _MAX_LOGGED:
        body = (await request.body())[:1_000]
        log.warning("csp.report", report=body.decode("utf-8", "replace"), address=client_address(request))
    return Response(status_code=204)


def _from_this_machine(request: Request) -> bool:
    """From loopback and by a loopback name: a page that re-binds its own name to 127.0.0.1 is not."""
    try:
        local = ipaddress.ip_address(client_address(request)).is_loopback
    except ValueError:
        return False
    return local and request.url.hostname in ("localhost", "127.0.0.1", "::1")


def _own_points(ports: ConsolePorts) -> Iterator[str]:
    for device in ports.devices().values():
        if device.kind not in _OWN_KINDS:
            continue
        for point, (frame, index) in ports.live.values.get(device.id, {}).items():
            value = frame.values[index]
            if isinstance(value, bool | int | float):
                labels = f'site="{ports.site.id}",device="{device.id}"'
                yield f"maplebridge_{device.kind}_{point}{{{labels}}} {float(value)}"


def _journal(statistics: Mapping[str, Any]) -> Iterator[str]:
    for name in ("frames", "values", "bytes", "dead_letters"):
        if isinstance(statistics.get(name), int):
            yield f"maplebridge_journal_{name} {statistics[name]}"
    for reader, cursor in statistics.get("cursors", {}).items():
        for name in ("backlog_frames", "backlog_age_s"):
            if isinstance(cursor.get(name), int | float):
                yield f'maplebridge_journal_{name}{{reader="{reader}"}} {cursor[name]}'
