"""The console as one ASGI app: API, event stream, health, pages.

Imported only where a console is configured: FastAPI costs 24 MB.
"""

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.console import (
    alert_routes,
    health_routes,
    pause_routes,
    scan_routes,
    session_routes,
    setup_routes,
    shift_routes,
    site_routes,
    ticket_routes,
    user_routes,
)
from gateway.console.access import Gatekeeper
from gateway.console.device_view import DeviceView
from gateway.console.headers import BodyLimit, SecurityHeaders
from gateway.console.hub import WINDOW_S, Hub
from gateway.console.open_tickets import OpenTickets
from gateway.console.picture import Picture
from gateway.console.ports import ConsolePorts
from gateway.console.problem import HANDLERS
from gateway.console.rooms import Rooms
from gateway.console.session import OneTimeCode, Sessions
from gateway.console.site_view import SiteView
from gateway.console.static_files import PAGES, StaticFiles
from gateway.console.users import Users

_API_PATHS = ("/healthz", "/metrics")
_ROUTERS = (
    session_routes.router,
    setup_routes.router,
    user_routes.router,
    site_routes.router,
    alert_routes.router,
    pause_routes.router,
    ticket_routes.router,
    shift_routes.router,
    scan_routes.router,
    health_routes.reports,
)


@dataclass(frozen=True, slots=True)
class Console:
    """The app, and what its owner must run: `hub.run()`."""

    app: ASGIApp
    hub: Hub
    code: OneTimeCode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def create_app(
    ports: ConsolePorts, users: Users, *, pages: Path = PAGES, window_s: float = WINDOW_S
) -> Console:
    """Build the console over its ports.

    Args:
        ports: what it shows, and whom it passes acts to.
        users: who may sign in; beside them `Console.code` lets one in by a one-time code.
        pages: the folder of the built front end.
        window_s: how long changes are gathered before they go out.
    """
    picture = Picture(ports.live, ports.clock)
    sites = SiteView(ports.site, ports.live, picture)
    devices = DeviceView(ports.site.id, ports.live, picture)
    tickets = OpenTickets(ports.desk)
    hub = Hub(ports, picture, (sites, devices), tickets, window_s=window_s)
    code = OneTimeCode(users)
    api = FastAPI(
        title="Maplebridge",
        version=ports.version,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict(HANDLERS),
    )
    api.state.rooms = Rooms(ports, sites, devices, tickets, hub)
    keeper = api.state.gatekeeper = Gatekeeper(ports, users, Sessions(users, ports.clock), code)
    api.state.csp_reports = 0
    for router in _ROUTERS:
        api.include_router(router, prefix="/api/v1")
    api.include_router(health_routes.router)
    return Console(SecurityHeaders(_Fork(BodyLimit(api, keeper.caller), StaticFiles(pages))), hub, code)


class _Fork:
    """API paths to the API, all others to the pages."""

    def __init__(self, api: ASGIApp, pages: ASGIApp) -> None:
        self._api = api
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        to_api = scope["type"] != "http" or path.startswith("/api/") or path in _API_PATHS or path == "/api"
        await (self._api if to_api else self._pages)(scope, receive, send)
