"""Planned quiet: maintenance, which ends at a time, and out of service, which ends when somebody says so.

What a pause covers is watched on and recorded; it is only not annunciated and gets no ticket. What still
holds when the pause ends is told then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import orjson

from agent.quantity import HOUR_MS
from agent.rules.facts import ActionRefusedError, DeviceFacts

Why: TypeAlias = Literal["maintenance", "out_of_service"]
KEY = "pause|"
"""Begins the stored key of a pause that a person began."""
MAX_ON_THE_SPOT_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Match:
    """What a pause covers; what is left out says nothing, and nothing at all means the whole site."""

    device: str | None = None
    bus: str | None = None
    kind: str | None = None
    rule: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def covers(self, rule: str, device: DeviceFacts) -> bool:
        """Whether it covers this rule at this device."""
        return (
            self.device in (None, device.id)
            and self.bus in (None, device.bus)
            and (self.kind is None or self.kind in device.kinds)
            and self.rule in (None, rule)
            and all(device.labels.get(name) == text for name, text in self.labels.items())
        )

    def document(self) -> dict[str, Any]:
        """Only what it says."""
        said = {"device": self.device, "bus": self.bus, "kind": self.kind, "rule": self.rule}
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {name: value for name, value in said.items() if value is not None} | labels


@dataclass(frozen=True, slots=True)
class Pause:
    """Args:
    from_ms, until_ms: UTC; no end is for `out_of_service` only.
    keep: rules that are told all the same.
    by: who began it; "" where the site file did.
    """

    id: str
    why: Why
    match: Match
    from_ms: int
    until_ms: int | None
    keep: tuple[str, ...] = ()
    by: str = ""
    reason: str = ""

    def holds(self, ts_ms: int) -> bool:
        """Whether it is in force; what a person began holds also while the clock is behind that."""
        begun = self.by != "" or self.from_ms <= ts_ms
        return begun and (self.until_ms is None or ts_ms < self.until_ms)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "id": self.id,
            "why": self.why,
            "match": self.match.document(),
            "from": self.from_ms,
            "until": self.until_ms,
            "keep": list(self.keep),
            "by": self.by or None,
            "reason": self.reason,
        }


def checked_pause(pause: Pause, ts_ms: int) -> Pause:
    """A pause that a person may begin now.

    Raises:
        ActionRefusedError: `no_reason`, `until_past`, `until_too_far`, `no_end`, `covers_all`.
    """
    if not pause.reason.strip():
        raise ActionRefusedError("no_reason", "say why: whoever looks next must know")
    if pause.why == "out_of_service":
        if pause.match == Match():
            raise ActionRefusedError("covers_all", "name what is out of service: a device, a bus or a rule")
        return pause
    if pause.until_ms is None:
        raise ActionRefusedError("no_end", "maintenance has an end; say until when")
    if pause.until_ms <= ts_ms:
        raise ActionRefusedError("until_past", "the end of maintenance lies in the future")
    if pause.until_ms - ts_ms > MAX_ON_THE_SPOT_MS:
        raise ActionRefusedError(
            "until_too_far",
            "maintenance begun on the spot lasts 24 h at most; plan longer ones in the site file",
        )
    return pause


class Pauses:
    """All pauses of a site.

    Args:
        planned: those of the site file.
        stored: the engine's stored state; those that persons began are taken out of it.
    """

    def __init__(self, planned: tuple[Pause, ...], stored: dict[str, bytes]) -> None:
        self._planned = planned
        self._begun: dict[str, Pause] = {}
        for key in [key for key in stored if key.startswith(KEY)]:
            pause = _unpacked(stored.pop(key))
            self._begun[pause.id] = pause
        self.news: list[dict[str, Any]] = []
        self.dirty: dict[str, bytes | None] = {}

    def all(self) -> tuple[Pause, ...]:
        return (*self._planned, *self._begun.values())

    def covering(self, rule: str, device: DeviceFacts) -> tuple[Pause, ...]:
        """Those that cover a rule at a device, now or at another time; out of service first."""
        if not self._planned and not self._begun:
            return ()
        found = [pause for pause in self.all() if pause.match.covers(rule, device) and rule not in pause.keep]
        return tuple(sorted(found, key=lambda pause: pause.why == "maintenance"))

    def begin(self, pause: Pause) -> None:
        self._begun[pause.id] = pause
        self._tell(pause, "begun", pause.by, orjson.dumps(pause.document()))

    def end(self, pause_id: str, by: str, event: str = "ended") -> None:
        """Raises ActionRefusedError: `unknown_pause`, `planned`."""
        pause = self._begun.get(pause_id)
        if pause is None:
            if any(planned.id == pause_id for planned in self._planned):
                raise ActionRefusedError("planned", "it stands in the site file; change it there and reload")
            raise ActionRefusedError("unknown_pause", f"there is no maintenance {pause_id}")
        del self._begun[pause_id]
        self._tell(pause, event, by, None)

    def expire(self, ts_ms: int) -> bool:
        """End what is over; whether anything was."""
        over = [p.id for p in self._begun.values() if p.until_ms is not None and p.until_ms <= ts_ms]
        for pause_id in over:
            self.end(pause_id, "", "over")
        return bool(over)

    def mend(self, true_ms: Callable[[int], int]) -> None:
        """Give true times to those that were begun before the time was known."""
        for pause in list(self._begun.values()):
            by_ms = true_ms(pause.from_ms) - pause.from_ms
            if by_ms:
                until_ms = None if pause.until_ms is None else pause.until_ms + by_ms
                moved = replace(pause, from_ms=pause.from_ms + by_ms, until_ms=until_ms)
                self._begun[pause.id] = moved
                self.dirty[KEY + pause.id] = orjson.dumps(moved.document())

    def _tell(self, pause: Pause, event: str, by: str, data: bytes | None) -> None:
        self.news.append({**pause.document(), "event": event, "who": by or None})
        self.dirty[KEY + pause.id] = data


def _unpacked(data: bytes) -> Pause:
    said = orjson.loads(data)
    return Pause(
        id=said["id"],
        why=said["why"],
        match=Match(**said["match"]),
        from_ms=said["from"],
        until_ms=said["until"],
        keep=tuple(said["keep"]),
        by=said["by"] or "",
        reason=said["reason"],
    )
