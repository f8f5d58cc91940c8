"""What rules would have done with readings that are there already. Pure: frames in, episodes out.

The engine is the one that watches the live site; only time is that of the readings. While nothing was read
(the gateway was off) no time passes for it, as after a restart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count

from agent.reading import Frame
from agent.rules.alert import SEVERITIES, Alert, Severity
from agent.rules.engine import Engine
from agent.rules.facts import Outcome, SiteFacts
from agent.rules.rule import RuleSet
from agent.rules.state import Phase

TICK_MS = 10_000
_OFF_MS = 60_000
"""No frame of any device for so long: the gateway was off."""
_LATE_MS = 60_000
"""A frame that is so much older than what was replayed already is left out."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert as it would have been. `to_ms` is None for one that is still open at the end."""

    rule: str
    device: str
    channel: int | None
    from_ms: int
    to_ms: int | None
    severity: Severity
    suppressed_by: str | None
    """The rule of the root cause, where it was never annunciated."""

    @property
    def place(self) -> tuple[str, str, int | None]:
        return self.rule, self.device, self.channel


class Replay:
    """Args:
    site: as the rules see it.
    rules: those to try.
    follow: rule, device and channel of the watch whose phases are to be kept.
    """

    def __init__(
        self, site: SiteFacts, rules: RuleSet, *, follow: tuple[str, str, int | None] | None = None
    ) -> None:
        ids = count(1)
        self._engine = Engine(site, rules, {}, lambda: str(next(ids)))
        self._open: dict[str, Episode] = {}
        self._told: set[str] = set()
        self._done: list[Episode] = []
        self._now_ms: int | None = None
        self._off_ms = 0
        self._follow = follow
        self.phases: list[tuple[int, Phase]] = []
        """Of the watch that is followed: when it entered each."""
        self.frames = 0
        self.left_out = 0
        """Frames that came too late in the order of the journal."""

    def take(self, frame: Frame) -> None:
        """The next frame; one that is older than the time reached is taken a little late, or left out."""
        if self._now_ms is None:
            self._now_ms = frame.ts_ms
        if frame.ts_ms < self._now_ms - _LATE_MS:
            self.left_out += 1
            return
        self._pass_time(frame.ts_ms)
        ts_ms = max(frame.ts_ms, self._now_ms)
        self.frames += 1
        mono_ms = ts_ms - self._off_ms
        self._note(self._engine.on_frame(replace(frame, mono_ms=mono_ms, ts_ms=ts_ms, unsure=False)), ts_ms)

    def _pass_time(self, until_ms: int) -> None:
        assert self._now_ms is not None  # noqa: S101  # set by the first frame
        if until_ms - self._now_ms > _OFF_MS:
            self._off_ms += until_ms - self._now_ms - TICK_MS
            self._now_ms = until_ms - TICK_MS
        while self._now_ms + TICK_MS <= until_ms:
            self._now_ms += TICK_MS
            self._note(self._engine.on_tick(self._now_ms - self._off_ms, self._now_ms), self._now_ms)

    def _note(self, outcome: Outcome, ts_ms: int) -> None:
        for alert in outcome.alerts:
            self._alert(alert)
        if self._follow is not None:
            phase = self._engine.phase(*self._follow) or Phase.NORMAL
            if phase is not (self.phases[-1][1] if self.phases else Phase.NORMAL):
                self.phases.append((ts_ms, phase))

    def _alert(self, alert: Alert) -> None:
        known = self._open.get(alert.id)
        if alert.suppressed is None and alert.state != "cleared":
            self._told.add(alert.id)
        by = None if alert.suppressed is None else alert.suppressed.reason
        if known is None:
            known = Episode(alert.rule, alert.device, alert.channel, alert.since_ms, None, alert.severity, by)
        severity = min(known.severity, alert.severity, key=SEVERITIES.index)
        suppressed = None if alert.id in self._told else by or known.suppressed_by
        known = replace(known, severity=severity, suppressed_by=suppressed)
        if alert.state == "cleared":
            self._open.pop(alert.id, None)
            self._done.append(replace(known, to_ms=alert.until_ms))
        else:
            self._open[alert.id] = known

    def episodes(self) -> list[Episode]:
        """All so far, in order of their beginnings; alerts that still wait for a root cause are none yet."""
        return sorted((*self._done, *self._open.values()), key=lambda episode: episode.from_ms)


@dataclass(frozen=True, slots=True)
class Then:
    """An alert as it really was: from the journal."""

    rule: str
    device: str
    channel: int | None
    from_ms: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Args:
    same: episodes that were alerts then, too.
    new: would be, and were not.
    gone: were, and would not be.
    """

    same: tuple[Episode, ...]
    new: tuple[Episode, ...]
    gone: tuple[Then, ...]


def compared(
    episodes: list[Episode], then: list[Then], *, within_ms: Callable[[str], int] = lambda _rule: 60_000
) -> Compared:
    """What differs from how it was; a beginning may differ by a poll or two.

    Args:
        episodes: of the replay.
        then: of the journal, each once.
        within_ms: how much the beginnings of a rule's alerts may differ.
    """
    left: dict[tuple[str, str, int | None], list[Then]] = {}
    for alert in then:
        left.setdefault((alert.rule, alert.device, alert.channel), []).append(alert)
    same, new = [], []
    for episode in episodes:
        known = left.get(episode.place, [])
        near = min(known, key=lambda alert: abs(alert.from_ms - episode.from_ms), default=None)
        if near is not None and abs(near.from_ms - episode.from_ms) <= within_ms(episode.rule):
            known.remove(near)
            same.append(episode)
        else:
            new.append(episode)
    gone = sorted((alert for known in left.values() for alert in known), key=lambda alert: alert.from_ms)
    return Compared(tuple(same), tuple(new), tuple(gone))


def counts(episodes: list[Episode]) -> Mapping[str, int]:
    """How many alerts of each rule would have been annunciated."""
    found: dict[str, int] = {}
    for episode in episodes:
        if episode.suppressed_by is None:
            found[episode.rule] = found.get(episode.rule, 0) + 1
    return found
