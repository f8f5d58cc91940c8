"""Polls all devices of one bus, each at its rates, and hands out a frame for every slot.

One task owns the bus. A slot in which a device cannot be asked still gives a frame,
failed and with its reason; slots that a stall swallowed are counted and told.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from agent.bus_statistics import DEAD_POLLS, SILENT_DEVICES, BusMeter, BusStatistics
from agent.clock import Clock
from agent.device import BusLine, Device
from agent.last_poll import LastPoll
from agent.modbus.bus import Bus, open_bus
from agent.modbus.late import LateReplies
from agent.modbus.lessons import Lessons
from agent.modbus.plan import Holes
from agent.poll import Poll
from agent.profile import Link, Profile
from agent.quantity import HOUR_MS
from agent.reading import Frame
from agent.schedule import Slot, Timetable
from agent.second_look import SecondLook
from agent.shared_line import SharedLine
from agent.unit_poll import UnitPoll

log = structlog.get_logger(__name__)

_WORTH_CLOSING_MS = 200
_AGAIN_MS = 1_000
"""A value that has jumped is looked at again so soon, however rarely its device is polled."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device is; `profile` is None until a SunSpec device has said it."""

    vendor: str
    model: str
    serial: str
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """How far the frames of each device have come in this boot. One for all pollers, so none comes twice."""

    _seq: dict[str, int] = field(default_factory=dict)
    _mono_ms: dict[str, int] = field(default_factory=dict)
    _ts_ms: dict[str, int] = field(default_factory=dict)
    _sure_ms: dict[str, int] = field(default_factory=dict)

    def next(self, device: str, mono_ms: int, ts_ms: int, *, unsure: bool) -> tuple[int, int, int]:
        """The next frame's number, its place on the monotonic clock, after the one before, and its UTC.

        UTC, too, is after the one before where that one was right. A clock that was ahead while nobody
        trusted it steps back when trust comes, and so do the times; these are mended by the monotonic one.
        """
        seq = self._seq[device] = self._seq.get(device, 0) + 1
        mono_ms = self._mono_ms[device] = max(mono_ms, self._mono_ms.get(device, mono_ms - 1) + 1)
        ts_ms = max(ts_ms, (self._ts_ms if unsure else self._sure_ms).get(device, 0) + 1)
        self._ts_ms[device] = ts_ms
        if not unsure:
            self._sure_ms[device] = ts_ms
        return seq, mono_ms, ts_ms


class BusPoller:
    """The task of one bus.

    Args:
        line: the bus.
        devices: those that hang on it.
        clock: for slots and stamps.
        on_frame: takes every frame, in order; must not block.
        lessons: what the devices of the site have been found to refuse.
        second_look: makes what looks at a device's polls.
        numbers: shared by all pollers of a boot, also those that follow each other.
        before: the poller that had this bus until now; replies to its last requests may still come.

    Raises:
        ValueError: the URL is none, or a profile cannot be planned.
    """

    def __init__(
        self,
        line: BusLine,
        devices: Sequence[Device],
        clock: Clock,
        on_frame: Callable[[Frame], None],
        *,
        lessons: Lessons | None = None,
        second_look: Callable[[Device], SecondLook] | None = None,
        numbers: FrameNumbers | None = None,
        before: "BusPoller | None" = None,
    ) -> None:
        self.line = line
        self._numbers = numbers or FrameNumbers()
        self.on_identified: Callable[[str, Profile], None] | None = None
        """Called when a device has become known, or turned out to be another one than before."""
        self.on_first_request: Callable[[], None] | None = None
        """Called once, after the first poll has been sent."""
        self.on_skipped: Callable[[str, int, int, int], None] | None = None
        """Called with device, from_ms, to_ms (monotonic) and slots where a stall swallowed slots."""
        self._clock = clock
        self._on_frame = on_frame
        self._bus: Bus = open_bus(line, _links(devices), before.late if before is not None else None)
        lessons = lessons or Lessons()
        self._units = {
            d.id: UnitPoll(d, self._bus, clock, lessons, second_look and second_look(d)) for d in devices
        }
        self._closes = any(d.profile.link.close_between_polls for d in devices)
        self.shared = SharedLine(self._bus, clock, closes=self._closes)
        """The way onto this bus for others than the poller."""
        self._started_ms = clock.monotonic_ms()
        self._told = dict.fromkeys(self._units, 0)
        self._troubled: dict[str, str] = {}
        self._meter = BusMeter(self._bus, self._started_ms)

    @property
    def late(self) -> LateReplies:
        """The replies that may still come on this line; for the poller that follows."""
        return self._bus.late

    async def run(self) -> None:
        """Poll until cancelled."""
        table = Timetable(self._clock.monotonic_ms())
        rates = {name: unit.rates_ms for name, unit in self._units.items()}
        again: set[str] = set()
        for name, own in rates.items():
            table.set(name, own, self._clock.monotonic_ms())
        try:
            while (first_ms := table.first_ms()) is not None:
                self.shared.due_ms = first_ms
                await self._wait(first_ms)
                async with self.shared.turn:
                    slot = table.take(self._clock.monotonic_ms())
                    if slot is None:  # the clock may wake us a little early
                        continue
                    self._meter.note_poll(slot.due_ms, self._clock.monotonic_ms(), slot.skipped)
                    unit = self._units[slot.key]
                    poll = await unit.poll(slot.rates_ms)
                self._tell(slot, unit, poll)
                if unit.jumped and poll.reason is None and slot.key not in again:
                    again.add(slot.key)
                    table.again(slot.key, slot.rates_ms, poll.last_ms + _AGAIN_MS)
                else:
                    again.discard(slot.key)
                own = unit.rates_ms
                if own != rates[slot.key]:
                    rates[slot.key] = own
                    table.set(slot.key, own, self._clock.monotonic_ms())
            self.shared.due_ms = None
            await asyncio.get_running_loop().create_future()  # a bus without devices just stays
        finally:
            self.shared.close()

    def knows(self, device: str) -> bool:
        """Whether the device hangs on this bus."""
        return device in self._units

    def last_poll(self, device: str) -> LastPoll | None:
        """The last raw words of a device, and why points are not good; None for a stranger."""
        unit = self._units.get(device)
        return unit.last() if unit is not None else None

    def device_facts(self, device: str) -> DeviceFacts:
        """What the device is, as far as known.

        Raises:
            KeyError: no such device on this bus.
        """
        unit = self._units[device]
        profile = unit.profile or unit.device.profile
        told = unit.chain.serial if unit.chain is not None else ""
        return DeviceFacts(profile.vendor, profile.model, told or unit.device.serial, unit.profile)

    def holes(self, device: str) -> Holes:
        """What the device is known to refuse."""
        return self._units[device].holes

    def statistics(self) -> BusStatistics:
        """The bus over the last minute."""
        now_ms = self._clock.monotonic_ms()
        units = self._units.values()
        rates = self._meter.rates(now_ms)
        counted = self._counted(now_ms)
        return BusStatistics(
            load_pct=rates.load_pct,
            planned_load_pct=round(100 * sum(unit.planned_load for unit in units), 1),
            cycle_s=sum(unit.duration_ms for unit in units) / 1_000,
            requests_per_s=rates.requests_per_s,
            errors_pct=rates.errors_pct,
            devices_total=len(counted),
            devices_silent=sum(unit.failed_polls > 0 for unit in counted),
            devices_dead=sum(unit.failed_polls >= DEAD_POLLS for unit in counted),
            silent_for_s=self._silent_for_s(counted, now_ms),
            missed_polls_pct=rates.missed_polls_pct,
            longest_delay_s=rates.longest_delay_s,
            skipped=self._meter.missed,
        )

    def _silent_for_s(self, counted: list[UnitPoll], now_ms: int) -> float:
        answered = [unit.answered_ms for unit in self._units.values() if unit.answered_ms is not None]
        last_ms = max(answered, default=self._started_ms)
        asked = sum((unit.patience.silent_ms or 0) > last_ms for unit in counted)
        enough = len(counted) > 1 and asked >= min(len(counted), SILENT_DEVICES)
        return (now_ms - last_ms) / 1_000 if enough else 0.0

    def _counted(self, now_ms: int) -> list[UnitPoll]:
        units = list(self._units.values())
        if now_ms - self._started_ms < HOUR_MS:
            return units
        answers = [unit.answered_ms for unit in units if unit.answered_ms is not None]
        since_ms = max(answers, default=0) - HOUR_MS
        return [unit for unit in units if unit.answered_ms is not None and unit.answered_ms >= since_ms]

    async def _wait(self, until_ms: int) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._closes and until_ms - now_ms > _WORTH_CLOSING_MS:
            self._bus.close()
        if until_ms > now_ms:
            await self._clock.sleep_until(until_ms)
        else:
            await asyncio.sleep(0)  # an overloaded bus must not starve the rest of the gateway

    def _tell(self, slot: Slot, unit: UnitPoll, poll: Poll) -> None:
        name = slot.key
        if slot.skipped and self.on_skipped is not None:
            self.on_skipped(name, slot.due_ms, self._clock.monotonic_ms(), slot.skipped)
        if unit.identified != self._told[name] and unit.profile is not None:
            self._told[name] = unit.identified
            if self.on_identified is not None:
                self.on_identified(name, unit.profile)
        self._log_change(name, poll.reason)
        self._on_frame(self._frame(name, poll))
        if self.on_first_request is not None and self._bus.requests:
            self.on_first_request()
            self.on_first_request = None

    def _frame(self, name: str, poll: Poll) -> Frame:
        if len(poll.points) != len(poll.values):
            raise ValueError(f"{name}: a poll of {len(poll.points)} points with {len(poll.values)} values")
        clock = self._clock
        unsure = not clock.trusted()
        seq, mono_ms, ts_ms = self._numbers.next(
            name, poll.first_ms, clock.utc_at(poll.first_ms), unsure=unsure
        )
        return Frame(
            device=name,
            boot=clock.boot,
            seq=seq,
            mono_ms=mono_ms,
            ts_ms=ts_ms,
            unsure=unsure,
            span_ms=poll.last_ms - poll.first_ms,
            points=poll.points,
            values=poll.values,
            faults=poll.faults,
            reason=poll.reason,
        )

    def _log_change(self, name: str, reason: str | None) -> None:
        before = self._troubled.get(name)
        if reason is None:
            if before is not None:
                del self._troubled[name]
                log.info("device.answers_again", bus=self.line.id, device=name, after=before)
        elif before is None:
            self._troubled[name] = reason
            log.warning("device.does_not_answer", bus=self.line.id, device=name, reason=reason)


def _links(devices: Sequence[Device]) -> dict[int, Link]:
    """What each unit's port allows; two devices in one unit share the stricter of their wishes."""
    links: dict[int, Link] = {}
    for device in devices:
        link = device.profile.link
        other = links.get(device.unit, link)
        links[device.unit] = replace(
            link,
            gap_ms=max(link.gap_ms, other.gap_ms),
            connect_delay_ms=max(link.connect_delay_ms, other.connect_delay_ms),
            timeout_ms=max(link.timeout_ms, other.timeout_ms),
        )
    return links
