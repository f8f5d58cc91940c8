"""The scan that the console starts: a part of the site, and a guest on one of its own buses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import structlog

from agent.document import DocumentError
from agent.modbus.endpoint import Endpoint
from agent.modbus.pdu import BusDown
from agent.modbus.reader import Reader
from agent.profile import Profile
from agent.scan.found import Unit
from agent.scan.line import longest_s, pace_of, units_of
from agent.scan.progress import Progress
from agent.scan.search import Outcome, Search, Step
from gateway.console.ports import ActRefused, Json, WrongArguments
from gateway.guests.seats import Polled, SeatTaken
from gateway.profiles import ProfileShelf
from gateway.site_found import unit_documents, yaml_of

if TYPE_CHECKING:
    from gateway.site import Site

_log = structlog.get_logger(__name__)

_PART = "scan"


@dataclass(slots=True)
class _Scan:
    """One scan, running or over."""

    bus: str
    by: str
    thorough: bool
    started_ms: int
    progress: Progress
    state: Literal["running", "done", "stopped", "failed"] = "running"
    ended_ms: int | None = None
    why: str | None = None
    units: Sequence[Unit] = ()
    read_ms: dict[int, int] = field(default_factory=dict)
    missing: int = 0
    garbled: Sequence[int] = ()
    skipped: list[str] = field(default_factory=list)
    """Profiles whose files are faulty."""


class SiteScan:
    """Looks for units on a bus of the site; the poller's slots come first, and nothing is written."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._scan: _Scan | None = None

    def buses(self) -> list[Json]:
        """The buses that are polled, how many devices the site file has on each, how long one takes."""
        return [self._bus(name, polled) for name, polled in self._site.pollers.items()]

    def document(self) -> Json | None:
        """The scan that runs, else the last one of this run of the gateway."""
        scan = self._scan
        if scan is None:
            return None
        devices, progress = self._site.config.devices, scan.progress
        running = scan.state == "running"
        return {
            "bus": scan.bus,
            "by": scan.by,
            "thorough": scan.thorough,
            "state": scan.state,
            "started": scan.started_ms,
            "ended": scan.ended_ms,
            "doing": progress.doing,
            "done": progress.done,
            "total": progress.total,
            "answered": progress.found,
            "left_ms": progress.left_ms(self._site.clock.monotonic_ms()) if running else None,
            "why": scan.why,
            "missing": scan.missing,
            "garbled": list(scan.garbled),
            "skipped": scan.skipped,
            "units": unit_documents(scan.units, scan.bus, devices, scan.read_ms),
            "yaml": yaml_of(scan.units, scan.bus, devices),
        }

    async def start(self, *, bus: str, units: str | None, thorough: bool, by: str) -> None:
        """Begin; one at a time.

        Raises:
            WrongArguments: no such bus, or no such units on it.
            ActRefused: a scan runs, or another guest asks on the bus.
        """
        polled = self._site.pollers.get(bus)
        if polled is None:
            known = ", ".join(self._site.pollers) or "none"
            raise WrongArguments([("body.bus", f"the site has no bus {bus!r}; it has {known}")])
        try:
            wanted = units_of(units or None, polled.shared.bus.endpoint)
        except ValueError as error:
            raise WrongArguments([("body.units", str(error))]) from None
        if self._scan is not None and self._scan.state == "running":
            raise ActRefused(f"a scan of {self._scan.bus} runs already", {"guard": "scan_running"})
        guest = self._site.seats.guest(bus)
        if guest is not None:
            raise ActRefused(f"{guest} asks on {bus} just now; try again later", {"guard": "bus_in_use"})
        clock = self._site.clock
        now_ms = clock.monotonic_ms()
        scan = self._scan = _Scan(
            bus, by, thorough, clock.utc_ms(), Progress(now_ms, now_ms, total=len(wanted))
        )
        await self._site.parts.stop(_PART)  # the last one is over; its place is taken anew
        self._site.parts.start(_PART, self._run(scan, polled, wanted))

    async def stop(self) -> None:
        """End the scan that runs; what it has found stays."""
        await self._site.parts.stop(_PART)
        if self._scan is not None:
            self._end(self._scan, "stopped")

    async def _run(self, scan: _Scan, polled: Polled, units: Sequence[int]) -> None:
        site = self._site
        try:
            profiles = await asyncio.to_thread(self._profiles, scan)
            async with site.seats.take(scan.bus, polled, f"a scan that {scan.by} has started") as seat:

                async def open_line(_line: Endpoint) -> tuple[Reader, bool]:
                    return seat, True

                search = Search(
                    open_line=open_line,
                    settings=(seat.endpoint,),
                    units=units,
                    pace=pace_of(seat.endpoint, thorough=scan.thorough),
                    profiles=profiles,
                    clock=site.clock,
                    thorough=scan.thorough,
                    told=lambda step: self._told(scan, step),
                    seen=lambda found: self._seen(scan, found),
                )
                self._over(scan, await search.run())
        except (BusDown, SeatTaken) as error:
            self._end(scan, "failed", str(error))
        except asyncio.CancelledError:
            self._end(scan, "stopped")
            raise

    def _told(self, scan: _Scan, step: Step) -> None:
        scan.progress = scan.progress.after(step, self._site.clock.monotonic_ms())

    def _seen(self, scan: _Scan, units: Sequence[Unit]) -> None:
        now_ms = self._site.clock.utc_ms()
        scan.units = units
        for unit in units:
            scan.read_ms.setdefault(unit.unit, now_ms)

    def _over(self, scan: _Scan, outcome: Outcome) -> None:
        scan.units = tuple(outcome.units)
        scan.missing = outcome.missing
        scan.garbled = sorted({unit for _, unit in outcome.garbled})
        self._end(scan, "done")

    def _end(self, scan: _Scan, state: Literal["done", "stopped", "failed"], why: str | None = None) -> None:
        if scan.state != "running":
            return
        scan.state, scan.why, scan.ended_ms = state, why, self._site.clock.utc_ms()
        _log.info("scan.ended", bus=scan.bus, by=scan.by, state=state, units=len(scan.units), why=why)

    def _profiles(self, scan: _Scan) -> list[Profile]:
        """All that a unit can be known by; a faulty one is told and left out."""
        shelf = ProfileShelf(self._site.config.folder)
        profiles: list[Profile] = []
        for name in shelf.recognisable():
            try:
                profiles.append(shelf.find(name))
            except DocumentError as error:
                _log.warning("scan.profile_left_out", profile=name, why=str(error))
                scan.skipped.append(name)
        return profiles

    def _bus(self, name: str, polled: Polled) -> Json:
        endpoint = polled.shared.bus.endpoint
        pace = pace_of(endpoint, thorough=False)
        return {
            "id": name,
            "url": polled.line.url,
            "devices": sum(device.bus == name for device in self._site.config.devices),
            "about_s": round(longest_s((endpoint,), units_of(None, endpoint), pace)),
        }
