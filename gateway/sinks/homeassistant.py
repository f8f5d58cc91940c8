"""Home Assistant's MQTT discovery: one retained message per point beside the contract's own JSON. Pure.

Home Assistant then shows each point as an entity that reads our `readings`, and counts it as
available while the site and the device are online. What the site no longer has is taken back:
we listen to what the broker still keeps of us. Keys and templates: home-assistant.io,
integrations `mqtt` (discovery), `sensor.mqtt`, `binary_sensor.mqtt`, `sensor` (device classes).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agent.points import standard
from agent.reading import Frame, Text
from agent.rules.alert import Alert
from gateway.journal.record import Change, Gap
from gateway.sinks.mqtt_format import Format, Heard, Message
from gateway.sinks.mqtt_json import GONE, DeviceMeta, Topics

_CLASSES: Mapping[str, str] = {
    "kW": "power",
    "kWh": "energy",
    "V": "voltage",
    "A": "current",
    "mA": "current",
    "Hz": "frequency",
    "°C": "temperature",
    "W/m²": "irradiance",
    "s": "duration",
    "h": "duration",
    "m/s": "wind_speed",
    "hPa": "atmospheric_pressure",
    "mm": "precipitation",
    "MB": "data_size",
}
"""Unit → device class; only units that Home Assistant takes for that class."""
_CLASSES_BY_NAME: Mapping[str, str] = {
    "soc_pct": "battery",
    "vehicle_soc_pct": "battery",
    "humidity_pct": "humidity",
    "power_factor": "power_factor",
    "capacity_kwh": "energy_storage",
    "mqtt_connected": "connectivity",
    "under_voltage": "problem",
    "throttled": "problem",
}
_TOTALS = frozenset({"energy", "precipitation"})
"""Classes whose values add up and may begin again."""
_OWN_KINDS = frozenset({"gateway", "bus"})
_DIAGNOSTIC = frozenset(
    {"vendor", "model", "serial", "firmware", "device_clock_offset_s", "failed_polls", "good_polls"}
)
_SHORTEST_S = 60
_PERIODS = 5
_AVAILABLE = "{{ 'offline' if value_json.state == 'offline' else 'online' }}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where and in which language we say what there is."""

    prefix: str = "homeassistant"
    lang: str = "en"


class HomeAssistantFormat:
    """See `Format`: all that `inner` says, and the discovery messages.

    Args:
        inner: the JSON that the entities read.
        topics: its topics.
        devices: device id → what it is; read anew each time.
        discovery: prefix and language.
        version: of this software.
    """

    will_at_goodbye = False

    def __init__(
        self,
        inner: Format,
        topics: Topics,
        devices: Mapping[str, DeviceMeta],
        discovery: Discovery,
        *,
        version: str,
    ) -> None:
        self._inner = inner
        self._topics = topics
        self._devices = devices
        self._discovery = discovery
        self._version = version
        self._us = f"maplebridge_{topics.site}"
        self._stale: deque[str] = deque()

    @property
    def subscriptions(self) -> Sequence[str]:
        return (*self._inner.subscriptions, f"{self._discovery.prefix}/+/{self._us}/+/config")

    @property
    def holds(self) -> bool:
        return self._inner.holds

    def will(self, *, fresh: bool) -> Message:
        return self._inner.will(fresh=fresh)

    def birth(self, now_ms: int, alerts: Iterable[Alert]) -> Iterator[Message]:
        yield from self._inner.birth(now_ms, alerts)
        for device in self._devices:
            yield from self._device(device)

    def farewell(self, now_ms: int) -> Iterable[Message]:
        return self._inner.farewell(now_ms)

    def note(self, frame: Frame) -> Iterator[Message]:
        yield from self._inner.note(frame)
        while self._stale:
            yield Message(self._stale.popleft(), GONE, retain=True)

    def device(self, device: str) -> Iterator[Message]:
        yield from self._inner.device(device)
        yield from self._device(device)

    def frame(self, frame: Frame, *, late: bool) -> Sequence[Message]:
        return self._inner.frame(frame, late=late)

    def gap(self, gap: Gap, *, late: bool) -> Sequence[Message]:
        return self._inner.gap(gap, late=late)

    def change(self, change: Change, *, late: bool, ticket: Mapping[str, Any] | None) -> Sequence[Message]:
        return self._inner.change(change, late=late, ticket=ticket)

    def ticket(self, ticket: str, document: Mapping[str, Any]) -> Iterable[Message]:
        return self._inner.ticket(ticket, document)

    def heard(self, topic: str, payload: bytes) -> Heard:
        """What the broker keeps of us; what is not there any more goes with the next frame."""
        parts = topic.removeprefix(f"{self._discovery.prefix}/").split("/")
        if len(parts) != 4 or parts[1] != self._us or not topic.startswith(f"{self._discovery.prefix}/"):
            return self._inner.heard(topic, payload)
        component, _, entity, _ = parts
        if payload and not self._has(component, entity):
            self._stale.append(topic)
        return Heard.NOTHING

    def _has(self, component: str, entity: str) -> bool:
        """Whether there is such an entity, or may be as soon as the device has told what it is."""
        device, _, point = entity.partition("_")
        meta = self._devices.get(device)
        if meta is None:
            return False
        return not meta.points or (point in meta.points and component == _component(meta.points[point][1]))

    # ---- messages

    def _device(self, device: str) -> Iterator[Message]:
        meta = self._devices[device]
        block = self._block(device, meta)
        available = [
            {"topic": topic, "value_template": _AVAILABLE}
            for topic in (self._topics.status, self._topics.device_status(device))
        ]
        for point, (unit, kind) in meta.points.items():
            entity = f"{device}_{point}"
            document = {
                **_entity(point, unit, kind, meta, self._discovery.lang),
                "unique_id": f"{self._us}_{entity}",
                "default_entity_id": f"{_component(kind)}.{self._topics.site}_{entity}".replace("-", "_"),
                "state_topic": self._topics.readings(device),
                "expire_after": max(_SHORTEST_S, meta.period_ms * _PERIODS // 1_000),
                "availability": available,
                "availability_mode": "all",
                "qos": 1,
                "device": block,
                "origin": {"name": "Maplebridge", "sw_version": self._version},
            }
            topic = f"{self._discovery.prefix}/{_component(kind)}/{self._us}/{entity}/config"
            yield Message(topic, orjson.dumps(document), retain=True)

    def _block(self, device: str, meta: DeviceMeta) -> dict[str, Any]:
        title = meta.title.in_(self._discovery.lang) if meta.title else ""
        said = {
            "identifiers": [f"{self._us}_{device}"],
            "name": f"{device} ({title})" if title else device,
            "manufacturer": meta.vendor,
            "model": meta.model,
            "serial_number": meta.serial,
            "sw_version": self._version if meta.kind in _OWN_KINDS else "",
            "via_device": "" if device == "gateway" else f"{self._us}_gateway",
        }
        return {key: value for key, value in said.items() if value}


def _component(kind: str) -> str:
    return "binary_sensor" if kind == "bool" else "sensor"


def _entity(point: str, unit: str, kind: str, meta: DeviceMeta, lang: str) -> dict[str, Any]:
    """What kind of entity a point is, and how its value is found in a frame."""
    known = standard(point)
    label = meta.labels.get(point) or (known.label if known else Text(point, point))
    found = _CLASSES_BY_NAME.get(point) or _CLASSES.get(unit)
    said: dict[str, Any] = {"name": label.in_(lang), "value_template": _template(point, kind)}
    if found:
        said["device_class"] = found
    if kind == "number":
        if unit:
            said["unit_of_measurement"] = unit
        grows = point in meta.counters or found in _TOTALS
        said["state_class"] = "total_increasing" if grows else "measurement"
    if meta.kind in _OWN_KINDS or point in _DIAGNOSTIC:
        said["entity_category"] = "diagnostic"
    if known is None:
        said["enabled_by_default"] = False
    return said


def _template(point: str, kind: str) -> str:
    """The point's value; unknown where its quality has none; as it was where it was not due.

    A late frame changes nothing. Nor does an empty result, except for texts: these say their state again.
    """
    value = f"value_json['values']['{point}']"
    shown = f"'ON' if {value} else 'OFF'" if kind == "bool" else value
    kept = ""
    if kind == "string":
        kept = (
            "{% else %}{{ this.state if this is defined "
            "and this.state not in ('unknown', 'unavailable') else 'None' }}"
        )
    return (
        f"{{% if value_json.late is not defined and '{point}' in value_json['values'] %}}{{{{ {shown} }}}}"
        f"{{% elif value_json.late is not defined and '{point}' in value_json['quality'] %}}None"
        f"{kept}{{% endif %}}"
    )
