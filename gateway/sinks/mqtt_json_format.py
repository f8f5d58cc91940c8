"""The contract's own JSON as a format: the retained picture, frames, gaps and changes. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agent.reading import Frame
from agent.rules.alert import Alert
from gateway.journal.record import Change, Gap
from gateway.sinks import mqtt_json
from gateway.sinks.mqtt_format import Heard, Message
from gateway.sinks.mqtt_json import DeviceMeta, SiteState, Topics
from gateway.sinks.mqtt_picture import DevicePicture


class JsonFormat:
    """See `Format`.

    Args:
        topics: the site's topic names.
        devices: device id → what it is; read anew each time.
        boot: of this run.
        version: of this software.
        since_ms: when we began not to know the devices' states.
    """

    def __init__(
        self, topics: Topics, devices: Mapping[str, DeviceMeta], *, boot: str, version: str, since_ms: int
    ) -> None:
        self._topics = topics
        self._devices = devices
        self._boot = boot
        self._version = version
        self._picture = DevicePicture(topics, devices, since_ms)

    subscriptions: Sequence[str] = ()
    holds = False
    will_at_goodbye = False

    def will(self, *, fresh: bool) -> Message:  # every will is the same
        return self._status("offline", None)

    def birth(self, now_ms: int, alerts: Iterable[Alert]) -> Iterator[Message]:
        for topic, payload in self._picture.messages():
            yield Message(topic, payload, retain=True)
        for alert in alerts:
            if alert.state != "cleared":
                yield Message(self._topics.alert(alert.id), mqtt_json.alert(alert.document()), retain=True)
        yield self._status("online", now_ms)

    def farewell(self, now_ms: int) -> Iterator[Message]:
        yield self._status("offline", now_ms)

    def note(self, frame: Frame) -> Iterator[Message]:
        return self._retained(self._picture.status(frame.device)) if self._picture.note(frame) else iter(())

    def device(self, device: str) -> Iterator[Message]:
        return self._retained(self._picture.meta(device))

    def frame(self, frame: Frame, *, late: bool) -> Sequence[Message]:
        return (Message(self._topics.readings(frame.device), mqtt_json.readings(frame, late=late)),)

    def gap(self, gap: Gap, *, late: bool) -> Sequence[Message]:
        payload = mqtt_json.gap(gap, late=late or gap.boot != self._boot)
        devices = list(self._devices) if gap.device == "*" else [gap.device]
        return [Message(self._topics.gaps(device), payload) for device in devices]

    def change(self, change: Change, *, late: bool, ticket: Mapping[str, Any] | None) -> Sequence[Message]:
        """Before the change itself what it does to the picture.

        The last word of an alert or ticket and its removal belong to the change; a late
        change that is not the last word says nothing new, for the picture went before it.
        """
        said = Message(self._topics.changes, mqtt_json.change(change, late=late))
        if "alert" in change.body:
            document = change.body["alert"]
            topic, payload = self._topics.alert(document["id"]), mqtt_json.alert(document)
            ended = document["state"] == "cleared"
        elif ticket is not None:
            topic, payload = self._topics.ticket(change.body["ticket"]), mqtt_json.ticket(ticket)
            ended = ticket["state"] in mqtt_json.ENDED_TICKETS
        else:
            return (said,)
        shown = Message(topic, payload, retain=True)
        if ended:
            return (shown, Message(topic, mqtt_json.GONE, retain=True), said)
        return (said,) if late else (shown, said)

    def ticket(self, ticket: str, document: Mapping[str, Any]) -> Iterator[Message]:
        ended = document["state"] in mqtt_json.ENDED_TICKETS
        return self._retained(
            (self._topics.ticket(ticket), mqtt_json.GONE if ended else mqtt_json.ticket(document))
        )

    def heard(self, topic: str, payload: bytes) -> Heard:  # it subscribes to nothing
        return Heard.NOTHING

    def _status(self, state: SiteState, since_ms: int | None) -> Message:
        payload = mqtt_json.site_status(state, since_ms=since_ms, boot=self._boot, version=self._version)
        return Message(self._topics.status, payload, retain=True)

    def _retained(self, said: tuple[str, bytes]) -> Iterator[Message]:
        yield Message(*said, retain=True)
