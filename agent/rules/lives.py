"""The lives of watches: what a sample does to phase, alert, severity and suppression.

Gathers the changes until `outcome` hands them out.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.reading import Value
from agent.rules.alert import Alert, AlertState
from agent.rules.facts import NOTHING, Now, Outcome
from agent.rules.inhibit import may_be_inhibited_soon, suppression
from agent.rules.pause import Pauses
from agent.rules.shelf import MAX_SHELF_MS
from agent.rules.state import Phase, Sample, State, step
from agent.rules.watch import Watch, packed
from agent.timekeeper import Moved

SAVE_EVERY_MS = 30_000
"""A running timer is stored this often: as much of it may be lost with a restart."""
_STATES: Mapping[Phase, AlertState] = {
    Phase.ACTIVE: "active",
    Phase.CLEARING: "clearing",
    Phase.UNKNOWN: "unknown",
    Phase.LATCHED: "latched",
}


class Lives:
    """Args:
    site: the site's id.
    now: the instant; the engine moves it.
    new_id: makes the ids of alerts.
    pauses: what persons have planned to be quiet.
    """

    def __init__(self, site: str, now: Now, new_id: Callable[[], str], pauses: Pauses) -> None:
        self._site, self._now, self._new_id = site, now, new_id
        self.busy: dict[str, Watch] = {}
        """Watches that are not normal, or shelved."""
        self.pauses = pauses
        self.by_alert: dict[str, Watch] = {}
        self.alerts: list[Alert] = []
        self.dirty: dict[str, bytes | None] = {}

    def evaluate(self, watch: Watch, sample: Sample) -> None:
        life, mono_ms = watch.life, self._now.mono_ms
        timing = watch.timing
        if watch.steps:
            watch.count_steps(sample, mono_ms)
            if sample is Sample.RAISE and watch.raised_by_step():
                timing = watch.at_once
        before = life.state
        after = step(before, sample, timing, mono_ms)
        if after.phase is not before.phase:
            self.move(watch, after)
            return
        life.state = after
        if life.quiet:
            return
        if life.alert is not None:
            severity = watch.severity(mono_ms)
            if severity != life.alert.severity:
                self.change(watch, replace(life.alert, severity=severity, values=watch.values()))
            self.review(watch)
        since_ms = life.phase_at_ms if life.saved_at_ms is None else life.saved_at_ms
        if life.state.phase in (Phase.PENDING, Phase.CLEARING) and mono_ms - since_ms >= SAVE_EVERY_MS:
            self.save(watch)

    def move(self, watch: Watch, after: State) -> None:
        """The watch enters another phase."""
        life, now = watch.life, self._now
        was_open, before = life.state.phase.is_open, life.state.phase
        life.state, life.quiet, life.phase_at_ms = after, after.phase is Phase.NORMAL, now.mono_ms
        values = watch.values()
        if after.phase.is_open is not was_open:
            life.turn(now.mono_ms)
        if not was_open:
            self.busy[watch.key] = watch
        if after.phase.is_open:
            self._opened(watch, values, still=was_open)
            self.save(watch)
            return
        if was_open and life.alert is not None:
            self._clear(watch, life.alert)
        if after.phase is Phase.NORMAL:
            for timer in life.steps:
                timer.timer_ms, timer.held_at_ms = 0, None
            if life.shelf is None:
                del self.busy[watch.key]
        if before is not Phase.NORMAL and life.saved_at_ms is not None:
            self.save(watch)

    def _opened(self, watch: Watch, values: Mapping[str, Value | None], *, still: bool) -> None:
        life = watch.life
        if watch.rule.severity == "journal":
            return
        if still and life.alert is not None:
            self.change(watch, replace(life.alert, state=_STATES[life.state.phase], values=values))
            self.review(watch)
        else:
            self._raise(watch)

    def mend(self, moved: Moved) -> None:
        """Give true times to what happened before the time was known; a shelf lasts as long as it should."""
        self.pauses.mend(moved.true_ms)
        for watch in list(self.busy.values()):
            life, shelf, alert = watch.life, watch.life.shelf, watch.life.alert
            if shelf is not None and moved.from_ms <= shelf.until_ms <= moved.to_ms + MAX_SHELF_MS:
                life.shelf = replace(shelf, until_ms=shelf.until_ms + moved.by_ms)
                self.review(watch)
                self.save(watch)
            if alert is None:
                continue
            seen, since_ms = alert.acknowledged, moved.true_ms(alert.since_ms)
            if seen is not None:
                seen = replace(seen, at_ms=moved.true_ms(seen.at_ms))
            if (seen, since_ms) != (alert.acknowledged, alert.since_ms) and life.alert is not None:
                self.change(watch, replace(life.alert, since_ms=since_ms, acknowledged=seen))

    def _raise(self, watch: Watch) -> None:
        life, now, rule = watch.life, self._now, watch.rule
        life.opened_at_ms, life.announced = now.mono_ms, False
        life.wait_until_ms = now.mono_ms + watch.wait_ms if watch.parents else now.mono_ms
        life.alert = Alert(
            id=self._new_id(),
            rule=rule.id,
            site=self._site,
            device=watch.device,
            channel=watch.channel,
            state="active",
            severity=watch.severity(now.mono_ms),
            since_ms=now.ts_ms,
            until_ms=None,
            title=rule.title,
            values=watch.values(),
            chattering=life.chattering,
            basis=watch.basis(),
        )
        self.by_alert[life.alert.id] = watch
        self.review(watch)
        for child in watch.children:
            self.review(child)

    def _clear(self, watch: Watch, alert: Alert) -> None:
        ended = replace(alert, state="cleared", until_ms=self._now.ts_ms, values=watch.values())
        watch.life.alert = None
        del self.by_alert[alert.id]
        self.alerts.append(ended)

    def review(self, watch: Watch) -> None:
        """Whether the open alert is told or suppressed, as things are now."""
        life, now = watch.life, self._now
        alert = life.alert
        if alert is None:
            return
        why = suppression(watch, now.ts_ms)
        if why is not None:
            life.announced, life.wait_until_ms = False, None
            if alert.suppressed != why:
                self.change(watch, replace(alert, suppressed=why))
            return
        if life.announced:
            return
        if life.wait_until_ms is None:
            inhibited = alert.suppressed is not None and alert.suppressed.by == "inhibited"
            life.wait_until_ms = now.mono_ms + (watch.wait_ms if inhibited else 0)
        waits = now.mono_ms < life.wait_until_ms or may_be_inhibited_soon(watch)
        if waits or (alert.suppressed is not None and alert.state == "clearing"):
            return
        life.announced = True
        self.change(watch, replace(alert, suppressed=None, severity=watch.severity(now.mono_ms)))

    def change(self, watch: Watch, alert: Alert) -> None:
        """The alert is now like this; tell it unless it still waits for its inhibitor."""
        watch.life.alert = alert
        if watch.life.announced or alert.suppressed is not None:
            self.alerts.append(alert)
        self.save(watch)

    def expire_shelf(self, watch: Watch) -> None:
        shelf, now = watch.life.shelf, self._now
        if shelf is None or shelf.until_ms > now.ts_ms:
            return
        watch.life.shelf = None
        self.review(watch)
        self.save(watch)
        if watch.life.quiet:
            del self.busy[watch.key]

    def save(self, watch: Watch) -> None:
        life, now = watch.life, self._now
        if life.quiet and life.shelf is None:
            self.dirty[watch.key] = None
            life.saved_at_ms = None
        else:
            self.dirty[watch.key] = b""
            life.saved_at_ms = now.mono_ms

    def outcome(self, watches: Mapping[str, Watch]) -> Outcome:
        """What was gathered, each alert once in its latest form, each watch packed once."""
        pauses = self.pauses
        if not self.alerts and not self.dirty and not pauses.dirty:
            return NOTHING
        now = self._now
        latest = {(alert.id, alert.state == "cleared"): alert for alert in self.alerts}
        stored = {
            key: None if data is None else packed(watches[key], now.mono_ms, now.ts_ms)
            for key, data in self.dirty.items()
        }
        outcome = Outcome(tuple(latest.values()), stored | pauses.dirty, tuple(pauses.news))
        self.alerts, self.dirty, pauses.dirty, pauses.news = [], {}, {}, []
        return outcome
