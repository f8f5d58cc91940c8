"""Tells a broker what happens: live frames first, what was missed beside them, the picture retained.

A reader of the journal. Without a station a PUBACK settles a record, with one only its receipt;
nothing is dropped here, and nothing is kept in memory that the journal can give again. The
connection is ours to mend: it breaks, it is tried again with growing, jittered delays, and a
broker that is silent or acknowledges nothing counts as broken.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
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
from gateway.sinks.backoff import BackOff
from gateway.sinks.config import MqttConfig
from gateway.sinks.live import read_live, wait_live
from gateway.sinks.mqtt_format import Heard
from gateway.sinks.mqtt_formats import format_of
from gateway.sinks.mqtt_json import DeviceMeta, Topics
from gateway.sinks.mqtt_link import (
    HungUpError,
    Link,
    ProtocolRefusedError,
    TakenOverError,
    Target,
    UntrustedError,
)
from gateway.sinks.mqtt_outbox import Delivery, Outbox
from gateway.sinks.mqtt_pace import Pace, Pacer
from gateway.sinks.mqtt_receipts import Sent
from gateway.sinks.mqtt_rival import Rival
from gateway.sinks.mqtt_station import AskDesk, Station
from gateway.sinks.mqtt_target import target_of
from gateway.sinks.mqtt_tickets import OpenTickets, TicketDocument, Tickets

log = structlog.get_logger(__name__)

_IDLE_S = 1.0
_HUNGRY_S = 0.05
_BUSY = frozenset({0x88, 0x89, 0x97, 0x9F})
"""Reasons of a refusal that pass: unavailable, busy, quota, connection rate (MQTT 5, §2.4)."""


async def _no_ticket(_ticket_id: str) -> Mapping[str, Any] | None:
    return None


async def _no_tickets() -> Iterable[str]:
    return ()


async def _no_desk(request: Mapping[str, Any], station: str) -> None:
    log.warning("mqtt.no_desk", station=station, key=request.get("key"))


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
        state: the folder of the site's state.
        open_alerts: alerts for the retained picture, asked at each connection.
        open_tickets: ids of the open tickets, asked likewise.
        ticket_document: the document of a ticket.
        ask_desk: takes the requests of the station, where one is configured.
        embedded_at: where the embedded broker listens, if it is the one.
        pace: patience and speed.
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
        state: Path,
        open_alerts: Callable[[], Iterable[Alert]] = tuple,
        open_tickets: OpenTickets = _no_tickets,
        ticket_document: TicketDocument = _no_ticket,
        ask_desk: AskDesk = _no_desk,
        embedded_at: tuple[str, int] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.name = config.name
        self.connected = False
        self.trouble: str | None = None
        """Why there is no connection."""
        self.first_sent = asyncio.Event()
        """Set when the first frame has been acknowledged."""
        self._config = config
        self._journal = journal
        self._clock = clock
        self._secrets = secrets
        self._embedded_at = embedded_at
        self._open_alerts = open_alerts
        self._pace = pace or Pace()
        self._site = site
        self._format = format_of(
            config, site=site, version=version, devices=devices, clock=clock, folder=state
        )
        self._outbox = Outbox(
            config.name,
            journal,
            clock,
            self._format,
            tickets=Tickets(config.name, clock, open_tickets=open_tickets, document=ticket_document),
            pacer=Pacer(self._pace.backlog_per_s),
            refused_ms=self._pace.refused_ms,
            sent=None if config.station is None else Sent(self._pace.receipt_ms),
            on_sent=self.first_sent.set,
        )
        self.station: Station | None = None
        """Who confirms what it has stored; None where a PUBACK settles."""
        if config.station is not None:
            topics, confirmed = Topics(config.root, site), self._outbox.confirmed
            self.station = Station(
                config.station, topics, config.name, confirmed=confirmed, ask_desk=ask_desk
            )
        self._seen: Position = 0
        self._dropped = 0
        # the embedded broker is silent to MQTT 5, so do not wait for its answer
        self._first_protocol = ProtocolVersion.V311 if config.embedded else ProtocolVersion.V5
        self._protocol = self._first_protocol
        self._reached = True
        self._leaving = False
        self._connected_ms: int | None = None
        self._rival = Rival()
        self._wake = asyncio.Event()

    @property
    def published(self) -> int:
        """Messages that the broker acknowledged."""
        return self._outbox.published

    @property
    def refused(self) -> int:
        """Messages that the broker refused; they are kept, not lost."""
        return self._outbox.refused

    @property
    def dropped(self) -> int:
        """Messages of others that were too large or made no sense."""
        return self._dropped + (0 if self.station is None else self.station.dropped)

    @property
    def identity_in_use(self) -> bool:
        """Whether another client has connected with our client id lately."""
        return self._rival.is_there(self._clock.monotonic_ms())

    def announce(self, device: str) -> None:
        """What a device is has become known, or has changed: say it again."""
        if self.connected:
            self._outbox.say(self._format.device(device))
            self._wake.set()

    async def run(self) -> None:
        """Follow the journal until cancelled; says `offline` at the end, if it can."""
        self._seen = self._journal.head()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name=f"sink:{self.name}:follow")
            tasks.create_task(self._stay_connected(), name=f"sink:{self.name}:link")
            if self.station is not None:
                tasks.create_task(self.station.run(), name=f"sink:{self.name}:station")

    async def _follow(self) -> None:
        while True:
            await wait_live(self._journal, self._seen)
            for record in await read_live(self._journal, self._seen):
                self._note(record)
            self._wake.set()

    def _note(self, record: Record) -> None:
        self._seen = record.position
        entry = record.entry
        news = list(self._format.note(entry)) if isinstance(entry, Frame) else []
        if self.connected:
            self._outbox.say(news)
            self._outbox.committed(record)

    # the connection

    async def _stay_connected(self) -> None:
        pace = self._pace
        backoff = BackOff(pace.retry_first_ms, pace.retry_cap_ms, spread_ms=pace.retry_spread_ms)
        while True:
            self._connected_ms = None
            at_least_ms = 0
            try:
                await self._session()
            except MqttConnectError as refused:
                at_least_ms = 0 if _passes(refused.rc) else pace.refused_ms
                self._broken(f"refused: {refused}")
            except TakenOverError as taken:
                at_least_ms = pace.taken_over_ms
                self._rival.taken_over(self._clock.monotonic_ms())
                self._broken(f"{taken}; give each gateway a client_id of its own")
            except HungUpError as closed:
                now_ms = self._clock.monotonic_ms()
                if self._rival.hung_up(now_ms, now_ms - (self._connected_ms or now_ms)):
                    at_least_ms = pace.taken_over_ms
                doubt = "; another client may use our client_id" if self.identity_in_use else ""
                self._broken(f"{closed}{doubt}")
            except (UntrustedError, SecretError, ssl.SSLError) as unusable:
                at_least_ms = pace.refused_ms
                self._broken(str(unusable))
            except MqttError as lost:
                self._broken(str(lost))
            _still_wanted()
            now_ms = self._clock.monotonic_ms()
            if self._connected_ms is None:
                self._rival.unreachable()
            if self._held(now_ms):
                backoff.reset()
            await self._clock.sleep_until(now_ms + backoff.next_ms(at_least_ms))

    def _held(self, now_ms: int) -> bool:
        return self._connected_ms is not None and now_ms - self._connected_ms > self._pace.holds_ms

    def _broken(self, why: str) -> None:
        if self.trouble is None:
            log.warning("mqtt.broken", sink=self.name, why=why)
        self.trouble = why

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
            self._leaving = False
            topics = [*(self.station.topics if self.station else ()), *self._format.subscriptions]
            if topics:
                link.listen(topics)
            self.connected = True
            self._connected_ms = self._clock.monotonic_ms()
            log.info("mqtt.connected", sink=self.name, protocol=self._protocol.name, after=self.trouble)
            self.trouble = None
            head = self._journal.head()
            self._seen = min(self._seen, head)  # what the storage still refuses is said again
            self._outbox.begin(head, self._open_alerts())
            await self._pump(link)
            await self._farewell(link)
        except asyncio.CancelledError:
            await self._farewell(link)
            raise
        finally:
            self.connected = False
            self._dropped += link.dropped
            link.abort()

    async def _open(self, target: Target) -> Link[Delivery | None]:
        """Connect with MQTT 5, or with 3.1.1 where the broker knows no better."""
        try:
            return await self._try(target, self._protocol)
        except ProtocolRefusedError:
            if self._protocol is ProtocolVersion.V311:
                self._protocol = self._first_protocol
                raise
        link = await self._try(target, ProtocolVersion.V311)
        self._protocol = ProtocolVersion.V311
        return link

    async def _try(self, target: Target, protocol: ProtocolVersion) -> Link[Delivery | None]:
        will = self._format.will(fresh=self._reached)
        link: Link[Delivery | None] = Link(
            target,
            protocol,
            Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
            on_ack=self._outbox.acknowledged,
            on_message=self._heard,
            on_news=self._wake.set,
            keepalive_s=self._pace.keepalive_s,
            timeout_s=self._pace.connect_s,
            lasting=self.station is not None,
        )
        try:
            await link.open()
        finally:
            self._reached = link.reached
        return link

    def _heard(self, topic: str, payload: bytes) -> None:
        if self.station is not None and self.station.heard(topic, payload):
            return
        match self._format.heard(topic, payload):
            case Heard.BIRTH:
                self._outbox.birth(self._open_alerts())
            case Heard.LEAVE:
                self._leaving = True
            case Heard.NOTHING:
                pass

    async def _farewell(self, link: Link[Delivery | None]) -> None:
        """Say that we go on purpose; the broker then keeps the will to itself."""
        try:
            async with asyncio.timeout(self._pace.farewell_s):
                for message in self._format.farewell(self._clock.utc_ms()):
                    link.send(message, None)
                while link.in_flight:
                    self._wake.clear()
                    link.check()
                    await self._wake.wait()
                await link.close(with_will=self._format.will_at_goodbye)
        except (MqttError, TimeoutError) as failed:
            log.info("mqtt.left_without_goodbye", sink=self.name, why=str(failed))
        self._outbox.settle()

    async def _pump(self, link: Link[Delivery | None]) -> None:
        """Keep the window filled; returns when the format wants to leave, else only by raising."""
        loop = asyncio.get_running_loop()
        deaf: tuple[str, ...] = ()
        while not self._leaving:
            self._wake.clear()
            link.check()
            if link.stalled_s() > self._pace.stall_s:
                raise MqttError(f"nothing was acknowledged for {self._pace.stall_s:g} s")
            if link.deaf != deaf:
                deaf = link.deaf
                log.error("mqtt.may_not_listen", sink=self.name, topics=deaf)
            hungry = await self._outbox.send(link)
            self._outbox.settle()
            await self._outbox.set_aside()
            alarm = loop.call_later(_HUNGRY_S if hungry else _IDLE_S, self._wake.set)
            await self._wake.wait()
            alarm.cancel()


def _still_wanted() -> None:
    """Before Python 3.12 `wait_for` may answer a cancellation with the end of what it waited for.

    Raises:
        asyncio.CancelledError: this task was told to stop.
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError


def _passes(reason: int | ReasonCode | None) -> bool:
    return isinstance(reason, ReasonCode) and reason.value in _BUSY
