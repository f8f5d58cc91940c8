"""What goes to the broker next, and what became of it.

Order: messages that are made already, the retained picture, changes strictly in order, live
frames, and beside them the backlog at its pace. Where a station confirms, a record is settled by
its receipt; else when the broker has acknowledged all its messages.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.reading import Frame
from agent.rules.alert import Alert
from gateway.journal.journal import Journal
from gateway.journal.record import Change, Gap, Position, Record
from gateway.sinks.lanes import Lanes, Settler
from gateway.sinks.mqtt_changes import Changes
from gateway.sinks.mqtt_format import Format, Message
from gateway.sinks.mqtt_gaps import Gaps
from gateway.sinks.mqtt_link import Link
from gateway.sinks.mqtt_pace import Pacer
from gateway.sinks.mqtt_receipts import Confirmed, Sent
from gateway.sinks.mqtt_tickets import Tickets

log = structlog.get_logger(__name__)

_REFUSED_KEPT = 500
_BACKLOG_CHUNK = 100
_PUBLISH_OVERHEAD = 16
"""Bytes of a PUBLISH packet beside topic and payload, generously."""
_NEVER = frozenset({0x90, 0x95, 0x99})
"""Reasons that no repetition mends: topic name invalid, packet too large, payload format invalid."""


@dataclass(slots=True)
class Delivery:
    """A record or gap on its way; done with when all its messages are acknowledged."""

    what: Record | Gap
    waiting: int
    unsure: bool = False
    """It went out with a time that is not known yet."""
    refused: bool = False
    """The broker would not take it now."""
    unsendable: str | None = None
    """Why it never will."""


class Outbox:
    """The deliveries of one sink, over all its connections.

    Args:
        name: the reader's name in the journal.
        journal: where records come from and are settled.
        clock: for the pace of the backlog.
        form: the format of the messages.
        tickets: of the picture.
        pacer: how fast the backlog goes.
        refused_ms: how long a refused record rests.
        sent: the records that await a station's receipt; None where PUBACK settles.
        on_sent: called when a frame has been acknowledged.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        clock: Clock,
        form: Format,
        *,
        tickets: Tickets,
        pacer: Pacer,
        refused_ms: int,
        sent: Sent | None,
        on_sent: Callable[[], None],
    ) -> None:
        self.published = 0
        """Messages that the broker acknowledged."""
        self.refused = 0
        """Messages that it refused."""
        self._name = name
        self._journal = journal
        self._clock = clock
        self._form = form
        self._tickets = tickets
        self._pacer = pacer
        self._refused_ms = refused_ms
        self._sent = sent
        self._on_sent = on_sent
        self._lanes = Lanes(journal, name, frames_only=True)
        self._changes = Changes(journal, name)
        self._gaps = Gaps(journal, name, clock)
        self._settler = Settler(journal, name)
        self._picture: dict[str, Message] = {}
        """Topic → retained message waiting to go; the last word per topic is enough."""
        self._ready: deque[tuple[Message, Delivery | None]] = deque()
        """Messages that are made and found no room yet; they go before anything else."""
        self._flying: dict[Position, Record] = {}
        """Records that were sent and that the broker has not acknowledged."""
        self._awaited: set[Position] = set()
        """Sent by an earlier connection: they go again only when their receipt is overdue."""
        self._refusals: deque[Record] = deque(maxlen=_REFUSED_KEPT)
        self._refusals_due_ms = 0
        self._unsendable: deque[tuple[Record, str]] = deque()
        self._refusal: str | None = None

    def begin(self, upto: Position, alerts: Iterable[Alert]) -> None:
        """A new connection: the picture, and what was left open up to the record `upto`, late now."""
        self.settle()
        self._ready.clear()
        self._refusals.clear()
        self._picture.clear()
        if self._sent is not None:
            self._awaited = self._sent.positions() - self._flying.keys()
        self._flying.clear()
        self._gaps.begin()
        self._lanes.begin(upto)
        self._changes.begin(upto)
        self.birth(alerts)

    def birth(self, alerts: Iterable[Alert]) -> None:
        """Say everything of the picture, from the start."""
        self._tickets.begin()
        self.say(self._form.birth(self._clock.utc_ms(), alerts))

    def say(self, messages: Iterable[Message]) -> None:
        """Messages that are no record's."""
        for message in messages:
            if message.retain:
                self._picture[message.topic] = message
            else:
                self._ready.append((message, None))

    def committed(self, record: Record) -> None:
        """A new record while there is a connection, in order."""
        if isinstance(record.entry, Change):
            self._changes.committed()
        else:
            self._pacer.live(self._clock.monotonic_ms())
            self._lanes.committed(record)

    def settle(self) -> None:
        """Tell the journal what was acknowledged."""
        self._settler.flush()

    async def send(self, link: Link[Delivery | None]) -> bool:
        """All that may go now; whether more is waiting for the pace."""
        self._say_again()
        for ticket, document in await self._tickets.found():
            self.say(self._form.ticket(ticket, document))
        await self._send_news(link)
        if not self._form.holds:
            await self._load_gaps()
            await self._send_news(link)
        return not self._form.holds and await self._send_backlog(link)

    async def _load_gaps(self) -> None:
        """Make messages of gaps that nobody was told yet."""
        if not self._ready:
            for gap in await self._gaps.load():
                self._make(gap, self._form.gap(gap, late=False))

    async def _send_news(self, link: Link[Delivery | None]) -> None:
        """What is made, the retained picture, changes in order, then live frames."""
        while link.room > 0:
            if self._ready:
                self._publish(link, *self._ready.popleft())
                continue
            if self._picture:
                self._publish(link, self._picture.pop(next(iter(self._picture))), None)
                continue
            if self._form.holds:
                return
            if (change := await self._next_change()) is not None:
                await self._make_change(*change)
            elif (live := self._lanes.take_live()) is not None:
                self._send_frame(link, live, late=False)
            else:
                return

    async def _next_change(self) -> tuple[Record, bool] | None:
        if self._sent is not None and not self._sent.takes_changes:
            return None
        await self._changes.load()
        return self._changes.take()

    async def _send_backlog(self, link: Link[Delivery | None]) -> bool:
        """As much of the backlog as pace, window and station allow; whether more is waiting for the pace."""
        now_ms = self._clock.monotonic_ms()
        if self._refusals and now_ms >= self._refusals_due_ms:
            self._try_refused_again()
        self._pacer.advance(now_ms)
        while (
            not self._ready and link.room > link.window // 4 and self._pacer.allows() and self._has_receipts()
        ):
            await self._lanes.load(_BACKLOG_CHUNK)
            record = self._lanes.take_backlog()
            if record is None and not self._lanes.has_backlog:
                return False
            if record is None or record.position in self._awaited:
                continue
            if self._journal.boots.waits(record.entry):
                self._lanes.hold(record)
                continue
            self._pacer.spend()
            self._send_frame(link, record, late=True)
        return self._lanes.has_backlog and not self._pacer.allows()

    def _try_refused_again(self) -> None:
        changes = [record.position for record in self._refusals if isinstance(record.entry, Change)]
        if changes:
            self._changes.back_to(min(changes))
        for record in self._refusals:
            if isinstance(record.entry, Frame):
                self._lanes.again(record)
        self._refusals.clear()

    def _has_receipts(self) -> bool:
        return self._sent is None or self._sent.room > 0

    def _send_frame(self, link: Link[Delivery | None], record: Record, *, late: bool) -> None:
        frame = record.entry
        assert isinstance(frame, Frame)  # noqa: S101  # the lanes hold nothing else
        unsure = self._journal.boots.waits(frame)
        frame = self._journal.boots.mended(frame)
        self._track(record, unsure=unsure)
        messages = self._form.frame(frame, late=late)
        if len(messages) == 1:
            self._publish(link, messages[0], Delivery(record, 1, unsure=unsure))
        else:
            self._make(record, messages, unsure=unsure)

    async def _make_change(self, record: Record, late: bool) -> None:  # noqa: FBT001  # as the lane gives it
        change = record.entry
        assert isinstance(change, Change)  # noqa: S101  # the lane holds nothing else
        ticket = change.body.get("ticket")
        document = None if ticket is None else await self._tickets.document(ticket)
        self._track(record)
        self._make(record, self._form.change(change, late=late, ticket=document))

    def _track(self, record: Record, *, unsure: bool = False) -> None:
        """The record is on its way, and its receipt awaited; what has no true time yet gets none."""
        self._flying[record.position] = record
        if self._sent is None or unsure or self._sent.add(record, self._clock.monotonic_ms()):
            return
        if isinstance(record.entry, Frame):
            self._lanes.owe(record.position)

    def _make(self, what: Record | Gap, messages: Iterable[Message], *, unsure: bool = False) -> None:
        made = list(messages)
        delivery = Delivery(what, len(made), unsure=unsure)
        self._ready.extend((message, delivery) for message in made)
        if not made:
            self._delivered(delivery)

    def _publish(self, link: Link[Delivery | None], message: Message, delivery: Delivery | None) -> None:
        size = len(message.topic) + len(message.payload) + _PUBLISH_OVERHEAD
        if link.max_bytes is None or size <= link.max_bytes:
            link.send(message, delivery)
            return
        why = f"{len(message.payload)} bytes are more than the broker takes ({link.max_bytes})"
        if delivery is None:
            self._say_refused(f"{message.topic}: {why}")
        else:
            delivery.unsendable = delivery.unsendable or why
            self._less_to_wait_for(delivery)

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

    def confirmed(self, ranges: Iterable[Confirmed]) -> int:
        """A station's receipt; how many of its ranges name nothing that is awaited."""
        unknown = 0
        for one in ranges:
            positions = [] if self._sent is None else self._sent.confirm(one)
            unknown += not positions
            for position in positions:
                self._settler.add(position)
        return unknown

    def _less_to_wait_for(self, delivery: Delivery) -> None:
        delivery.waiting -= 1
        if not delivery.waiting:
            self._delivered(delivery)

    def _delivered(self, delivery: Delivery) -> None:
        record = delivery.what
        if isinstance(record, Gap):
            self._gaps.told(record)
            return
        self._flying.pop(record.position, None)
        if delivery.unsendable is not None:
            self._unsendable.append((record, delivery.unsendable))
        elif delivery.refused:
            self._refusals.append(record)
            self._refusals_due_ms = self._clock.monotonic_ms() + self._refused_ms
        elif delivery.unsure:
            self._lanes.hold(record)
        elif self._sent is None:
            self._settler.add(record.position)
        if isinstance(record.entry, Frame) and not (delivery.refused or delivery.unsendable):
            self._on_sent()
            self._refusal = None

    def _say_again(self) -> None:
        """What the station has not confirmed in time is owed once more."""
        if self._sent is None:
            return
        first_change: Position | None = None
        for position, is_change in self._sent.overdue(self._clock.monotonic_ms()):
            self._awaited.discard(position)
            if not is_change:
                self._lanes.owe(position)
            else:
                first_change = min(first_change or position, position)
        if first_change is not None:
            self._changes.back_to(first_change)

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
