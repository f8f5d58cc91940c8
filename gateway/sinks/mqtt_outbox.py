"""What goes to the broker next, and what became of it.

Order: the retained picture, then alert and ticket changes strictly in order, then
live frames, and beside them the backlog at its pace. A record is settled in the
journal when all its messages are acknowledged; nothing here survives a lost
connection but the changes that were on their way.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.quantity import DAY_MS
from agent.reading import Frame
from gateway.failure import Failure
from gateway.journal.journal import Journal
from gateway.journal.record import Change, Gap, Position, Record
from gateway.sinks import mqtt_json
from gateway.sinks.lanes import Lanes, Settler
from gateway.sinks.mqtt_json import Topics
from gateway.sinks.mqtt_link import Link

log = structlog.get_logger(__name__)

_CHANGES_KEPT = 10_000
_REFUSED_KEPT = 500
_BACKLOG_CHUNK = 100
_GAPS_CHUNK = 20
_GAPS_EVERY_MS = 5_000
_GAPS_AGAIN_MS = 7 * DAY_MS
_DESK_AGAIN_MS = 3_000
_PUBLISH_OVERHEAD = 16
"""Bytes of a PUBLISH packet beside topic and payload, generously."""
_NEVER = frozenset({0x90, 0x95, 0x99})
"""Reasons that no repetition mends: topic name invalid, packet too large, payload format invalid."""

TicketDocument: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""The document of a ticket, None when there is none of this id; a Failure while the desk cannot say."""
OpenTickets: TypeAlias = Callable[[], Awaitable[Iterable[str]]]
"""Ids of the tickets that are open now; a Failure while the desk cannot say."""


@dataclass(slots=True)
class Delivery:
    """A record or gap on its way; done with when all its messages are acknowledged."""

    what: Record | Gap
    waiting: int = 0
    refused: bool = False
    """The broker would not take it now."""
    unsendable: str | None = None
    """Why it never will."""


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    delivery: Delivery | None
    retain: bool = False


class Outbox:
    """The deliveries of one sink, over all its connections.

    Args:
        name: the reader's name in the journal.
        journal: where records come from and are settled.
        clock: for the pace of the backlog.
        topics: the site's topic names.
        devices: ids of the site's devices.
        ticket_document: a ticket's document.
        backlog_per_s: records sent late each second beside the live ones.
        refused_ms: how long a refused record rests.
        on_sent: called when a frame has been acknowledged.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        clock: Clock,
        topics: Topics,
        *,
        devices: Iterable[str],
        ticket_document: TicketDocument,
        backlog_per_s: int,
        refused_ms: int,
        on_sent: Callable[[], None],
    ) -> None:
        self.published = 0
        """Messages that the broker acknowledged."""
        self.refused = 0
        """Messages that it refused."""
        self.retained: dict[str, bytes] = {}
        """Topic → payload waiting to go; the last word per topic is enough."""
        self._name = name
        self._journal = journal
        self._clock = clock
        self._topics = topics
        self._devices = devices
        self._ticket_document = ticket_document
        self._refused_ms = refused_ms
        self._on_sent = on_sent
        self._lanes = Lanes(journal, name)
        self._settler = Settler(journal, name)
        self._pacer = _Pacer(backlog_per_s)
        self._changes: deque[Record] = deque()
        """Changes committed since we run and not yet sent, in order."""
        self._ready: deque[_Message] = deque()
        """Messages of a change that found no room yet; they go before anything else."""
        self._on_their_way: dict[Position, Record] = {}
        """Changes sent and not acknowledged; a lost connection puts them back in front."""
        self._refusals: deque[Record] = deque(maxlen=_REFUSED_KEPT)
        self._refusals_due_ms = 0
        self._unsendable: deque[tuple[Record, str]] = deque()
        self._gap_sent = 0
        self._gap_told = 0
        """Gaps up to this id are acknowledged; nothing of it lasts, so a new run tells the latest again."""
        self._gaps_since_ms = clock.utc_ms() - _GAPS_AGAIN_MS
        self._gaps_due_ms = 0
        self._refusal: str | None = None
        self._to_list = True
        """The open tickets are not yet in the picture."""
        self._to_picture: dict[str, None] = {}
        """Tickets whose document the desk could not give."""
        self._desk_due_ms: int | None = None
        """The desk refuses; when to ask it again."""

    def begin(self, upto: Position) -> None:
        """A new connection: what the last one left open, up to the record `upto`, is late now."""
        self._changes.extendleft(reversed(self._on_their_way.values()))
        self._on_their_way.clear()
        self._ready.clear()
        self._refusals.clear()
        self._gap_sent = self._gap_told
        self._gaps_due_ms = 0
        self.retained.clear()
        self._to_list = True
        self._lanes.begin(upto, without=frozenset(record.position for record in self._changes))

    def committed(self, record: Record, *, connected: bool) -> None:
        """A new record, in order; frames wait in the journal while there is no connection."""
        if isinstance(record.entry, Change) and len(self._changes) < _CHANGES_KEPT:
            self._changes.append(record)
        elif connected:
            self._lanes.committed(record)

    async def load_gaps(self) -> None:
        """Make messages of gaps that nobody was told yet; asks the journal now and then only."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._gaps_due_ms or self._ready:
            return
        gaps = await self._journal.gaps(self._gap_sent, _GAPS_CHUNK)
        self._gaps_due_ms = now_ms if len(gaps) == _GAPS_CHUNK else now_ms + _GAPS_EVERY_MS
        for gap in gaps:
            self._gap_sent = gap.id
            if gap.to_ms < self._gaps_since_ms:
                continue
            devices = list(self._devices) if gap.device == "*" else [gap.device]
            delivery = Delivery(gap, waiting=len(devices))
            payload = mqtt_json.gap(gap, late=gap.boot != self._journal.boot)
            self._ready.extend(_Message(self._topics.gaps(device), payload, delivery) for device in devices)

    def settle(self) -> None:
        """Tell the journal what was acknowledged."""
        self._settler.flush()

    async def send_news(self, link: Link[Delivery | None]) -> None:
        """The retained picture, then changes in order, then live frames."""
        while link.room > 0:
            if self._ready:
                self._publish(link, self._ready.popleft())
            elif self.retained:
                topic = next(iter(self.retained))
                self._publish(link, _Message(topic, self.retained.pop(topic), None, retain=True))
            elif self._changes:
                record = self._changes.popleft()
                await self._send(link, record, late=record.position <= self._lanes.begun_at)
            elif (live := self._lanes.take_live()) is not None:
                await self._send(link, live, late=False)
            else:
                return

    async def send_backlog(self, link: Link[Delivery | None]) -> bool:
        """As much of the backlog as pace and window allow; whether more is waiting for the pace."""
        now_ms = self._clock.monotonic_ms()
        if self._refusals and now_ms >= self._refusals_due_ms:
            while self._refusals:
                self._lanes.again(self._refusals.popleft())
        self._pacer.advance(now_ms)
        while not self._ready and link.room > link.window // 4 and self._pacer.allows():
            await self._lanes.load(_BACKLOG_CHUNK)
            record = self._lanes.take_backlog()
            if record is None:
                return False
            self._pacer.spend()
            await self._send(link, record, late=True)
        return self._lanes.has_backlog and not self._pacer.allows()

    async def _send(self, link: Link[Delivery | None], record: Record, *, late: bool) -> None:
        """Send a frame; make the messages of a change ready, which may be more than there is room for."""
        entry = record.entry
        delivery = Delivery(record)
        if isinstance(entry, Frame):
            if late and entry.unsure:
                entry = self._journal.mended(entry)
            topic, payload = self._topics.readings(entry.device), mqtt_json.readings(entry, late=late)
            delivery.waiting = 1
            self._publish(link, _Message(topic, payload, delivery))
            return
        self._on_their_way[record.position] = record
        messages = await self._retained_of(entry, late=late)
        self._ready.extend(_Message(topic, payload, delivery, retain=True) for topic, payload in messages)
        change = mqtt_json.change(entry, late=late)
        self._ready.append(_Message(self._topics.changes, change, delivery))
        delivery.waiting = len(messages) + 1

    def _publish(self, link: Link[Delivery | None], message: _Message) -> None:
        size = len(message.topic) + len(message.payload) + _PUBLISH_OVERHEAD
        if link.max_bytes is None or size <= link.max_bytes:
            link.send(message.topic, message.payload, message.delivery, retain=message.retain)
            return
        why = f"{len(message.payload)} bytes are more than the broker takes ({link.max_bytes})"
        if message.delivery is None:
            self._say_refused(f"{message.topic}: {why}")
        else:
            message.delivery.unsendable = message.delivery.unsendable or why
            self._less_to_wait_for(message.delivery)

    async def _retained_of(self, change: Change, *, late: bool) -> list[tuple[str, bytes]]:
        """What a change does to the retained picture.

        The last word of an alert or ticket and its removal are part of the change's delivery;
        a late change that is not the last word says nothing new, for the picture went before it.
        """
        if "alert" in change.body:
            document = change.body["alert"]
            topic, payload = self._topics.alert(document["id"]), mqtt_json.alert(document)
            ended = document["state"] == "cleared"
        elif (known := await self._document(change.body["ticket"])) is not None:
            topic, payload = self._topics.ticket(change.body["ticket"]), mqtt_json.ticket(known)
            ended = known["state"] in mqtt_json.ENDED_TICKETS
        else:
            return []
        if ended:
            return [(topic, payload), (topic, mqtt_json.GONE)]
        return [] if late else [(topic, payload)]

    async def _document(self, ticket: str) -> Mapping[str, Any] | None:
        """None also while the desk cannot say; the picture is then completed later."""
        if not self._desk_rests():
            try:
                return await self._ticket_document(ticket)
            except Failure as refusal:
                self._desk_refused(refusal)
        self._to_picture[ticket] = None
        return None

    async def complete_picture(self, open_tickets: OpenTickets) -> None:
        """Put into the retained picture the tickets that it lacks; a desk that refuses is asked again."""
        if self._desk_rests() or not (self._to_list or self._to_picture):
            return
        try:
            if self._to_list:
                self._to_picture.update(dict.fromkeys(await open_tickets()))
                self._to_list = False
            while self._to_picture:
                ticket = next(iter(self._to_picture))
                self._picture(ticket, await self._ticket_document(ticket))
                del self._to_picture[ticket]
        except Failure as refusal:
            self._desk_refused(refusal)
            return
        if self._desk_due_ms is not None:
            log.info("mqtt.tickets_healed", sink=self._name)
        self._desk_due_ms = None

    def _picture(self, ticket: str, document: Mapping[str, Any] | None) -> None:
        if document is not None:
            ended = document["state"] in mqtt_json.ENDED_TICKETS
            self.retained[self._topics.ticket(ticket)] = (
                mqtt_json.GONE if ended else mqtt_json.ticket(document)
            )

    def _desk_rests(self) -> bool:
        return self._desk_due_ms is not None and self._clock.monotonic_ms() < self._desk_due_ms

    def _desk_refused(self, refusal: Failure) -> None:
        if self._desk_due_ms is None:
            log.warning("mqtt.tickets_refused", sink=self._name, why=str(refusal))
        self._desk_due_ms = self._clock.monotonic_ms() + _DESK_AGAIN_MS

    # answers

    def acknowledged(self, delivery: Delivery | None, refused: ReasonCode | None) -> None:
        """The broker's word on a message: taken, or refused and why."""
        if refused is None:
            self.published += 1
        else:
            self._say_refused(str(refused))
        if delivery is None:
            return
        if refused is not None and refused.value in _NEVER:
            delivery.unsendable = delivery.unsendable or str(refused)
        elif refused is not None:
            delivery.refused = True
        self._less_to_wait_for(delivery)

    def _less_to_wait_for(self, delivery: Delivery) -> None:
        delivery.waiting -= 1
        if delivery.waiting:
            return
        record = delivery.what
        if isinstance(record, Gap):
            self._gap_told = max(self._gap_told, record.id)
            return
        self._on_their_way.pop(record.position, None)
        if delivery.unsendable is not None:
            self._unsendable.append((record, delivery.unsendable))
        elif delivery.refused:
            self._refusals.append(record)
            self._refusals_due_ms = self._clock.monotonic_ms() + self._refused_ms
        else:
            self._settler.add(record.position)
            if isinstance(record.entry, Frame):
                self._on_sent()
                self._refusal = None

    def _say_refused(self, why: str) -> None:
        self.refused += 1
        if why != self._refusal:
            log.warning("mqtt.refused", sink=self._name, why=why)
        self._refusal = why

    async def set_aside(self) -> None:
        """Dead letters: what this broker will never take."""
        while self._unsendable:
            record, why = self._unsendable.popleft()
            await self._journal.reject(self._name, record, why)


class _Pacer:
    """Lets so many through each second, with little saved up for later."""

    def __init__(self, per_s: int) -> None:
        self._per_ms = per_s / 1_000
        self._most = max(1.0, per_s / 10)
        self._saved = 0.0
        self._at_ms: int | None = None

    def advance(self, now_ms: int) -> None:
        if self._at_ms is not None:
            self._saved = min(self._most, self._saved + (now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms

    def allows(self) -> bool:
        return self._saved >= 1

    def spend(self) -> None:
        self._saved -= 1
