"""Frames and alert changes as InfluxDB line protocol, in milliseconds; no client and no state but keys.

Measurement = the device's (main) kind, tags `site` and `device`, one field per
point with a value, plus `seq` and `bad`. Writing a line twice changes nothing.
`clock="estimated"` marks the lines of a boot that never learned its time.
"""

import math
from collections.abc import Mapping

from agent.reading import Frame, Value
from gateway.journal.record import Change

_MEASUREMENT = str.maketrans({"\\": "\\\\", ",": "\\,", " ": "\\ ", "\n": "\\ ", "\r": "\\ "})
_KEY = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\r": "\\ "})
_TEXT = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": " ", "\r": " "})
_PLANS_KEPT = 1_000


class LineEncoder:
    """Lines of one site.

    Args:
        site: the site's id.
        kinds: device id → kind; asked for each device once.
    """

    def __init__(self, site: str, kinds: Mapping[str, str]) -> None:
        self._site = escaped_key(site)
        self._kinds = kinds
        self._heads: dict[str, str] = {}
        self._fields: dict[tuple[str, ...], tuple[str, ...]] = {}

    def frame(self, frame: Frame) -> str:
        """One line; a failed poll has only `seq` and `bad`.

        Raises:
            KeyError: the device is none of the site's.
        """
        head = self._heads.get(frame.device) or self._head(frame.device)
        if frame.reason is not None:
            return f"{head}seq={frame.seq}i,bad={len(frame.points)}i{_clock(frame)} {frame.ts_ms}"
        keys = self._fields.get(frame.points) or self._keys(frame.points)
        fields = [
            key + repr(value) if value.__class__ is float else key + field_value(value)
            for key, value in zip(keys, frame.values, strict=True)
            if value is not None
        ]
        own = f"seq={frame.seq}i,bad={len(frame.faults)}i{_clock(frame)}"
        line = f"{head}{','.join(fields)}{',' if fields else ''}{own} {frame.ts_ms}"
        # repr of infinity and NaN is no line protocol; both are rare, so look before leaping
        return self._finite(frame, head, keys) if "=nan" in line or "inf" in line else line

    def alert(self, change: Change) -> str | None:
        """The line of an alert change; None for a ticket change."""
        alert = change.body.get("alert")
        if alert is None:
            return None
        tags = (
            f"site={self._site},device={alert['device'].translate(_KEY)},rule={alert['rule'].translate(_KEY)}"
        )
        if alert["channel"] is not None:
            tags += f",channel={alert['channel']}"
        return (
            f"alert,{tags} state={field_value(alert['state'])},severity={field_value(alert['severity'])},"
            f"id={field_value(alert['id'])}{_clock(change)} {change.ts_ms}"
        )

    def _head(self, device: str) -> str:
        kind = self._kinds[device].translate(_MEASUREMENT)
        head = self._heads[device] = f"{kind},site={self._site},device={device.translate(_KEY)} "
        return head

    def _keys(self, points: tuple[str, ...]) -> tuple[str, ...]:
        if len(self._fields) >= _PLANS_KEPT:
            self._fields.clear()
        keys = self._fields[points] = tuple(f"{point.translate(_KEY)}=" for point in points)
        return keys

    def _finite(self, frame: Frame, head: str, keys: tuple[str, ...]) -> str:
        fields = []
        bad = set(frame.faults)
        for index, (key, value) in enumerate(zip(keys, frame.values, strict=True)):
            if value is None:
                continue
            if isinstance(value, float) and not math.isfinite(value):
                bad.add(index)
                continue
            fields.append(key + field_value(value))
        own = f"seq={frame.seq}i,bad={len(bad)}i{_clock(frame)}"
        return ",".join([head + own, *fields]) + f" {frame.ts_ms}"


def _clock(entry: Frame | Change) -> str:
    return ',clock="estimated"' if entry.unsure else ""


def escaped_measurement(name: str) -> str:
    return name.translate(_MEASUREMENT)


def escaped_key(name: str) -> str:
    """A tag, its value, or a field's name."""
    return name.translate(_KEY)


def field_value(value: Value) -> str:
    """A field's value with its type."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return f'"{value.translate(_TEXT)}"'
    return repr(float(value))
