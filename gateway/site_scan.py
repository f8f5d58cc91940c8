"""A search on one of the site's own buses, asked for from the console: through our own door, between polls.

It only reads, and writes nothing down: what it finds is proposed as entries of the site file.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from agent.clock import Clock
from agent.device import BusLine
from agent.document import DocumentError
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.pdu import BusDown
from agent.modbus.reader import Reader
from agent.profile import Profile
from agent.scan.document import as_yaml, document
from agent.scan.line import longest_s, pace_of, settings_of, units_of, url_of
from agent.scan.search import Search, Step
from gateway.console.ports import ActRefused, Json, WrongArguments
from gateway.guests.find import LineHeld
from gateway.guests.guest_bus import GuestBus
from gateway.guests.shared_bus import open_shared_bus
from gateway.profiles import ProfileShelf

log = structlog.get_logger(__name__)

_NOTHING: Json = {
    "state": "idle",
    "bus": None,
    "progress": None,
    "longest_s": None,
    "problem": None,
    "result": None,
}


class SiteScan:
    """One search at a time.

    Args:
        lines: the site's buses now: id → URL.
        folder: beside the site file, where profiles of its own are.
        clock: of the site.
    """

    def __init__(self, lines: Callable[[], Mapping[str, str]], folder: Path, clock: Clock) -> None:
        self._lines = lines
        self._folder = folder
        self._clock = clock
        self._wanted: Search | None = None
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        """Of the search that was begun last; each has its own."""
        self._told: Json = _NOTHING

    def state(self) -> Json:
        """`state` is `idle`, `running`, `done`, `failed` or `stopped`."""
        return self._told

    def start(self, bus: str, units: str | None, *, by: str) -> Json:
        """Begin a search.

        Raises:
            ActRefused: `scan_running`.
            WrongArguments: there is no such bus, or the unit ids cannot be read.
        """
        if self._told["state"] == "running":
            raise ActRefused("a search is running; stop it first", {"guard": "scan_running"})
        url = self._lines().get(bus)
        if url is None:
            raise WrongArguments([("bus", f"there is no bus {bus!r}; use one of {', '.join(self._lines())}")])
        endpoint = parse_url(url)
        try:
            search_units = units_of(units, endpoint)
        except ValueError as wrong:
            raise WrongArguments([("units", str(wrong))]) from None
        settings, pace = settings_of(url, endpoint), pace_of(endpoint, thorough=False)
        self._told = {
            **_NOTHING,
            "state": "running",
            "bus": bus,
            "longest_s": round(longest_s(settings, search_units, pace)),
        }
        self._wanted = Search(
            open_line=_through_our_door,
            settings=settings,
            units=search_units,
            pace=pace,
            profiles=[],
            clock=self._clock,
            thorough=False,
            told=self._step,
        )
        log.info("scan.begun", bus=bus, by=by)
        self._stop = asyncio.Event()
        self._news.set()
        return self._told

    def stop(self) -> Json:
        """End it before its time; what was found until then is not kept."""
        self._stop.set()
        if self._told["state"] == "running":
            self._told = {**self._told, "state": "stopped"}
        return self._told

    async def run(self) -> None:
        """Until cancelled: one search after the other."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._wanted is not None:
                await self._search(self._wanted, self._stop)

    async def _search(self, search: Search, stop: asyncio.Event) -> None:
        search = replace(search, profiles=await asyncio.to_thread(_profiles, self._folder))
        if stop.is_set():
            return
        async with asyncio.TaskGroup() as both:
            searching = both.create_task(self._outcome(search), name="scan:search")
            stopping = both.create_task(stop.wait(), name="scan:stop")
            await asyncio.wait((searching, stopping), return_when=asyncio.FIRST_COMPLETED)
            searching.cancel()
            stopping.cancel()

    async def _outcome(self, search: Search) -> None:
        try:
            outcome = await search.run()
        except (BusDown, LineHeld) as error:
            self._told = {**self._told, "state": "failed", "problem": str(error)}
            log.warning("scan.failed", bus=self._told["bus"], why=str(error))
            return
        result = {**document(outcome), "yaml": as_yaml(outcome.units) if outcome.units else ""}
        self._told = {**self._told, "state": "done", "result": result}
        log.info("scan.done", bus=self._told["bus"], found=len(outcome.units))

    def _step(self, step: Step) -> None:
        progress = {"doing": step.doing, "done": step.done, "total": step.total, "found": step.found}
        self._told = {**self._told, "progress": progress}


async def _through_our_door(line: Endpoint) -> tuple[Reader, bool]:
    bus = await open_shared_bus(
        BusLine("scan", url_of(line)), {}, lambda word: log.info("scan.line", said=word)
    )
    return bus, isinstance(bus, GuestBus)


def _profiles(folder: Path) -> list[Profile]:
    """All that a device can be known by; a faulty one is told and left out."""
    shelf, profiles = ProfileShelf(folder), list[Profile]()
    for name in shelf.recognisable():
        try:
            profiles.append(shelf.find(name))
        except DocumentError as error:
            log.warning("scan.profile_left_out", why=str(error).partition("\n")[0])
    return profiles
