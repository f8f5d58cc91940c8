"""Acts upon every ticket event and publishes it in the journal, once each.

What has been published is remembered in the journal itself, in the same commit as the event, so
that a stop between the two stores doubles nothing. The effects come first and may come twice.
"""

from functools import partial
from typing import Any, assert_never

import orjson
import structlog

from agent.clock import Clock
from agent.reading import Frame
from agent.rules.rule import Rule
from gateway.journal.errors import JournalUnavailable
from gateway.tickets.ask import Ask, desk_key
from gateway.tickets.chart import chart
from gateway.tickets.clerk import Clerk
from gateway.tickets.event import TicketEvent
from gateway.tickets.evidence import EvidenceRoom, curves, pack, sha256, thinned, weather_now, window_ms
from gateway.tickets.life import Act
from gateway.tickets.place import DeskSite
from gateway.tickets.ports import AlertPort, JournalPort, RawPort
from gateway.tickets.reader import Reader
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import DESK_ROLE
from gateway.tickets.step import Acknowledge, Effect, FreezeEvidence, LinkAlert, ResetLatch, effects
from gateway.tickets.ticket import Ticket
from gateway.tickets.worker import Worker

_log = structlog.get_logger(__name__)

PUBLISHED = "desk|published"
"""The journal's watch that holds `{"store", "event", "alert": null}`: the last event published. It is no
rule's watch; a rule engine that is given it all the same finds no alert in it."""
_MAX_FRAMES = 20_000


class Outbox:
    """The events of a store that still want something done."""

    def __init__(
        self,
        reader: Reader,
        clerk: Clerk,
        room: EvidenceRoom,
        *,
        site: DeskSite,
        clock: Clock,
        worker: Worker,
    ) -> None:
        self._reader = reader
        self._clerk = clerk
        self._room = room
        self._site = site
        self._clock = clock
        self._worker = worker
        self._appended: int | None = None

    async def empty(self, journal: JournalPort, port: AlertPort | None, raw: RawPort) -> list[str]:
        """Do all that is to be done. Ids of the tickets concerned, in order."""
        concerned: dict[str, None] = {}
        while pending := await self._worker.do(self._reader.pending):
            for _, event, ticket in pending:
                for effect in effects(event, ticket):
                    await self._perform(effect, ticket, journal, port, raw)
                concerned[ticket.id] = None
            try:
                await self._publish(journal, pending)
            except JournalUnavailable:
                break  # the journal has said so; it keeps what it took, and the next round asks again
            await self._worker.do(partial(self._reader.settle_outbox, pending[-1][0]))
        return list(concerned)

    async def _publish(self, journal: JournalPort, pending: list[tuple[int, TicketEvent, Ticket]]) -> None:
        """Raises JournalUnavailable; what was appended is then not appended again."""
        if self._appended is None:
            self._appended = self._published(journal)
        new = [(number, event, ticket) for number, event, ticket in pending if number > self._appended]
        if new:
            bodies: list[dict[str, Any]] = [
                {"ticket": ticket.id, "event": event.document()} for _, event, ticket in new
            ]
            last = new[-1][0]
            journal.append_outcome(
                bodies,
                {PUBLISHED: orjson.dumps({"store": self._reader.store_id, "event": last, "alert": None})},
                mono_ms=self._clock.monotonic_ms(),
                ts_ms=self._clock.utc_ms(),
                unsure=not self._clock.trusted(),
            )
            self._appended = last
        await journal.commit()

    def _published(self, journal: JournalPort) -> int:
        mark = orjson.loads(journal.watches().get(PUBLISHED, b"{}"))
        return int(mark["event"]) if mark.get("store") == self._reader.store_id else 0

    async def _perform(
        self, effect: Effect, ticket: Ticket, journal: JournalPort, port: AlertPort | None, raw: RawPort
    ) -> None:
        match effect:
            case FreezeEvidence(stage):
                await self._freeze(stage, ticket, journal, raw)
            case LinkAlert(alert):
                if port is not None:
                    await port.attach_ticket(alert, ticket.id)
            case Acknowledge(alert, by):
                if port is not None:
                    await port.acknowledge(alert, by)
            case ResetLatch(alert, by):
                if port is not None:
                    await port.acknowledge(alert, by)
                    await port.reset_latch(alert, by)
            case _:
                assert_never(effect)

    async def _freeze(self, stage: str, ticket: Ticket, journal: JournalPort, raw: RawPort) -> None:
        """Keep the readings around the ticket's alerts; the ticket's log then names the files."""
        if any(item.get("stage") == stage for item in ticket.evidence):
            return
        now_ms = self._clock.utc_ms()
        stories = await self._worker.do(partial(self._reader.stories, ticket))
        rules = self._reader.rules_of(stories)
        from_ms = now_ms - window_ms(rules.values())
        devices = sorted({story["device"] for story in stories})
        frames: list[Frame] = []
        for device in dict.fromkeys((*devices, *self._site.weather)):
            frames.extend(thinned(await journal.frames(device, from_ms, now_ms, _MAX_FRAMES), now_ms))
        marks = [(story["since"], story["rule"]) for story in stories]
        svg = chart(curves(stories, rules, frames), marks, self._site.zone)
        words = [line for device in devices for line in raw(device)]
        facts = {
            "ticket": ticket.id,
            "number": ticket.number,
            "site": self._site.id,
            "made": now_ms,
            "from": from_ms,
            "to": now_ms,
            "software": self._site.version,
            "clock": {"trusted": self._clock.trusted(), "offset_s": self._clock.offset_s()},
            "config": self._site.config,
            "weather": weather_now(frames, self._site.weather),
            "rules": [_rule_facts(rule) for rule in rules.values()],
        }
        files = pack(stage, frames, stories=stories, raw=words, svg=svg, facts=facts)
        await self._worker.do(partial(self._keep, stage, ticket, files))

    def _keep(self, stage: str, ticket: Ticket, files: dict[str, tuple[bytes, str]]) -> None:
        entries = [
            {
                "name": name,
                "media_type": media_type,
                "size": len(content),
                "sha256": sha256(content),
                "stage": stage,
            }
            for name, (content, media_type) in files.items()
        ]
        try:
            key = desk_key(f"evidence-{stage}")
            ask = Ask(Act.ADD_EVIDENCE, "desk", DESK_ROLE, key, {"files": entries})
            self._clerk.act(ticket.id, ask, partial(self._write, files))
        except (OSError, Refused) as error:
            # The ticket matters more than its evidence: it goes on without.
            _log.error("desk.evidence_refused", ticket=ticket.id, stage=stage, why=str(error))

    def _write(self, files: dict[str, tuple[bytes, str]], ticket_id: str) -> None:
        for name, (content, _) in files.items():
            self._room.keep(ticket_id, name, content)


def _rule_facts(rule: Rule) -> dict[str, Any]:
    return {"id": rule.id, "hash": rule.hash, "title": rule.title.document(), "text": dict(rule.source)}
