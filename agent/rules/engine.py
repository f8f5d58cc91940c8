"""The engine: frames in, alert changes and watch states out. Pure: it is told the time.

A rule is evaluated when a point that it looks at comes, and at ticks where time itself matters.
An alert of a rule with inhibitors is told only when `wait_ms` (two poll periods, at most 30 s)
have passed and no inhibitor is pending, so that a root cause that comes a little later still
catches its children. When an inhibitor clears, its children wait as long again, and those
that still hold are told then.

    ActionRefusedError   a person asked for what cannot be done (its `code` says why)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from agent.reading import Frame
from agent.rules.alert import Acknowledgement, Alert
from agent.rules.bind import SiteValues, bind
from agent.rules.facts import (
    NOTHING,
    ActionRefusedError,
    BindingReport,
    DeviceFacts,
    Outcome,
    SiteFacts,
)
from agent.rules.inhibit import link
from agent.rules.lives import Lives
from agent.rules.pause import Pause, Pauses, checked_pause
from agent.rules.rule import Rule, RuleSet
from agent.rules.shelf import checked_shelf
from agent.rules.state import Phase, Sample, reset
from agent.rules.values import DeviceValues
from agent.rules.watch import Watch, packed, unpacked
from agent.timekeeper import Moved


class Engine:
    """All watches of a site.

    Args:
        site: its devices and the sun.
        rules: all that may watch them.
        watches: the stored watches, as `Outcome.watches` gave them.
        new_id: makes the ids of alerts.
        planned: the site file's maintenance.
    """

    def __init__(
        self,
        site: SiteFacts,
        rules: RuleSet,
        watches: Mapping[str, bytes],
        new_id: Callable[[], str],
        *,
        planned: tuple[Pause, ...] = (),
    ) -> None:
        self._values = SiteValues(site)
        self._rules = rules
        self._saved = dict(watches)
        self._pauses = Pauses(planned, self._saved)
        self._lives = Lives(site.id, self._values.now, new_id, self._pauses)
        self._watches: dict[str, Watch] = {}
        self._timed: list[Watch] = []
        self._reports: list[BindingReport] = []
        self._settled = False
        self._mended = False
        self._bind_all()

    def on_frame(self, frame: Frame) -> Outcome:
        """Take a poll of one device."""
        device = self._values.devices.get(frame.device)
        if device is None:
            return NOTHING
        now = self._values.now
        now.mono_ms, now.ts_ms, now.unsure = frame.mono_ms, frame.ts_ms, frame.unsure
        if not self._settled:
            self._settle()
        lives = self._lives
        herds, values = device.take(frame).herds, device.values
        calm = not any(watch.device == frame.device for watch in lives.busy.values())
        for herd in herds:
            fenced = herd.fence is not None and herd.fence.holds(values)
            if fenced and calm:
                continue
            for when, life, watch in herd.watches:
                if life.quiet and (fenced or when() is False):
                    continue
                lives.evaluate(watch, watch.sample())
        return lives.outcome(self._watches)

    def on_tick(self, mono_ms: int, ts_ms: int, moved: Moved | None = None) -> Outcome:
        """Where time itself matters: ages, the sun, gaps, waits, shelves. Every 10 s.

        `moved`: the time has become known, and times from before are to be mended; once.
        """
        now = self._values.now
        now.mono_ms, now.ts_ms = mono_ms, ts_ms
        if not self._settled:
            self._settle()
        if moved is not None and not self._mended:
            self._mended = True
            self._lives.mend(moved)
            self._cover()
        if self._pauses.expire(ts_ms):
            self._cover()
        due = {watch.key: watch for watch in self._timed}
        for device in self._values.devices.values():
            due.update((watch.key, watch) for watch in device.sweep(mono_ms))
        for watch in due.values():
            self._lives.evaluate(watch, watch.sample())
        for watch in [watch for key, watch in self._lives.busy.items() if key not in due]:
            unknown = watch.when() is None
            self._lives.evaluate(watch, watch.sample() if unknown else Sample.NONE)
        for watch in list(self._lives.busy.values()):
            self._lives.expire_shelf(watch)
        return self._lives.outcome(self._watches)

    def memory_ms(self) -> dict[str, int]:
        """How far back the windows of each device look; only devices that have windows."""
        lengths = {
            name: max((series.window.length_ms for series in device.series.values()), default=0)
            for name, device in self._values.devices.items()
        }
        return {name: length_ms for name, length_ms in lengths.items() if length_ms}

    def remember(self, frame: Frame, mono_ms: int) -> None:
        """Fill windows from history at start, oldest frame first; `mono_ms` is its place on today's clock."""
        device = self._values.devices.get(frame.device)
        if device is not None:
            device.remember(frame, mono_ms)

    def bind(self, device: DeviceFacts) -> Outcome:
        """The points of a device have become known, or the device is new: bind all rules anew."""
        known = self._values.devices.get(device.id)
        if known is None:
            self._values.devices[device.id] = DeviceValues(device, self._values.now)
        else:
            known.facts = device
        self._bind_all()
        return self._lives.outcome(self._watches)

    def acknowledge(self, alert_id: str, by: str, ts_ms: int) -> Outcome:
        """A person has seen it. Asked twice, the first counts.

        Raises:
            ActionRefusedError: `unknown_alert`.
        """
        watch, alert = self._open(alert_id)
        if alert.acknowledged is None:
            self._lives.change(watch, replace(alert, acknowledged=Acknowledgement(by, ts_ms)))
        return self._lives.outcome(self._watches)

    def shelve(self, alert_id: str, by: str, until_ms: int, reason: str, ts_ms: int) -> Outcome:
        """Silence the watch of this alert until a time at most 24 h away.

        Raises:
            ActionRefusedError: `unknown_alert`, `no_reason`, `until_past`, `until_too_far`.
        """
        watch, _ = self._open(alert_id)
        watch.life.shelf = checked_shelf(by, until_ms, reason, ts_ms)
        self._lives.review(watch)
        self._lives.save(watch)
        return self._lives.outcome(self._watches)

    def unshelve(self, alert_id: str, by: str, ts_ms: int) -> Outcome:
        """End a shelf early.

        Raises:
            ActionRefusedError: `unknown_alert`, `not_shelved`.
        """
        watch, _ = self._open(alert_id)
        if watch.life.shelf is None:
            raise ActionRefusedError("not_shelved", "this alert is not shelved")
        watch.life.shelf = None
        self._lives.review(watch)
        self._lives.save(watch)
        return self._lives.outcome(self._watches)

    def pause(self, pause: Pause, ts_ms: int) -> Outcome:
        """A person begins maintenance, or takes something out of service.

        Raises:
            ActionRefusedError: `no_reason`, `until_past`, `until_too_far`, `no_end`, `covers_all`,
                `nothing_covered` (no rule watches anything like it).
        """
        wanted = checked_pause(pause, ts_ms)
        devices = self._values.devices
        if not any(wanted.match.covers(w.rule.id, devices[w.device].facts) for w in self._watches.values()):
            raise ActionRefusedError("nothing_covered", "no rule watches anything like it; check the names")
        self._pauses.begin(wanted)
        return self._paused(ts_ms)

    def end_pause(self, pause_id: str, by: str, ts_ms: int) -> Outcome:
        """End one before its time.

        Raises:
            ActionRefusedError: `unknown_pause`, `planned` (it stands in the site file).
        """
        self._pauses.end(pause_id, by)
        return self._paused(ts_ms)

    def pauses(self) -> tuple[Pause, ...]:
        """The planned ones and those begun by persons, also those that are not in force now."""
        return self._pauses.all()

    def _paused(self, ts_ms: int) -> Outcome:
        self._values.now.ts_ms = max(self._values.now.ts_ms, ts_ms)
        self._cover()
        for watch in list(self._lives.busy.values()):
            self._lives.review(watch)
        return self._lives.outcome(self._watches)

    def _cover(self) -> None:
        for watch in self._watches.values():
            watch.pauses = self._pauses.covering(watch.rule.id, self._values.devices[watch.device].facts)

    def reset_latch(self, alert_id: str, by: str, ts_ms: int) -> Outcome:
        """A person has reset it on site; the alert ends.

        Raises:
            ActionRefusedError: `unknown_alert`, `not_latched`, `not_acknowledged`.
        """
        watch, alert = self._open(alert_id)
        if watch.life.state.phase is not Phase.LATCHED:
            raise ActionRefusedError("not_latched", f"the alert is {alert.state}, not latched")
        if alert.acknowledged is None:
            raise ActionRefusedError("not_acknowledged", "acknowledge the alert before its reset")
        self._values.now.ts_ms = max(self._values.now.ts_ms, ts_ms)
        self._lives.move(watch, reset(watch.life.state))
        return self._lives.outcome(self._watches)

    def attach_ticket(self, alert_id: str, ticket_id: str) -> Outcome:
        """The alert has this ticket from now on.

        Raises:
            ActionRefusedError: `unknown_alert`.
        """
        watch, alert = self._open(alert_id)
        if alert.ticket != ticket_id:
            self._lives.change(watch, replace(alert, ticket=ticket_id))
        return self._lives.outcome(self._watches)

    def open_alerts(self) -> tuple[Alert, ...]:
        """All that have not cleared, also those that nobody was told of yet, oldest first."""
        found = [w.life.alert for w in self._lives.by_alert.values() if w.life.alert is not None]
        return tuple(sorted(found, key=lambda alert: alert.since_ms))

    def rule(self, rule_id: str) -> Rule:
        """The rule of this id.

        Raises:
            KeyError: there is none.
        """
        return self._rules.rules[rule_id]

    def bindings(self) -> tuple[BindingReport, ...]:
        """Every rule at every device of its scope, bound or with the reason why not."""
        return tuple(self._reports)

    def phase(self, rule_id: str, device: str, channel: int | None = None) -> Phase | None:
        """Where a watch is; None where there is none."""
        for watch in self._watches.values():
            if (watch.rule.id, watch.device, watch.channel) == (rule_id, device, channel):
                return watch.life.state.phase
        return None

    def _bind_all(self) -> None:
        now, devices = self._values.now, self._values.devices
        for key, watch in self._watches.items():
            if not watch.life.quiet or watch.life.shelf is not None:
                self._saved[key] = packed(watch, now.mono_ms, now.ts_ms)
        self._watches.clear()
        self._reports.clear()
        for device in devices.values():
            device.rebind()
        for device in devices.values():
            for rule in self._rules:
                for made in bind(rule, device, self._values):
                    if isinstance(made, BindingReport):
                        self._reports.append(made)
                        continue
                    self._watches[made.key] = made
                    device.watches.append(made)
                    self._reports.append(BindingReport(rule.id, made.device, made.channel, bound=True))
        for device in devices.values():
            device.old_series = {}
        link(self._watches.values(), {id_: device.facts for id_, device in devices.items()})
        self._cover()
        self._timed = [watch for watch in self._watches.values() if watch.timed]
        self._lives.busy, self._lives.by_alert = {}, {}
        if self._settled:
            self._restore()

    def _settle(self) -> None:
        """The first time that we are told the time: ages count from here, stored watches go on."""
        self._settled = True
        for device in self._values.devices.values():
            device.begin(self._values.now.mono_ms)
        self._restore()

    def _restore(self) -> None:
        """Give stored watches their life back; what nobody watches any more ends."""
        now, kept = self._values.now, dict[str, bytes]()
        for key, data in self._saved.items():
            watch = self._watches.get(key)
            if watch is not None:
                watch.life = unpacked(watch, data, now.mono_ms, now.ts_ms)
                if not watch.life.quiet or watch.life.shelf is not None:
                    self._lives.busy[key] = watch
                if watch.life.alert is not None:
                    self._lives.by_alert[watch.life.alert.id] = watch
                continue
            device = self._values.devices.get(key.split("|")[1])
            if device is not None and device.facts.points is None and key.split("|")[0] in self._rules.rules:
                kept[key] = data
                continue
            self._lives.dirty[key] = None
            alert = orjson.loads(data)["alert"]
            if alert is not None:
                self._lives.alerts.append(
                    replace(Alert.from_document(alert), state="cleared", until_ms=now.ts_ms, suppressed=None)
                )
        self._saved = kept
        for device in self._values.devices.values():
            device.forget_plans()

    def _open(self, alert_id: str) -> tuple[Watch, Alert]:
        watch = self._lives.by_alert.get(alert_id)
        if watch is None or watch.life.alert is None:
            raise ActionRefusedError("unknown_alert", f"there is no open alert {alert_id}")
        return watch, watch.life.alert
