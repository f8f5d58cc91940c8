"""Tells a broker what happens: live frames first, what was missed beside them, the picture retained.

A reader of the journal. Without a station a PUBACK settles a record; nothing is
dropped here, and nothing is kept in memory that the journal can give again. The
connection is ours to mend: it breaks, it is tried again with growing, jittered
delays, and a broker that is silent or acknowledges nothing counts as broken.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiomqtt import MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.reading import Frame
from agent.rules.alert import Alert
from gateway.journal.journal import Journal
from gateway.journal.record import Position, Record
from gateway.secret import SecretError
from gateway.sinks import mqtt_json
from gateway.sinks.backoff import BackOff
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt_json import DeviceMeta, Topics
from gateway.sinks.mqtt_link import Link, ProtocolRefusedError, Target
from gateway.sinks.mqtt_outbox import Delivery, OpenTickets, Outbox, TicketDocument
from gateway.sinks.mqtt_picture import DevicePicture, alert_messages
from gateway.sinks.mqtt_target import target_of

log = structlog.get_logger(__name__)

_IDLE_S = 1.0
_HUNGRY_S = 0.05
_BUSY = frozenset({0x88, 0x89, 0x97, 0x9F})
"""Reasons of a refusal that pass: unavailable, busy, quota, connection rate (MQTT 5, §2.4)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient and how fast.

    Args:
        keepalive_s: a silent broker is noticed after about 1.3 times this.
        connect_s: for the connection and for its acknowledgement.
        stall_s: messages in flight without any acknowledgement for this long: the broker is dead.
        retry_first_ms, retry_cap_ms: between attempts to connect.
        refused_ms: at least this long after the broker refused us or one of our messages.
        holds_ms: a connection that lasted this long was a good one: the next attempt comes soon again.
        taken_over_ms: at least this long after another client took our identity.
        backlog_per_s: frames sent late each second beside the live ones.
        farewell_s: for the last word when we stop.
    """

    keepalive_s: int = 20
    connect_s: float = 8.0
    stall_s: float = 15.0
    retry_first_ms: int = 2_000
    retry_cap_ms: int = 60_000
    refused_ms: int = 60_000
    holds_ms: int = 5_000
    taken_over_ms: int = 5_000
    backlog_per_s: int = 500
    farewell_s: float = 1.5


async def _no_ticket(_ticket_id: str) -> Mapping[str, Any] | None:
    return None


async def _no_tickets() -> Iterable[str]:
    return ()


class MqttSink:
    """One broker.

    Args:
        config: the `mqtt:` block; its name is the reader's name in the journal.
        journal: the log to read.
        clock: for `since` and for pauses.
        site: the site's id.
        version: of this software, for the site's status.
        devices: device id → what it is; may change, then call `announce`.
        secrets: the folder that secret files are looked up in.
        open_alerts: the alerts that are open now.
        open_tickets: ids of the tickets that are open now.
        ticket_document: a ticket's document.
        embedded_at: where the embedded broker listens.
        pace: how patient and how fast.
    """

    def __init__(
        self,
        config: MqttConfig,
        journal: Journal,
        clock: Clock,
        *,
        site: str,
        version: str,
        devices: Mapping[str, DeviceMeta],
        secrets: Path,
        open_alerts: Callable[[], Iterable[Alert]] = tuple,
        open_tickets: OpenTickets = _no_tickets,
        ticket_document: TicketDocument = _no_ticket,
        embedded_at: tuple[str, int] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.name = config.name
        self.connected = False
        self.first_sent = asyncio.Event()
        """Set when the first frame has been acknowledged."""
        self._config = config
        self._journal = journal
        self._clock = clock
        self._version = version
        self._secrets = secrets
        self._embedded_at = embedded_at
        self._open_alerts = open_alerts
        self._open_tickets = open_tickets
        self._pace = pace or Pace()
        self._topics = Topics(config.root, site)
        self._site = site
        self._picture = DevicePicture(self._topics, devices, clock.utc_ms())
        self._outbox = Outbox(
            config.name,
            journal,
            clock,
            self._topics,
            devices=devices,
            ticket_document=ticket_document,
            backlog_per_s=self._pace.backlog_per_s,
            refused_ms=self._pace.refused_ms,
            on_sent=self.first_sent.set,
        )
        self._seen: Position = 0
        self._trouble: str | None = None
        # the embedded broker is silent to MQTT 5, so do not wait for its answer
        self._first_protocol = ProtocolVersion.V311 if config.embedded else ProtocolVersion.V5
        self._protocol = self._first_protocol
        self._connected_ms: int | None = None
        self._wake = asyncio.Event()

    @property
    def published(self) -> int:
        """Messages that the broker acknowledged."""
        return self._outbox.published

    @property
    def refused(self) -> int:
        """Messages that the broker refused; they are kept, not lost."""
        return self._outbox.refused

    def announce(self, device: str) -> None:
        """What a device is has become known, or has changed: publish its meta again."""
        topic, payload = self._picture.meta(device)
        self._outbox.retained[topic] = payload
        self._wake.set()

    async def run(self) -> None:
        """Follow the journal until cancelled; says `offline` at the end, if it can."""
        self._seen = self._journal.head()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name=f"sink:{self.name}:follow")
            tasks.create_task(self._stay_connected(), name=f"sink:{self.name}:link")

    async def _follow(self) -> None:
        while True:
            await self._journal.wait(self._seen)
            for record in await self._journal.read(self._seen):
                self._note(record)
            self._wake.set()

    def _note(self, record: Record) -> None:
        self._seen = record.position
        entry = record.entry
        if isinstance(entry, Frame) and self._picture.note(entry) and self.connected:
            topic, payload = self._picture.status(entry.device)
            self._outbox.retained[topic] = payload
        self._outbox.committed(record, connected=self.connected)

    # the connection

    async def _stay_connected(self) -> None:
        backoff = BackOff(self._pace.retry_first_ms, self._pace.retry_cap_ms)
        while True:
            self._connected_ms = None
            at_least_ms = 0
            try:
                await self._session()
            except MqttConnectError as refused:
                at_least_ms = 0 if _passes(refused.rc) else self._pace.refused_ms
                self._broken(f"refused: {refused}")
            except MqttError as lost:
                at_least_ms = self._pace.taken_over_ms if "taken over" in str(lost) else 0
                self._broken(str(lost))
            except (SecretError, ssl.SSLError) as unusable:
                at_least_ms = self._pace.refused_ms
                self._broken(str(unusable))
            now_ms = self._clock.monotonic_ms()
            if self._held(now_ms):
                backoff.reset()
            await self._clock.sleep_until(now_ms + backoff.next_ms(at_least_ms))

    def _held(self, now_ms: int) -> bool:
        return self._connected_ms is not None and now_ms - self._connected_ms > self._pace.holds_ms

    def _broken(self, why: str) -> None:
        if self._trouble is None:
            log.warning("mqtt.broken", sink=self.name, why=why)
        self._trouble = why

    async def _session(self) -> None:
        """One connection, from the birth to its end.

        Raises:
            MqttError: it could not be made, or is lost.
            SecretError, ssl.SSLError: what the configuration names cannot be used.
        """
        target = await asyncio.to_thread(
            target_of, self._config, self._site, self._secrets, self._embedded_at
        )
        link = await self._open(target)
        try:
            self.connected = True
            self._connected_ms = self._clock.monotonic_ms()
            log.info("mqtt.connected", sink=self.name, protocol=self._protocol.name, after=self._trouble)
            self._trouble = None
            self._begin()
            await self._pump(link)
        except asyncio.CancelledError:
            await self._farewell(link)
            raise
        finally:
            self.connected = False
            link.abort()

    async def _open(self, target: Target) -> Link[Delivery | None]:
        """Connect with MQTT 5, or with 3.1.1 where the broker knows no better."""
        link = self._link(target, self._protocol)
        try:
            await link.open()
        except ProtocolRefusedError:
            if self._protocol is ProtocolVersion.V311:
                self._protocol = self._first_protocol
                raise
            link = self._link(target, ProtocolVersion.V311)
            await link.open()
            self._protocol = ProtocolVersion.V311
        return link

    def _link(self, target: Target, protocol: ProtocolVersion) -> Link[Delivery | None]:
        will = Will(self._topics.status, self._site_status("offline", None), qos=1, retain=True)
        return Link(
            target,
            protocol,
            will,
            on_ack=self._outbox.acknowledged,
            on_news=self._wake.set,
            keepalive_s=self._pace.keepalive_s,
            timeout_s=self._pace.connect_s,
        )

    def _site_status(self, state: mqtt_json.SiteState, since_ms: int | None) -> bytes:
        return mqtt_json.site_status(state, since_ms=since_ms, boot=self._clock.boot, version=self._version)

    def _begin(self) -> None:
        """What a new connection starts with: the picture, and all that the last one left open."""
        self._outbox.begin(self._seen)
        retained = self._outbox.retained
        retained.update(self._picture.messages())
        retained.update(alert_messages(self._topics, self._open_alerts()))
        retained[self._topics.status] = self._site_status("online", self._clock.utc_ms())

    async def _farewell(self, link: Link[Delivery | None]) -> None:
        """Say that we go on purpose; the broker then keeps the will to itself."""
        try:
            async with asyncio.timeout(self._pace.farewell_s):
                offline = self._site_status("offline", self._clock.utc_ms())
                link.send(self._topics.status, offline, None, retain=True)
                while link.in_flight:
                    self._wake.clear()
                    link.check()
                    await self._wake.wait()
                await link.close()
        except (MqttError, TimeoutError) as failed:
            log.info("mqtt.left_without_goodbye", sink=self.name, why=str(failed))
        self._outbox.settle()

    async def _pump(self, link: Link[Delivery | None]) -> None:
        """Keep the window filled; returns only by raising."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            link.check()
            if link.stalled_s() > self._pace.stall_s:
                raise MqttError(f"nothing was acknowledged for {self._pace.stall_s:g} s")
            await self._outbox.complete_picture(self._open_tickets)
            await self._outbox.load_gaps()
            await self._outbox.send_news(link)
            hungry = await self._outbox.send_backlog(link)
            self._outbox.settle()
            await self._outbox.set_aside()
            alarm = loop.call_later(_HUNGRY_S if hungry else _IDLE_S, self._wake.set)
            await self._wake.wait()
            alarm.cancel()


def _passes(reason: int | ReasonCode | None) -> bool:
    return isinstance(reason, ReasonCode) and reason.value in _BUSY
