"""The site as a Sparkplug B 3.0 edge node: births, data and deaths of the node and its devices. Pure.

The specification: Eclipse Sparkplug 3.0.0. Nothing can be written by a command: a host may ask for
a rebirth, and whatever else it asks for is counted and left alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from agent.reading import Frame
from agent.rules.alert import Alert
from gateway.journal.record import Change, Gap
from gateway.sinks import mqtt_json
from gateway.sinks.mqtt_format import Heard, Message
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.sparkplug_device import Aliases, SparkplugDevice
from gateway.sinks.sparkplug_host import NAMESPACE, PrimaryHost
from gateway.sinks.sparkplug_wire import DataType, MalformedError, flags, metric, name_of, payload

REBIRTH = "Node Control/Rebirth"


@dataclass(frozen=True, slots=True)
class EdgeNode:
    """Who we are to a host: `spBv1.0/<group>/<type>/<node>[/<device>]`.

    Args:
        group: a valid group id: no `+`, `/` or `#`.
        node: our id in it, unique there.
        primary_host: the host application that we wait for; "" for none.
    """

    group: str
    node: str
    primary_host: str = ""

    def topic(self, kind: str, device: str = "") -> str:
        return f"{NAMESPACE}/{self.group}/{kind}/{self.node}" + (f"/{device}" if device else "")


class SparkplugFormat:
    """See `Format`.

    Args:
        node: who we are.
        devices: device id → what it is; read anew each time.
        boot: of this run.
        version: of this software.
        now_ms: UTC.
        next_birth: the number that joins a birth to its death; another one for each CONNECT.
    """

    def __init__(
        self,
        node: EdgeNode,
        devices: Mapping[str, DeviceMeta],
        *,
        boot: str,
        version: str,
        now_ms: Callable[[], int],
        next_birth: Callable[[], int],
    ) -> None:
        self.ignored = 0
        """Commands that asked for anything but a rebirth."""
        self._node = node
        self._metas = devices
        self._boot = boot
        self._version = version
        self._now_ms = now_ms
        self._next_birth = next_birth
        self._host = PrimaryHost(node.primary_host)
        self._aliases = Aliases()
        self._devices: dict[str, SparkplugDevice] = {}
        self._born = False
        self._birth = 0
        self._seq = 0
        self._open_alerts: set[str] = set()
        self._ignored_told = 0

    @property
    def subscriptions(self) -> Sequence[str]:
        commands = (self._node.topic("NCMD"), self._node.topic("DCMD", "+"))
        return (*commands, self._host.topic) if self._host.topic else commands

    @property
    def holds(self) -> bool:
        return not self._born

    # ---- the node

    will_at_goodbye = True
    """MQTT 5 wants the broker to say the will even when we go on purpose."""

    def will(self, *, fresh: bool) -> Message:
        if fresh:
            self._birth = self._next_birth()
        self._born = False
        self._host.connecting()
        return self._death(self._now_ms())

    def birth(self, now_ms: int, alerts: Iterable[Alert]) -> Sequence[Message]:
        """The node, then each device that answers; nothing before the primary host is there."""
        self._open_alerts = {alert.id for alert in alerts if alert.state != "cleared"}
        if not self._host.online:
            return ()
        self._born = True
        self._ignored_told = self.ignored
        self._seq = 255
        facts: tuple[tuple[str, str | bool | int | None, DataType], ...] = (
            ("bdSeq", self._birth, DataType.INT64),
            (REBIRTH, False, DataType.BOOLEAN),
            ("Properties/Software", "Maplebridge", DataType.STRING),
            ("Properties/Version", self._version, DataType.STRING),
            ("Properties/Boot", self._boot, DataType.STRING),
            ("Alerts/Open", len(self._open_alerts), DataType.INT64),
            ("Commands/Ignored", self.ignored, DataType.INT64),
            ("Events/Change", None, DataType.STRING),
            ("Events/Gap", None, DataType.STRING),
        )
        metrics = [metric(name_of(name), value, now_ms, datatype=kind) for name, value, kind in facts]
        messages = [self._say("NBIRTH", metrics)]
        for device, known in self._devices.items():
            known.born = False
            if known.online:
                messages.append(self._device_birth(device, known, None))
        return messages

    def farewell(self, now_ms: int) -> Sequence[Message]:
        self._born = False
        return (self._death(now_ms),)

    def heard(self, topic: str, payload: bytes) -> Heard:
        if topic == self._host.topic:
            return self._heard_host(payload)
        try:
            asked = flags(payload)
        except MalformedError:
            asked = {}
        if topic == self._node.topic("NCMD") and asked.get(REBIRTH):
            return Heard.BIRTH if self._host.online else Heard.NOTHING
        self.ignored += 1
        return Heard.NOTHING

    def _heard_host(self, payload: bytes) -> Heard:
        if not self._host.heard(payload):
            return Heard.NOTHING
        if self._host.online:
            return Heard.NOTHING if self._born else Heard.BIRTH
        return Heard.LEAVE if self._born else Heard.NOTHING

    # ---- devices

    def note(self, frame: Frame) -> Sequence[Message]:
        """What a birth would say; deaths and births themselves keep their place among the frames."""
        self._device(frame.device).note(frame)
        return ()

    def device(self, device: str) -> Sequence[Message]:
        known = self._devices.get(device)
        if not self._born or known is None or not known.born:
            return ()
        return (self._device_birth(device, known, None),)

    def frame(self, frame: Frame, *, late: bool) -> Sequence[Message]:
        known = self._device(frame.device)
        if not late and frame.failed and not known.online:
            if not known.born:
                return ()
            known.born = False
            return (self._say("DDEATH", (), frame.device),)
        messages = []
        if not known.born or known.lacks(frame):
            messages.append(self._device_birth(frame.device, known, frame))
        messages.append(self._say("DDATA", known.data(frame, late=late), frame.device))
        return messages

    def _device(self, device: str) -> SparkplugDevice:
        known = self._devices.get(device)
        if known is None:
            known = self._devices[device] = SparkplugDevice(device, self._aliases, self._boot)
        return known

    def _device_birth(self, device: str, known: SparkplugDevice, frame: Frame | None) -> Message:
        return self._say("DBIRTH", known.birth(self._metas.get(device), frame, self._now_ms()), device)

    # ---- what happens at the site

    def gap(self, gap: Gap, *, late: bool) -> Sequence[Message]:
        document = {"device": gap.device, **gap.document()}
        return (self._event("Events/Gap", document, gap.to_ms, late=late or gap.boot != self._boot),)

    def change(self, change: Change, *, late: bool, ticket: Mapping[str, Any] | None) -> Sequence[Message]:
        if not late and "alert" in change.body:
            alert = change.body["alert"]
            keep = self._open_alerts.discard if alert["state"] == "cleared" else self._open_alerts.add
            keep(alert["id"])
        document = orjson.loads(mqtt_json.change(change, late=late))
        return (self._event("Events/Change", document, change.ts_ms, late=late),)

    def ticket(self, ticket: str, document: Mapping[str, Any]) -> Sequence[Message]:
        """A node has no retained picture: the changes tell a ticket's story."""
        return ()

    def _event(self, name: str, document: Mapping[str, Any], ts_ms: int, *, late: bool) -> Message:
        said = orjson.dumps(document).decode()
        metrics = [metric(name_of(name), said, ts_ms, historical=late)]
        if name == "Events/Change" and not late:
            metrics.append(metric(name_of("Alerts/Open"), len(self._open_alerts), ts_ms))
        if self._ignored_told != self.ignored:
            self._ignored_told = self.ignored
            metrics.append(metric(name_of("Commands/Ignored"), self.ignored, self._now_ms()))
        return self._say("NDATA", metrics)

    # ---- messages

    def _say(self, kind: str, metrics: Sequence[bytes], device: str = "") -> Message:
        """The next message of this session; QoS 0, because the specification numbers them instead."""
        self._seq = (self._seq + 1) % 256
        said = payload(self._now_ms(), metrics, self._seq)
        return Message(self._node.topic(kind, device), said, qos=0)

    def _death(self, now_ms: int) -> Message:
        number = metric(name_of("bdSeq"), self._birth, now_ms, datatype=DataType.INT64)
        return Message(self._node.topic("NDEATH"), payload(now_ms, (number,), None), qos=1)
