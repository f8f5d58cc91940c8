"""The documents of devices: `docs/api.md` names their shapes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.profile import Kind
from agent.reading import Frame, Quality
from agent.reason import reason, set_bits
from gateway.console.picture import Picture, Seen
from gateway.console.ports import DeviceFacts, Json, PointFacts, RawPoll
from gateway.live import Live

_HEADLINE: Mapping[Kind, tuple[str, ...]] = {
    "inverter": ("ac_power_kw", "state", "energy_today_kwh", "temperature_c"),
    "battery": ("soc_pct", "battery_power_kw", "state", "cell_temperature_max_c"),
    "charger": ("connector_state", "charging_power_kw", "session_energy_kwh"),
    "meter": ("active_power_kw", "energy_import_kwh", "energy_export_kwh"),
    "weather": ("irradiance_poa_w_m2", "module_temperature_c", "ambient_temperature_c"),
    "gateway": ("cpu_pct", "memory_available_pct", "disk_used_pct", "backlog_age_s"),
    "bus": ("load_pct", "cycle_s", "errors_pct", "devices_silent"),
    "ledger": (),
}

STATE_NAMES: Mapping[bool | None, str] = {None: "unknown", True: "online", False: "offline"}


def frame_document(frame: Frame, only: frozenset[str] | None = None) -> Json:
    """A frame as MQTT carries it; with `only`, cut down to those points."""
    document: Json = {"ts": frame.ts_ms, "boot": frame.boot, "seq": frame.seq}
    if frame.reason is not None:
        document |= {"values": {}, "quality": {"*": "bad"}, "reason": frame.reason}
    else:
        document["values"] = {
            point: value
            for point, value in zip(frame.points, frame.values, strict=True)
            if value is not None and (only is None or point in only)
        }
        document["quality"] = {
            frame.points[index]: quality.value
            for index, quality in frame.faults.items()
            if only is None or frame.points[index] in only
        }
    document["span_ms"] = frame.span_ms
    if frame.unsure:
        document["clock"] = "unsure"
    return document


def headline(device: DeviceFacts) -> tuple[str, ...]:
    """The few points that tell how the device is."""
    wanted = dict.fromkeys(point for kind in device.kinds for point in _HEADLINE[kind])
    return tuple(point for point in wanted if point in device.points) or tuple(device.points)[:3]


def count_alerts(alerts: Iterable[Mapping[str, Any]]) -> Json:
    """Open alerts by severity; suppressed ones are not annunciated and stand apart."""
    counts = {"critical": 0, "high": 0, "medium": 0, "low": 0, "shelved": 0, "unacknowledged": 0}
    for alert in alerts:
        suppressed = alert["suppressed"]
        if suppressed is not None:
            counts["shelved"] += suppressed["by"] == "shelved"
        elif alert["severity"] in counts:
            counts[alert["severity"]] += 1
            counts["unacknowledged"] += alert["acknowledged"] is None
    return counts


class DeviceView:
    """Builds a device's documents from facts, live values and the last raw words."""

    def __init__(self, site: str, live: Live, picture: Picture) -> None:
        self._site = site
        self._live = live
        self._picture = picture

    def summary(self, device: DeviceFacts, alerts: Sequence[Json], raw: RawPoll | None) -> Json:
        shown = headline(device)
        return self._document(device, alerts, raw, shown, shown, with_raw=False)

    def full(
        self, device: DeviceFacts, alerts: Sequence[Json], raw: RawPoll | None, *, with_raw: bool = False
    ) -> Json:
        document = self._document(
            device, alerts, raw, headline(device), self._all_points(device), with_raw=with_raw
        )
        if with_raw:
            document["raw"] = {"blocks": [_block(block) for block in raw.blocks] if raw else []}
        return document

    def _all_points(self, device: DeviceFacts) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*device.points, *self._live.values.get(device.id, {}))))

    def _document(
        self,
        device: DeviceFacts,
        alerts: Sequence[Json],
        raw: RawPoll | None,
        shown: tuple[str, ...],
        points: tuple[str, ...],
        *,
        with_raw: bool,
    ) -> Json:
        last = self._live.last.get(device.id)
        answered = self._live.last_answered.get(device.id)
        online = self._picture.online(device)
        names = self._all_points(device)
        seen = [self._picture.seen(device, point) for point in names]
        return {
            "site": self._site,
            "id": device.id,
            "profile": device.profile,
            "title": device.title.document(),
            "vendor": device.vendor,
            "model": device.model,
            "serial": device.serial,
            "kind": device.kind,
            "also": device.also,
            "role": device.role,
            "parent": device.parent,
            "bus": device.bus,
            "unit": device.unit,
            "labels": dict(device.labels),
            "rated_kw": device.rated_kw,
            "rated_kwp": device.rated_kwp,
            "rated_kwh": device.rated_kwh,
            "period_ms": device.period_ms,
            "state": STATE_NAMES[online],
            "since": self._picture.since_ms(device),
            "ts": answered.ts_ms if answered else None,
            "age_ms": self._picture.age_ms(answered) if answered else None,
            "poll": self._poll(last),
            "frame": frame_document(last) if last else None,
            "points_good": sum(s is not None and s.quality is Quality.GOOD for s in seen),
            "points_absent": sum(s is not None and s.quality is Quality.ABSENT for s in seen),
            "points_total": len(names),
            "alerts": count_alerts(alert for alert in alerts if alert["device"] == device.id),
            "headline": shown,
            "points": {point: self._point(device, point, raw, with_raw=with_raw) for point in points},
        }

    def _poll(self, last: Frame | None) -> Json | None:
        if last is None:
            return None
        return {
            "ts": last.ts_ms,
            "age_ms": self._picture.age_ms(last),
            "failed": last.failed,
            "reason": last.reason,
            "span_ms": last.span_ms,
        }

    def _point(self, device: DeviceFacts, point: str, raw: RawPoll | None, *, with_raw: bool) -> Json:
        facts = device.points.get(point)
        seen = self._picture.seen(device, point) or Seen(None, Quality.STALE, None, None)
        good = seen.quality is Quality.GOOD
        failed = seen.frame is not None and seen.frame.failed  # then no register is to blame
        why = None if good else _why(seen, point, raw)
        document: Json = {
            "value": seen.value,
            "quality": seen.quality.value,
            "unit": facts.unit if facts else "",
            "type": facts.type if facts else "number",
            "label": facts.label.document() if facts else {"en": point, "zh": point},
            "meaning": facts.meaning.document() if facts and facts.meaning else None,
            "ts": seen.ts_ms,
            "age_ms": seen.age_ms,
            "period_ms": facts.period_ms if facts else device.period_ms,
            "range": facts.range if facts else None,
            "counter": facts.counter if facts else False,
            "why": why,
            "why_text": None if why is None else reason(why).document(),
            "where": _where(facts) if facts and (with_raw or (not good and not failed)) else None,
            "words": _words(facts, raw) if facts and raw and (with_raw or not good) else None,
            "last": None if seen.quality.has_value else self._picture.last_good_document(device.id, point),
        }
        if facts is not None and facts.bits is not None:
            bits = set_bits(facts.bits, seen.value)
            document["bits"] = [{"bit": number, "text": text.document()} for number, text in bits]
        return document


def _why(seen: Seen, point: str, raw: RawPoll | None) -> str:
    if seen.frame is None:
        return "not read yet"
    if seen.frame.reason is not None:
        return f"no good reply ({seen.frame.reason})"
    if raw is not None and point in raw.why:
        return raw.why[point]
    if seen.quality is Quality.STALE:
        return "older than three poll periods"
    return "the device says: not available" if seen.quality is Quality.ABSENT else "not trusted"


def _words(facts: PointFacts, raw: RawPoll) -> list[int] | None:
    if facts.words is None:
        return None
    table, start, count = facts.words
    for block in raw.blocks:
        offset = start - block.start
        if block.table == table and offset >= 0 and offset + count <= len(block.words):
            return [int(word) for word in block.words[offset : offset + count]]
    return None


def _where(facts: PointFacts) -> Json | None:
    return None if facts.words is None else dict(zip(("table", "start", "count"), facts.words, strict=True))


def _block(block: Any) -> Json:
    return {
        "table": block.table,
        "start": block.start,
        "count": len(block.words),
        "words": [int(word) for word in block.words],
        "ts": block.ts_ms,
    }
