"""What the routes share: the ports, the views and the hub of one console."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from gateway.console.device_view import DeviceView
from gateway.console.hub import Hub
from gateway.console.open_tickets import OpenTickets
from gateway.console.ports import ConsolePorts, DeviceFacts, Json
from gateway.console.problem import Problem
from gateway.console.site_view import SiteView


@dataclass(frozen=True, slots=True)
class Rooms:
    ports: ConsolePorts
    sites: SiteView
    devices: DeviceView
    tickets: OpenTickets
    hub: Hub

    def check_site(self, site: str) -> None:
        """Raises Problem `not-found` for a site that is not here."""
        if site != self.ports.site.id:
            raise Problem("not-found", f"there is no site {site!r} here")

    def device(self, site: str, device: str) -> DeviceFacts:
        """Raises Problem `not-found`."""
        self.check_site(site)
        facts = self.ports.devices().get(device)
        if facts is None:
            raise Problem("not-found", f"the site {site} has no device {device!r}")
        return facts

    def present(self) -> tuple[Mapping[str, DeviceFacts], list[Json]]:
        """The devices and the open alerts now."""
        return self.ports.devices(), list(self.ports.open_alerts())


def rooms(request: Request) -> Rooms:
    found = request.app.state.rooms
    assert isinstance(found, Rooms)  # noqa: S101  # set by create_app
    return found
