"""The composition root of a site: with its neighbours `site_*` the only place that knows every room.

Pollers and vitals hand frames in; a frame and the alert changes that follow from it go into the
journal as one commit; sinks, desk and history read on from there. Stopping goes the other way:
first nothing new, then a last commit, then the readers.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from agent.clock import Clock
from agent.device import Device
from agent.modbus.lessons import Lessons
from agent.poller import BusPoller, FrameNumbers
from agent.profile import Profile
from agent.reading import Frame
from agent.rules.alert import Alert
from agent.rules.engine import Engine
from agent.rules.facts import Outcome, SiteFacts
from agent.second_look import SecondLook
from gateway.config import SiteConfig
from gateway.guests.door import Door
from gateway.guests.seats import Seats
from gateway.history.history import History
from gateway.journal.errors import JournalUnavailable
from gateway.journal.intake import Intake
from gateway.journal.journal import Journal
from gateway.live import Live
from gateway.maintenance import planned_pauses
from gateway.notify import ServiceManager
from gateway.parts import Parts
from gateway.reload import Reload, parts_of, plan_reload
from gateway.rules import site_facts
from gateway.secret import read_secret
from gateway.sinks.mqtt_gaps import GAPS_TOLD
from gateway.site_console import LatchPort
from gateway.site_devices import SiteDevices
from gateway.site_facts import desk_site
from gateway.site_memory import as_last_seen, remembered
from gateway.site_north import North
from gateway.site_time import site_time
from gateway.tickets.checklist import load_checklists
from gateway.tickets.desk import Desk
from gateway.tickets.outbox import PUBLISHED
from gateway.tickets.requests import REFUSED_KEYS
from gateway.vitals import Vitals

_log = structlog.get_logger(__name__)

_TICK_MS = 10_000
_LAST_WORDS_MS = 1_500
"""A stop takes at most 5 s in all."""
_SOON_READ = 20_000
_LESSON = "lesson|"
"""Begins the journal's keys of what devices have been found to refuse."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the running site can be reached; None for what it does not have."""

    console: str | None
    mqtt: str | None
    code: str | None
    """A one-time sign-in to the console, where it has no user yet or one was asked for."""


class Site:
    """A site that runs until it is told to stop.

    Args:
        config: the checked site file.
        data: the folder of its state.
        clock: by the site file unless a test says otherwise.
        sun_elevation: degrees at a UTC millisecond; by the site's location unless given.
        offer_code: print a one-time sign-in even where there are users.
        pace: how many times faster than real time the devices live, where they are simulated.
    """

    def __init__(
        self,
        config: SiteConfig,
        data: Path,
        *,
        clock: Clock | None = None,
        sun_elevation: Callable[[int], float] | None = None,
        offer_code: bool = False,
        pace: float = 1.0,
    ) -> None:
        self.config = config
        self.data = data
        self._time = site_time(config.file.time, config.path, data / config.file.journal.path)
        self.clock: Clock = clock or self._time.clock
        self.live = Live()
        self.devices = SiteDevices(config)
        self.pollers: dict[str, BusPoller] = {}
        self.seats = Seats()
        self.frames = 0
        self.journal: Journal
        self.history: History
        self.desk: Desk
        self.engine: Engine
        self.north: North
        self.parts: Parts
        self._sun = sun_elevation
        self._offer_code = offer_code
        self._pace = pace
        self._watches: dict[str, bytes] = {}
        self._numbers = FrameNumbers()
        self._lessons = Lessons()
        self._polled_at_s = 0.0
        self._polling = asyncio.Event()
        self._manager = ServiceManager()

    async def run(self, stop: asyncio.Event, on_ready: Callable[[Ready], None]) -> None:
        """Run until `stop` is set; a part that fails ends it with an ExceptionGroup.

        Raises:
            JournalLocked: another process has the data folder.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with AsyncExitStack() as rooms:
            self.journal = await Journal.open(self.data, self.config.file.journal, self.clock)
            rooms.push_async_callback(self.journal.close)
            self.history = await History.open(self.data, self.journal)
            rooms.push_async_callback(self.history.close)
            if self.history.lag <= _SOON_READ:  # what was measured last is known before the first poll
                await self.history.catch_up()
            self.journal.expect(self.devices.periods_ms)
            self._recall()
            memory = await self._memory(self.config)
            self.engine = self._new_engine(self.config, memory)
            self.desk = await self._open_desk()
            rooms.push_async_callback(self.desk.close)
            self.north = North(self)
            self.desk.raw_port = self.north.raw_lines
            async with asyncio.TaskGroup() as log:
                writing = log.create_task(self.journal.run(), name="journal")
                try:
                    await self._run_parts(stop, on_ready)
                finally:
                    writing.cancel()

    async def _run_parts(self, stop: asyncio.Event, on_ready: Callable[[Ready], None]) -> None:
        async with AsyncExitStack() as servers, asyncio.TaskGroup() as group:
            self.parts = Parts(group)
            self._tick()  # what was open before the stop is open again
            mqtt = await self.north.open_broker(servers)
            console = self.north.bind_console()
            self.parts.start("history", self.history.run())
            self.parts.start("desk", self.desk.run())
            self.parts.start("ticks", self._ticks())
            self.parts.start("time", self._time.keep())
            self.parts.start("vitals", Vitals(self).run())
            self.parts.start("intake", Intake(self.data, self.journal).run())
            self.parts.start("guests", Door(self.config.id, self.pollers, self.seats).run())
            for name in parts_of(self.config):
                self._start(name)
            if console is not None:
                self.parts.start("console", self.north.run_console())
            group.create_task(self._stopped(stop), name="stop")
            await self._polling.wait()
            if not stop.is_set():
                code = self.north.sign_in_code(always=self._offer_code)
                on_ready(Ready(console, mqtt, code))
                self._manager.ready(f"polling {len(self.config.devices)} devices")
                self.parts.start("watchdog", self._watchdog())
            await stop.wait()
            self._manager.stopping()
            for name in [name for name in parts_of(self.config) if name.startswith("bus:")]:
                await self.parts.stop(name)
            await self._last_words()
            await self.parts.stop_all()

    async def _last_words(self) -> None:
        """The last frames go out too if those who take them do so soon; else the next start sends them."""
        try:
            await self.journal.commit()
        except JournalUnavailable as refusal:
            _log.error("site.last_frames_refused", why=str(refusal))
        head = self.journal.head()
        end_ms = self.clock.monotonic_ms() + _LAST_WORDS_MS
        while (now_ms := self.clock.monotonic_ms()) < end_ms and not self.north.has_told(head):
            await self.clock.sleep_until(now_ms + 20)

    async def _stopped(self, stop: asyncio.Event) -> None:
        """Whoever waits for the first poll need not wait for it any longer."""
        await stop.wait()
        self._polling.set()

    def _recall(self) -> None:
        """What the journal has kept for others than its readers."""
        found = self.journal.watches()
        others = PUBLISHED, REFUSED_KEYS, _LESSON, GAPS_TOLD
        self._watches = {k: w for k, w in found.items() if not k.startswith(others)}
        self._lessons = Lessons(
            {k.removeprefix(_LESSON): text for k, text in found.items() if k.startswith(_LESSON)},
            self.clock.utc_ms(),
            lambda key, text: self._remember({_LESSON + key: text}),
        )

    def _remember(self, notes: dict[str, bytes | None]) -> None:
        clock = self.clock
        mono_ms, unsure = clock.monotonic_ms(), not clock.trusted()
        self.journal.append_outcome((), notes, mono_ms=mono_ms, ts_ms=clock.utc_at(mono_ms), unsure=unsure)

    def _start(self, name: str) -> None:
        kind, _, which = name.partition(":")
        if kind == "bus":
            self.parts.start(name, self._poller(which).run())
        else:
            self.parts.start(name, self.north.sink(name).run())

    # ---- frames in

    def _poller(self, bus: str) -> BusPoller:
        line = next(line for line in self.config.buses if line.id == bus)
        devices = self.devices.of_bus(bus)
        poller = BusPoller(
            line,
            devices,
            self.clock,
            self._take_poll,
            lessons=self._lessons,
            second_look=self._second_look,
            numbers=self._numbers,
            before=self.pollers.get(bus),
        )
        poller.on_first_request = self._polling.set
        poller.on_identified = self._identified
        poller.on_skipped = self._skipped
        self.pollers[bus] = poller
        return poller

    def _second_look(self, device: Device) -> SecondLook:
        return SecondLook(device, self.clock, self.history.last(device.id), self._pace)

    def _take_poll(self, frame: Frame) -> None:
        self._polled_at_s = asyncio.get_running_loop().time()
        self.take(frame)

    def take(self, frame: Frame) -> None:
        """A frame and all that follows from it, in one commit."""
        self.frames += 1
        self._polling.set()  # a bus that cannot be reached was tried, too
        self.journal.append(frame)
        self.live.frame(frame)
        self._apply_at(self.engine.on_frame(frame), frame.mono_ms, frame.ts_ms, unsure=frame.unsure)

    def apply(self, outcome: Outcome) -> None:
        """What an act of a person or of time has changed."""
        clock = self.clock
        unsure, mono_ms = not clock.trusted(), clock.monotonic_ms()
        self._apply_at(outcome, mono_ms, clock.utc_at(mono_ms), unsure=unsure)

    def _apply_at(self, outcome: Outcome, mono_ms: int, ts_ms: int, *, unsure: bool) -> None:
        if not outcome:
            return
        documents = [alert.document() for alert in outcome.alerts]
        bodies: list[dict[str, Any]] = [{"alert": document} for document in documents]
        bodies += [{"pause": dict(pause)} for pause in outcome.pauses]
        for key, watch in outcome.watches.items():
            if watch is None:
                self._watches.pop(key, None)
            else:
                self._watches[key] = watch
        self.journal.append_outcome(bodies, outcome.watches, mono_ms=mono_ms, ts_ms=ts_ms, unsure=unsure)
        for document in documents:
            self.live.alert(document)

    def open_alerts(self) -> tuple[Alert, ...]:
        """Those of the engine that runs now."""
        return self.engine.open_alerts()

    async def _ticks(self) -> None:
        clock, due_ms = self.clock, self.clock.monotonic_ms()
        while True:
            due_ms += _TICK_MS
            await clock.sleep_until(due_ms)
            self._tick()

    def _tick(self) -> None:
        clock = self.clock
        self.apply(self.engine.on_tick(clock.monotonic_ms(), clock.utc_ms(), clock.moved()))

    def _identified(self, device: str, profile: Profile) -> None:
        told = self.pollers[self.devices.bus_of(device)].device_facts(device)
        facts = self.devices.identify(device, profile, told)
        if facts is not None:
            self.apply(self.engine.bind(facts))
            self.north.announce(device)

    def _skipped(self, device: str, from_ms: int, to_ms: int, slots: int) -> None:
        utc_at = self.clock.utc_at
        self.journal.gap(device, utc_at(from_ms), utc_at(to_ms), slots, None, "overload")

    # ---- rooms

    def _new_engine(self, config: SiteConfig, memory: Iterable[tuple[Frame, int]] = ()) -> Engine:
        place = config.file.site.location
        location = None if place is None else (place.latitude, place.longitude)
        facts: SiteFacts = site_facts(config.id, config.devices, config.buses, location)
        if self._sun is not None:
            facts = replace(facts, sun_elevation=self._sun)
        planned = planned_pauses(config.file.maintenance)
        engine = Engine(facts, config.rules, self._watches, lambda: secrets.token_hex(8), planned=planned)
        for device in as_last_seen(config.devices, self.pollers, self.history):
            engine.bind(device)  # of no consequence before its first frame
        for frame, mono_ms in memory:
            engine.remember(frame, mono_ms)
        return engine

    async def _memory(self, config: SiteConfig) -> list[tuple[Frame, int]]:
        return await remembered(self.journal, self.clock, self._new_engine(config).memory_ms())

    async def _open_desk(self) -> Desk:
        tickets = self.config.file.tickets
        password = tickets.password_file and read_secret(tickets.password_file, self.config.folder)
        desk = await Desk.open(
            store_url=tickets.store,
            data=self.data,
            site=desk_site(self.config),
            rules=self.config.rules.rules,
            teams=self.config.file.teams,
            clock=self.clock,
            journal=self.journal,
            checklists=load_checklists(self.config.folder),
            password=password,
        )
        desk.alert_port = LatchPort(lambda: self.engine, self.clock, self.apply)
        desk.on_change = self.live.ticket
        return desk

    # ---- a changed site file

    async def reload(self, config: SiteConfig) -> Reload:
        """Take over what changed; nothing at all where something needs a restart."""
        await self._polling.wait()  # before that there are no parts to change
        plan = plan_reload(self.config, config)
        if plan.refused:
            return plan
        memory = await self._memory(config) if plan.rules else []
        for name in plan.stop:
            await self.parts.stop(name)
        for name in set(plan.stop) - set(plan.start):
            self._forget(name)
        self.config = config
        self.devices.change(config)
        self.journal.expect(self.devices.periods_ms)
        if plan.rules:
            self.engine = self._new_engine(config, memory)
            self.desk.use_rules(config.rules.rules)
        for name in plan.start:
            self._start(name)
        return plan

    def _forget(self, name: str) -> None:
        """Nothing is left of a part that the site file no longer has."""
        kind, _, which = name.partition(":")
        if kind == "bus":
            self.pollers.pop(which, None)
            return
        sink = self.north.influxdb if kind == "influxdb" else self.north.mqtt.pop(which, None)
        if kind == "influxdb":
            self.north.influxdb = None
        if sink is not None:
            self.journal.leave(sink.name)

    # ---- the service manager

    async def _watchdog(self) -> None:
        """Signs of life only while devices are polled and the journal tries to commit.

        Both are measured by their own time tables, since a device's `every` and `commit_every`
        may be longer than systemd's patience. A storage that refuses is no reason to restart:
        the journal has tried, and says so itself.
        """
        period_s = self._manager.watchdog_s
        if period_s is None:
            return
        loop = asyncio.get_running_loop()
        self._polled_at_s = loop.time()
        while True:
            polls_s = 2 * min(device.period_ms for device in self.config.devices) / 1_000
            polls = loop.time() - self._polled_at_s < max(period_s, polls_s)
            if polls and self.journal.overdue_s < period_s:
                self._manager.alive()
            await asyncio.sleep(period_s / 3)
