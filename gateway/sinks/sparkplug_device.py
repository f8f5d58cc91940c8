"""A device as a Sparkplug host sees it: its metrics, their last values, whether it is born. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.reading import Frame, Quality, Value
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.mqtt_picture import OFFLINE_AFTER
from gateway.sinks.sparkplug_wire import DataType, alias_of, metric, name_of, property_set

QUALITY_CODE = {Quality.GOOD: 192, Quality.STALE: 500}
"""The specification knows good 192, stale 500 and bad 0, and nothing between: all else is bad."""

_TYPES = {"number": DataType.DOUBLE, "bool": DataType.BOOLEAN, "string": DataType.STRING}
_ABOUT_FRAMES: Mapping[str, DataType] = {
    "Frame/Seq": DataType.INT64,
    "Frame/Span": DataType.INT64,
    "Frame/Boot": DataType.STRING,
    "Frame/Reason": DataType.STRING,
    "Frame/Unsure": DataType.BOOLEAN,
}
"""What a frame says of itself beside its points."""


class Aliases:
    """Numbers that are unique in the node; a name keeps its number as long as we run."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], int] = {}

    def of(self, device: str, name: str) -> int:
        return self._of.setdefault((device, name), len(self._of) + 1)


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    type: DataType
    unit: str
    alias: bytes
    """Ready for the wire."""


class SparkplugDevice:
    """One device of the node.

    Args:
        device: its id.
        aliases: the node's.
        boot: of this run; a frame of another one names its own.
    """

    def __init__(self, device: str, aliases: Aliases, boot: str) -> None:
        self.born = False
        """A host has heard its DBIRTH, and no DDEATH since, in this session."""
        self._device = device
        self._aliases = aliases
        self._boot = boot
        self._metrics: dict[str, _Metric] = {}
        self._last: dict[str, tuple[Value | None, Quality, int]] = {}
        self._frame: Frame | None = None
        self._failed = 0
        self._answered = False
        self._told_ms = 0
        self._said: tuple[str | None, bool] = (None, False)

    @property
    def online(self) -> bool:
        """It has answered, and not failed to for the last polls."""
        return self._answered and self._failed < OFFLINE_AFTER

    def note(self, frame: Frame) -> None:
        """Take in what was read last, whether a host hears of it now or later."""
        self._frame = frame
        if frame.reason is None:
            self._answered, self._failed = True, 0
        else:
            self._failed += 1
        last, ts_ms = self._last, frame.ts_ms
        for point, value, quality in _judged(frame):
            last[point] = (value, quality, ts_ms)

    def lacks(self, frame: Frame) -> bool:
        """Whether the frame has points that no birth could name yet."""
        metrics = self._metrics
        return any(point not in metrics for point in frame.points)

    def birth(self, meta: DeviceMeta | None, frame: Frame | None, now_ms: int) -> list[bytes]:
        """All its metrics with their current values; afterwards it is born.

        Args:
            meta: what it is, None for one that the site file no longer knows.
            frame: what is sent next of it; its points are in the birth even if `meta` lacks them.
            now_ms: UTC, for what was never read.
        """
        self._know(meta, frame)
        self.born = True
        newest = self._frame
        self._told_ms = 0 if newest is None else newest.ts_ms
        self._said = (None, False) if newest is None else (newest.reason, newest.unsure)
        said = [self._born(known, now_ms) for known in self._metrics.values()]
        about = _about(newest)
        at_ms = now_ms if newest is None else newest.ts_ms
        for name, kind in _ABOUT_FRAMES.items():
            value = self._boot if name == "Frame/Boot" else about.get(name)
            said.append(metric(self._called(name), value, at_ms, datatype=kind))
        if meta is not None:
            for part in ("kind", "profile", "vendor", "model", "serial"):
                called = self._called(f"Properties/{part.capitalize()}")
                said.append(metric(called, getattr(meta, part), now_ms, datatype=DataType.STRING))
        return said

    def data(self, frame: Frame, *, late: bool) -> list[bytes]:
        """The metrics of one poll; old ones do not replace what a host shows."""
        historical = late or frame.ts_ms <= self._told_ms
        ts_ms = frame.ts_ms
        said: list[bytes] = []
        for point, value, quality in _judged(frame):
            properties = b"" if quality is Quality.GOOD else _QUALITY_PROPERTIES[quality]
            known = self._metrics[point]
            said.append(metric(known.alias, value, ts_ms, historical=historical, properties=properties))
        about = _about(frame)
        if frame.boot == self._boot:
            del about["Frame/Boot"]
        now = (frame.reason, frame.unsure)
        if now == ((None, False) if historical else self._said):
            del about["Frame/Reason"], about["Frame/Unsure"]
        if not historical:
            self._said, self._told_ms = now, ts_ms
        for name, value in about.items():
            called = alias_of(self._aliases.of(self._device, name))
            said.append(metric(called, value, ts_ms, historical=historical))
        return said

    def _know(self, meta: DeviceMeta | None, frame: Frame | None) -> None:
        if meta is not None:
            self._metrics = {
                name: self._metric(name, _TYPES.get(kind, DataType.DOUBLE), unit)
                for name, (unit, kind) in meta.points.items()
            }
        if frame is not None:
            for point, value in zip(frame.points, frame.values, strict=True):
                if point not in self._metrics:
                    self._metrics[point] = self._metric(point, _type_of(value), "")

    def _metric(self, name: str, kind: DataType, unit: str) -> _Metric:
        return _Metric(name, kind, unit, alias_of(self._aliases.of(self._device, name)))

    def _called(self, name: str) -> bytes:
        return name_of(name) + alias_of(self._aliases.of(self._device, name))

    def _born(self, known: _Metric, now_ms: int) -> bytes:
        value, quality, ts_ms = self._last.get(known.name, (None, Quality.STALE, now_ms))
        if not self.online:
            value, quality = None, Quality.STALE
        texts = [("engUnit", known.unit)] if known.unit else []
        properties = property_set([*texts, *_detail(quality)], QUALITY_CODE.get(quality, 0))
        called = name_of(known.name) + known.alias
        return metric(called, value, ts_ms, datatype=known.type, properties=properties)


def _judged(frame: Frame) -> Iterator[tuple[str, Value | None, Quality]]:
    """Each due point; a number that is none is bad, as in the JSON."""
    faults = frame.faults
    for index, (point, value) in enumerate(zip(frame.points, frame.values, strict=True)):
        if isinstance(value, float) and not math.isfinite(value):
            yield point, None, Quality.BAD
        else:
            yield point, value, faults.get(index, Quality.GOOD)


def _about(frame: Frame | None) -> dict[str, Value | int | None]:
    if frame is None:
        return {}
    return {
        "Frame/Seq": frame.seq,
        "Frame/Span": frame.span_ms,
        "Frame/Boot": frame.boot,
        "Frame/Reason": frame.reason,
        "Frame/Unsure": frame.unsure,
    }


def _type_of(value: Value | None) -> DataType:
    if isinstance(value, bool):
        return DataType.BOOLEAN
    return DataType.STRING if isinstance(value, str) else DataType.DOUBLE


def _detail(quality: Quality) -> list[tuple[str, str]]:
    return [] if quality is Quality.GOOD else [("Detail", quality.value)]


_QUALITY_PROPERTIES = {
    quality: property_set(_detail(quality), QUALITY_CODE.get(quality, 0)) for quality in Quality
}
