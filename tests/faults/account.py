"""What each place knows, and in what the places differ. Pure.

LOST         promised upstream, not there, and in no gap.
INVENTED     there, and nobody upstream ever said it.
DUPLICATE    there twice, or one answer of a device in two frames.
UNEXPLAINED  a poll that was due, a number or an answer that is neither a frame nor in a gap;
             or a gap where nothing is missing.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Key: TypeAlias = tuple[str, str, int]
"""Device, boot, seq."""
Content: TypeAlias = tuple | None
"""What the device said, its own number first; None where the poll failed."""

LOSSES = ("damaged", "journal_full")
"""Reasons for which a frame may be gone that was promised; other gaps are polls that never were."""
ROUNDED_MS = 2
"""Times of frames and of gaps come from two clocks' milliseconds."""
NEAR_MS = 60
"""How far a moment that the simulator saw may be from the one that the gateway wrote down."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A gap as a place tells it; `device` is `*` where it is everybody's."""

    device: str
    boot: str
    from_ms: int
    to_ms: int
    slots: int | None
    seq: tuple[int, int] | None
    reason: str

    def names(self, key: Key, ts_ms: int) -> bool:
        """Whether the gap says that this frame, once promised, is gone: by its number, else by its time."""
        if self.device not in (key[0], "*") or self.reason not in LOSSES:
            return False
        if self.seq is not None:
            return self.boot == key[1] and self.seq[0] <= key[2] <= self.seq[1]
        return self.from_ms <= ts_ms <= self.to_ms

    def spans(self, ts_ms: int) -> bool:
        return self.from_ms - NEAR_MS <= ts_ms <= self.to_ms + NEAR_MS


@dataclass(slots=True)
class Place:
    """A stage: frames with their times, how often each is there, and its gaps."""

    name: str
    frames: dict[Key, Content] = field(default_factory=dict)
    times: dict[Key, int] = field(default_factory=dict)
    copies: Counter[Key] = field(default_factory=Counter)
    """Only where a second copy is a fault: a broker may repeat, a journal or a table may not."""
    holes: list[Hole] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """What is there and has no key that anybody knows."""

    def put(self, key: Key, ts_ms: int, content: Content) -> None:
        """A frame as it stands there; two contents under one key are told."""
        self.copies[key] += 1
        if self.frames.setdefault(key, content) != content:
            self.strangers.append(f"{key} is both {self.frames[key]} and {content}")
        self.times[key] = ts_ms


@dataclass(slots=True)
class Verdict:
    stage: str
    lost: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.invented or self.duplicate or self.unexplained)


@dataclass(slots=True)
class Account:
    """A run: what was served, what the journal has, what came of it downstream.

    Args:
        period_ms: how often each device is due; None where nothing is polled by a schedule.
        truth: device → its number → what it must have said with it.
        served: device → its number → when it said so; None where the devices keep no log.
    """

    journal: Place
    truth: Callable[[str, int], tuple]
    served: Mapping[str, Mapping[int, int]] | None = None
    period_ms: int | None = None
    promised: dict[Key, int] = field(default_factory=dict)
    """What the gateway itself acknowledged, with its time."""
    downstream: list[Place] = field(default_factory=list)
    changes: tuple[Place, Place] | None = None
    """Alert and ticket changes: of the journal, and as they were published."""
    desk: "Desk | None" = None

    def verdicts(self) -> list[Verdict]:
        found = [self._of_journal(), *(self._of(place) for place in self.downstream)]
        if self.changes is not None:
            journal, published = self.changes
            verdict = passed_on(journal, published)
            verdict.unexplained += numbers(published)
            found.append(verdict)
        return found if self.desk is None else [*found, self.desk.verdict()]

    def _of_journal(self) -> Verdict:
        journal, verdict = self.journal, Verdict("journal")
        promised = dict(self.promised)
        for place in self.downstream:
            promised |= place.times
        for key in promised.keys() - journal.frames.keys():
            if not any(hole.names(key, promised[key]) for hole in journal.holes):
                verdict.lost.append(f"{key} was promised")
        self._look_at(journal, verdict)
        verdict.duplicate += [f"{key} × {n}" for key, n in journal.copies.items() if n > 1]
        for (device, ts_ms), n in Counter((key[0], ts) for key, ts in journal.times.items()).items():
            if n > 1:
                verdict.duplicate.append(f"{n} frames of {device} at {ts_ms}")
        verdict.unexplained += [*numbers(journal), *self._slots(), *self._answers()]
        return verdict

    def _of(self, place: Place) -> Verdict:
        verdict = passed_on(self.journal, place)
        self._look_at(place, verdict)
        return verdict

    def _look_at(self, place: Place, verdict: Verdict) -> None:
        """Each answer is what the device said, and stands in one frame only."""
        seen: Counter[tuple[str, int]] = Counter()
        verdict.invented += place.strangers
        for (device, boot, seq), content in place.frames.items():
            if content is None:
                continue
            number = int(content[0])
            seen[device, number] += 1
            if self.served is not None and number not in self.served[device]:
                verdict.invented.append(f"{device} never said {content}, frame {boot} {seq}")
            elif content != self.truth(device, number):
                verdict.invented.append(f"{device} said {self.truth(device, number)}, not {content}")
        verdict.duplicate += [f"answer {one} in {n} frames" for one, n in seen.items() if n > 1]

    def _slots(self) -> Iterable[str]:
        """Scheduled = stored + explained: between two frames as many polls are missing as gaps say."""
        if self.period_ms is None:
            return
        runs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for key, ts_ms in self.journal.times.items():
            runs[key[0], key[1]].append(ts_ms)
        ends: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for (device, _), times in runs.items():
            times.sort()
            ends[device].append((times[0], times[-1]))
            slots = slots_of(times, self.period_ms)
            for n, (before, after) in enumerate(itertools.pairwise(times)):
                # the first poll of a boot waits for the line: it is off the schedule
                missing, near = max(0, slots[n + 1] - slots[n] - 1), int(n == 0)
                yield from self._between(device, before, after, missing, near)
        for device, spans in ends.items():
            for (_, before), (after, _) in itertools.pairwise(sorted(spans)):
                missing = max(0, round((after - before) / self.period_ms) - 1)
                yield from self._between(device, before, after, missing, 1)

    def _between(self, device: str, before: int, after: int, missing: int, near: int) -> Iterable[str]:
        """Gaps between two frames that follow each other say how many polls are missing there.

        Args:
            near: by how many they may be wrong.
        """
        holes = [h for h in self.journal.holes if h.device == device and h.seq is None]
        between = [h for h in holes if before - ROUNDED_MS <= h.from_ms and h.to_ms <= after + ROUNDED_MS]
        said = sum(hole.slots or 0 for hole in between)
        if abs(missing - said) > near and not any(hole.slots is None for hole in between):
            reasons = ", ".join(f"{h.slots} {h.reason}" for h in between) or "no gap"
            yield f"{device}: {missing} polls missing in {after - before} ms to {after}, {reasons}"

    def _answers(self) -> Iterable[str]:
        """What the device said and nobody stored must lie in a gap, or outside of all frames."""
        if self.served is None:
            return
        for device, said in self.served.items():
            stored = {c[0] for key, c in self.journal.frames.items() if key[0] == device and c is not None}
            times = [ts for key, ts in self.journal.times.items() if key[0] == device]
            for number, at_ms in said.items():
                if number in stored or not times or not min(times) <= at_ms <= max(times):
                    continue
                if not any(h.device in (device, "*") and h.spans(at_ms) for h in self.journal.holes):
                    yield f"{device} said {number} at {at_ms}; it is nowhere"


def slots_of(times: list[int], period_ms: int) -> list[int]:
    """Which turn of the schedule each frame of a boot is: polls are late now and then, hardly ever early.

    The schedule's phase is where most frames are.
    """
    early_ms = period_ms // 5
    phases = [(ts_ms - times[0]) % period_ms for ts_ms in times]
    usual = max(phases, key=lambda phase: sum((p - phase) % period_ms < early_ms for p in phases[:500]))
    return [(ts_ms - times[0] - usual + early_ms) // period_ms for ts_ms in times]


def passed_on(journal: Place, place: Place) -> Verdict:
    """What a place has of the journal, and what it has beside it."""
    verdict = Verdict(place.name)
    for key, content in journal.frames.items():
        if key not in place.frames:
            if not any(hole.names(key, journal.times[key]) for hole in place.holes):
                verdict.lost.append(f"{key}")
        elif place.frames[key] != content:
            verdict.invented.append(f"{key} is {content} in the journal and {place.frames[key]} here")
    for key in place.frames.keys() - journal.frames.keys():
        if not any(hole.names(key, place.times[key]) for hole in journal.holes):
            verdict.invented.append(f"{key} is not in the journal")
    verdict.duplicate += [f"{key} × {n}" for key, n in place.copies.items() if n > 1]
    if place.holes:
        verdict.unexplained += numbers(place)
    return verdict


def numbers(place: Place) -> list[str]:
    """Every number of a device's boot, from 1 to the last known one, is a frame or inside a gap."""
    known: dict[tuple[str, str], set[int]] = defaultdict(set)
    for device, boot, seq in place.frames:
        known[device, boot].add(seq)
    for hole in place.holes:
        if hole.seq is not None:
            known[hole.device, hole.boot].update(range(hole.seq[0], hole.seq[1] + 1))
    unexplained = []
    for (device, boot), seqs in known.items():
        missing = sorted(set(range(1, max(seqs) + 1)) - seqs)
        whole = [
            h for h in place.holes if h.device in (device, "*") and h.reason == "damaged" and h.seq is None
        ]
        if missing and not any(h.boot == boot or h.device == "*" for h in whole):
            unexplained.append(f"{device} {boot} lacks {missing[:5]} ({len(missing)})")
    return unexplained


@dataclass(slots=True)
class Desk:
    """Incidents, alerts and tickets: each incident has one alert, each alert one ticket.

    Args:
        incidents: how often a device's state went wrong, as the journal's frames tell it.
        alerts: alert id → device, as the journal's changes tell it.
        tickets: ticket id → (dedupe key, open, alert ids), as the store has it.
    """

    incidents: Counter[str]
    alerts: dict[str, str]
    tickets: dict[str, tuple[str, bool, tuple[str, ...]]]

    def verdict(self) -> Verdict:
        verdict = Verdict("desk")
        raised = Counter(self.alerts.values())
        for device in incidents_of(self.incidents, raised):
            wanted, got = self.incidents[device], raised[device]
            if got < wanted:
                verdict.lost.append(f"{device}: {wanted} incidents, {got} alerts")
            elif got > wanted:
                verdict.duplicate.append(f"{device}: {wanted} incidents, {got} alerts")
        places = Counter(alert for _, _, alerts in self.tickets.values() for alert in alerts)
        verdict.lost += [f"alert {alert} has no ticket" for alert in self.alerts if alert not in places]
        verdict.duplicate += [f"alert {alert} has {n} tickets" for alert, n in places.items() if n > 1]
        verdict.invented += [f"nobody raised {alert}" for alert in places if alert not in self.alerts]
        keys = Counter(key for key, is_open, _ in self.tickets.values() if is_open)
        verdict.duplicate += [f"{n} open tickets for {key}" for key, n in keys.items() if n > 1]
        return verdict


def incidents_of(*counts: Counter[str]) -> list[str]:
    return sorted(set().union(*counts))


def table(verdicts: Iterable[Verdict]) -> str:
    """For people: a line per stage, then the first faults of each kind."""
    lines = [f"{'stage':<10}{'LOST':>8}{'INVENTED':>10}{'DUPLICATE':>11}{'UNEXPLAINED':>13}"]
    details = []
    for v in verdicts:
        kinds = (v.lost, v.invented, v.duplicate, v.unexplained)
        lines.append("{:<10}{:>8}{:>10}{:>11}{:>13}".format(v.stage, *map(len, kinds)))
        for name, found in zip(("LOST", "INVENTED", "DUPLICATE", "UNEXPLAINED"), kinds, strict=True):
            details += [f"  {v.stage} {name}: {one}" for one in found[:4]]
    return "\n".join([*lines, *details])
