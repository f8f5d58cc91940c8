"""The JSON that goes out by MQTT: topics and payloads, no client and no state.

Topics stand under `<root>/<site>/`. Numbers are finite, times are UTC
milliseconds, and a quality is written only where it is not good.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import orjson

from agent.profile import Point, Profile
from agent.reading import Frame, Quality, Text
from gateway.journal.record import Change, Gap

SiteState: TypeAlias = Literal["online", "offline"]
DeviceState: TypeAlias = Literal["online", "offline", "unsure"]

ENDED_TICKETS = frozenset({"archived", "cancelled", "merged"})
"""States in which a ticket leaves the present picture."""

GONE = b""
"""What clears a retained topic."""


@dataclass(frozen=True, slots=True)
class DeviceMeta:
    """What a device is, for its retained `meta`; `points` maps a name to (unit, type).

    The last four are for formats that show it to people: its title, how points are called, which
    of them only grow, and how often it is read.
    """

    kind: str
    profile: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    also: tuple[str, ...] = ()
    points: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    title: Text | None = None
    labels: Mapping[str, Text] = field(default_factory=dict)
    counters: frozenset[str] = frozenset()
    period_ms: int = 1_000

    @classmethod
    def of(cls, profile: Profile, *, vendor: str = "", model: str = "", serial: str = "") -> "DeviceMeta":
        """From a profile; what the device said about itself goes before what the profile says."""
        return cls(
            kind=profile.kind,
            profile=profile.name,
            vendor=vendor or profile.vendor,
            model=model or profile.model,
            serial=serial,
            also=profile.also,
            points=_units_and_types(profile.points),
        )


def _units_and_types(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    return {point.name: (point.unit, point.value_type) for point in points}


@dataclass(frozen=True, slots=True)
class Topics:
    """Names below `<root>/<site>`."""

    root: str
    site: str

    @property
    def status(self) -> str:
        return f"{self.root}/{self.site}/status"

    @property
    def changes(self) -> str:
        return f"{self.root}/{self.site}/changes"

    @property
    def receipts(self) -> str:
        return f"{self.root}/{self.site}/receipts"

    @property
    def requests(self) -> str:
        return f"{self.root}/{self.site}/requests"

    def meta(self, device: str) -> str:
        return f"{self.root}/{self.site}/{device}/meta"

    def device_status(self, device: str) -> str:
        return f"{self.root}/{self.site}/{device}/status"

    def readings(self, device: str) -> str:
        return f"{self.root}/{self.site}/{device}/readings"

    def gaps(self, device: str) -> str:
        return f"{self.root}/{self.site}/{device}/gaps"

    def alert(self, alert_id: str) -> str:
        return f"{self.root}/{self.site}/alerts/{alert_id}"

    def ticket(self, ticket_id: str) -> str:
        return f"{self.root}/{self.site}/tickets/{ticket_id}"


def site_status(state: SiteState, *, since_ms: int | None, boot: str, version: str) -> bytes:
    """The birth, the farewell and the will; the will cannot know when (`since_ms` None)."""
    return orjson.dumps({"state": state, "since": since_ms, "boot": boot, "version": version})


def device_status(state: DeviceState, since_ms: int) -> bytes:
    return orjson.dumps({"state": state, "since": since_ms})


def meta(device: DeviceMeta) -> bytes:
    document: dict[str, Any] = {
        "kind": device.kind,
        "profile": device.profile,
        "vendor": device.vendor,
        "model": device.model,
        "serial": device.serial,
        "points": {name: {"unit": unit, "type": kind} for name, (unit, kind) in device.points.items()},
    }
    if device.also:
        document["also"] = device.also
    return orjson.dumps(document)


def readings(frame: Frame, *, late: bool = False) -> bytes:
    """One poll of one device; a failed poll has no values and names `*` as bad."""
    document: dict[str, Any] = {"ts": frame.ts_ms, "boot": frame.boot, "seq": frame.seq}
    faults = frame.faults
    if frame.reason is not None:
        document["values"] = {}
        document["quality"] = {"*": "bad"}
        document["reason"] = frame.reason
    elif faults:
        points = frame.points
        document["values"] = {
            point: value for point, value in zip(points, frame.values, strict=True) if value is not None
        }
        document["quality"] = {points[index]: quality.value for index, quality in faults.items()}
    else:
        document["values"] = dict(zip(frame.points, frame.values, strict=True))
        document["quality"] = {}
    document["span_ms"] = frame.span_ms
    if frame.unsure:
        document["clock"] = "unsure"
    if late:
        document["late"] = True
    payload = orjson.dumps(document)
    # orjson writes NaN and infinity as null, and no value of a frame is null otherwise
    return _finite(document) if b":null" in payload else payload


def _finite(document: dict[str, Any]) -> bytes:
    """The same, with numbers that JSON cannot say given up as bad."""
    lost = [
        point
        for point, value in document["values"].items()
        if value is None or (isinstance(value, float) and not math.isfinite(value))
    ]
    for point in lost:
        del document["values"][point]
        document["quality"][point] = Quality.BAD.value
    return orjson.dumps(document)


def gap(entry: Gap, *, late: bool = False) -> bytes:
    """Polls that were due and did not take place, or frames that are lost."""
    document = entry.document()
    if late:
        document["late"] = True
    return orjson.dumps(document)


def change(entry: Change, *, late: bool = False) -> bytes:
    """An alert or ticket change, in the order of the journal."""
    document: dict[str, Any] = {"boot": entry.boot, "seq": entry.seq, "ts": entry.ts_ms, **entry.body}
    if entry.unsure:
        document["clock"] = "unsure"
    if late:
        document["late"] = True
    return orjson.dumps(document)


def alert(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(document))


def ticket(document: Mapping[str, Any]) -> bytes:
    """The ticket with persons as ids only: who they are stays at the desk."""
    return orjson.dumps(_ids_only(document))


def _ids_only(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "id" in value and value.keys() <= _PERSON_KEYS:
            return value["id"]
        return {key: _ids_only(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_ids_only(item) for item in value]
    return value


_PERSON_KEYS = frozenset({"id", "name", "role", "phone", "email"})
