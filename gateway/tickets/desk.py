"""The ticket desk: reads alert changes from the journal, keeps alerts and tickets, answers persons.

A running gateway's desk also acts upon every event, its own and those that a command wrote
beside it, and publishes each once in the journal. Without a journal (in a command) it only
reads and writes the store.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from agent.clock import Clock
from agent.rules.rule import Rule
from gateway.journal.record import Change, Position
from gateway.tickets.alert_books import Wanted
from gateway.tickets.ask import MAX_EVIDENCE_BYTES, WrongArguments, parse_ask
from gateway.tickets.audit import Audit, audit
from gateway.tickets.clerk import AlertChange, Clerk, Measuring
from gateway.tickets.config import Team
from gateway.tickets.coverage import good_share
from gateway.tickets.evidence import EvidenceRoom, sha256
from gateway.tickets.life import Act
from gateway.tickets.new_ticket import parse_new_ticket
from gateway.tickets.outbox import Outbox
from gateway.tickets.place import DeskSite
from gateway.tickets.ports import AlertPort, JournalPort, RawPort
from gateway.tickets.reader import Reader
from gateway.tickets.recovery import GOOD_SHARE
from gateway.tickets.roles import Forbidden
from gateway.tickets.routing import Shift, TeamFacts
from gateway.tickets.store import Store, StoreError
from gateway.tickets.ticket import ChecklistItem
from gateway.tickets.worker import Worker

_log = structlog.get_logger(__name__)

READER = "desk"
TEND_S = 3.0
"""Between two looks at clocks and at what a command wrote beside us; news are acted upon at once."""
_QUIET_ROUNDS = 3
_MEASURE_AGAIN_MS = 30_000
_BATCH = 500
_MAX_FRAMES = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, the latest first; `next` asks for the following part."""

    items: list[dict[str, Any]]
    next: str | None = None


class Desk:
    """Alerts and tickets of one site. `on_change` is called with the id of each ticket that changed."""

    def __init__(
        self,
        store: Store,
        clerk: Clerk,
        *,
        data: Path,
        site: DeskSite,
        rules: dict[str, Rule],
        clock: Clock,
        journal: JournalPort | None,
        worker: Worker,
    ) -> None:
        self.on_change: Callable[[str], None] = lambda _ticket: None
        self.alert_port: AlertPort | None = None
        self.raw_port: RawPort = lambda _device: ()
        self._rules = rules
        self._store = store
        self._clerk = clerk
        self._site = site
        self._clock = clock
        self._journal = journal
        self._worker = worker
        self._room = EvidenceRoom(data)
        self._reader = Reader(store, site, self._rules.get, clock)
        self._outbox = Outbox(self._reader, clerk, self._room, site=site, clock=clock, worker=worker)
        self._news = asyncio.Event()
        self._works = True
        self._measured: dict[tuple[str, int], int] = {}

    @classmethod
    async def open(
        cls,
        *,
        store_url: str,
        data: Path,
        site: DeskSite,
        rules: Mapping[str, Rule],
        teams: Sequence[Team],
        clock: Clock,
        journal: JournalPort | None = None,
        checklists: Mapping[str, Sequence[ChecklistItem]] | None = None,
        password: str | None = None,
        create: bool = True,
    ) -> "Desk":
        """Open the store and be ready for questions; `run` does the rest.

        Raises:
            StoreError: the store cannot be used (StoreMissing when `create` is false and there is none).
        """
        worker = Worker("desk")
        try:
            store = await worker.do(partial(Store.open, store_url, data, password=password, create=create))
            known = dict(rules)
            facts = tuple(_team_facts(team) for team in teams)
            make = partial(Clerk, store, site, teams=facts, checklists=checklists or {}, clock=clock)
            clerk = await worker.do(partial(make, rules=known.get))
        except BaseException:
            worker.close()
            raise
        return cls(
            store, clerk, data=data, site=site, rules=known, clock=clock, journal=journal, worker=worker
        )

    @property
    def site_code(self) -> str:
        """Shown at the site; who arrives proves it by this code."""
        return self._clerk.site_code

    def use_rules(self, rules: Mapping[str, Rule]) -> None:
        """Other rules from now on; open tickets keep what they were opened with."""
        self._rules.clear()
        self._rules.update(rules)

    async def close(self) -> None:
        await self._worker.do(self._store.close)
        self._worker.close()

    async def run(self) -> None:
        """Follow the journal and tend the tickets until cancelled.

        Raises:
            RuntimeError: the desk was opened without a journal.
        """
        if self._journal is None:
            raise RuntimeError("a desk without a journal has nothing to run on")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._journal), name="desk:journal")
            group.create_task(self._tend_for_ever(self._journal), name="desk:tickets")

    # -- questions

    async def alerts(
        self,
        *,
        state: str | None = "open",
        site: str | None = None,
        device: str | None = None,
        severities: frozenset[str] = frozenset(),
        text: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Alert documents; `state` is `open` (all but cleared), `all`, `shelved` or one state."""
        wanted = Wanted(state or "all", site, device, severities, text)
        items, following = await self._worker.do(partial(self._reader.alerts, wanted, limit, cursor))
        return Page(items, following)

    async def alert(self, alert_id: str) -> dict[str, Any]:
        """An alert with its story.

        Raises:
            UnknownAlert: no such alert.
        """
        return await self._worker.do(partial(self._reader.story, alert_id))

    async def alarm_load(self, from_ms: int, to_ms: int, *, operators: int = 1) -> dict[str, Any]:
        """The alarm-load figures of a time: `agent.rules.alarm_load`."""
        return await self._worker.do(partial(self._reader.alarm_load, from_ms, to_ms, operators))

    async def flood(self) -> dict[str, Any] | None:
        """`{"since", "alerts", "causes"}` while there is an alarm flood."""
        return await self._worker.do(self._reader.flood)

    async def tickets(
        self,
        *,
        state: str | None = "open",
        site: str | None = None,
        text: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Ticket documents; `state` is `open` (not archived, cancelled or merged), `all` or one state."""
        wanted = Wanted(state or "all", site, text=text)
        items, following = await self._worker.do(partial(self._reader.tickets, wanted, limit, cursor))
        return Page(items, following)

    async def ticket(self, ticket_id: str) -> dict[str, Any]:
        """One ticket by id or number.

        Raises:
            UnknownTicket: no such ticket.
        """
        return await self._worker.do(partial(self._reader.ticket, ticket_id))

    async def evidence(self, ticket_id: str, name: str) -> tuple[bytes, str]:
        """A file of a ticket and its media type.

        Raises:
            UnknownTicket, UnknownEvidence
        """
        return await self._worker.do(partial(self._reader.evidence, self._room, ticket_id, name))

    async def handover(self, from_ms: int, to_ms: int) -> dict[str, Any]:
        """What who comes on shift must know: `gateway.tickets.handover`."""
        return await self._worker.do(partial(self._reader.handover, from_ms, to_ms))

    async def audit(self) -> Audit:
        """Whether all logs and files are what they were."""
        return await self._worker.do(partial(audit, self._store, self._room))

    # -- acts

    async def act(self, ticket_id: str, event: Mapping[str, Any], *, by: str, role: str) -> dict[str, Any]:
        """Do `{"event", "key"?, ...arguments}`; the same key again gives the same answer. The ticket.

        Raises:
            UnknownTicket, WrongArguments (422), Forbidden (403), Refused (409)
        """
        ask, keep = parse_ask(event, by=by, role=role), None
        if ask.act is Act.ADD_EVIDENCE:
            facts = dict(ask.arguments)
            name, content = facts["name"], _decoded(facts.pop("content"))
            entry = {**facts, "size": len(content), "sha256": sha256(content), "by": by}
            ask = replace(ask, arguments={"files": [entry]})
            keep = partial(self._room.keep, name=name, content=content)
        known = await self._worker.do(partial(self._clerk.act, ticket_id, ask, keep))
        return await self._changed(known)

    async def open_ticket(self, request: Mapping[str, Any], *, by: str, role: str) -> dict[str, Any]:
        """Open a ticket by hand: `{"key"?, "kind", "title", "priority"?, "devices"?, "team"?, "text"?}`.

        Raises:
            WrongArguments (422), Forbidden (403)
        """
        if role not in ("operator", "admin"):
            raise Forbidden(f"the role {role} may not open tickets; ask an operator")
        subject, key = parse_new_ticket(request, site=self._site)
        opening = partial(self._clerk.open_by_person, subject, key=key, by=by, role=role)
        return await self._changed(await self._worker.do(opening))

    async def _changed(self, ticket_id: str) -> dict[str, Any]:
        self._news.set()
        self.on_change(ticket_id)
        return await self.ticket(ticket_id)

    # -- the running desk

    async def _follow(self, journal: JournalPort) -> None:
        after: Position | None = None
        while True:
            try:
                if after is None:
                    after = await self._place(journal)
                await journal.wait(after)
                after = await self._take(journal, after)
            except StoreError as refusal:
                await self._rest(refusal)
            else:
                self._heal()

    async def _rest(self, refusal: StoreError) -> None:
        """A store that refuses is asked again; the journal keeps what is to come."""
        if self._works:
            _log.error("desk.store_refused", why=str(refusal))
        self._works = False
        await asyncio.sleep(TEND_S)

    def _heal(self) -> None:
        if not self._works:
            _log.info("desk.store_healed")
        self._works = True

    async def _place(self, journal: JournalPort) -> Position:
        """Where to go on. The store's own place counts, unless the journal is another one than it knew."""
        known, settled = await self._worker.do(self._clerk.cursor), journal.cursor(READER)
        if known > journal.head():
            _log.warning("desk.journal_replaced", known=known, head=journal.head())
            return settled
        return max(known, settled)

    async def _take(self, journal: JournalPort, after: Position) -> Position:
        records = await journal.read(after, _BATCH)
        if not records:
            return after
        changes = [
            AlertChange(record.position, record.entry.ts_ms, record.entry.body["alert"])
            for record in records
            if isinstance(record.entry, Change) and "alert" in record.entry.body
        ]
        last = records[-1].position
        if changes:
            touched = await self._worker.do(partial(self._clerk.take, changes, last))
            self._tell(touched)
        journal.settle(READER, after + 1, last)
        return last

    async def _tend_for_ever(self, journal: JournalPort) -> None:
        """Tickets at news, else every few rounds; events of other processes at every round."""
        quiet_rounds = 0
        while True:
            quiet_rounds = 0 if self._news.is_set() else (quiet_rounds + 1) % _QUIET_ROUNDS
            self._news.clear()
            try:
                if quiet_rounds == 0:
                    await self.tend(journal)
                else:
                    await self._act_upon_events(journal)
            except StoreError as refusal:
                await self._rest(refusal)
                continue
            try:
                async with asyncio.timeout(TEND_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def tend(self, journal: JournalPort) -> None:
        """One round: count samples, let time do its work, act upon events and publish them."""
        for measuring in await self._worker.do(self._clerk.to_measure):
            if self._is_due(measuring):
                await self._measure(journal, measuring)
        self._tell(await self._worker.do(self._clerk.tick))
        await self._act_upon_events(journal)

    async def _act_upon_events(self, journal: JournalPort) -> None:
        self._tell(set(await self._outbox.empty(journal, self.alert_port, self.raw_port)))

    def _is_due(self, measuring: Measuring) -> bool:
        now_ms, about = self._clock.monotonic_ms(), (measuring.ticket, measuring.start_ms)
        last_ms = self._measured.get(about)
        if last_ms is not None and now_ms - last_ms < _MEASURE_AGAIN_MS:
            return False
        recent = {known: at for known, at in self._measured.items() if now_ms - at < _MEASURE_AGAIN_MS}
        self._measured = {**recent, about: now_ms}
        return True

    async def _measure(self, journal: JournalPort, measuring: Measuring) -> None:
        """The worst device counts, over the last `window_ms`."""
        now_ms, worst = self._clock.utc_ms(), 1.0
        from_ms = max(measuring.start_ms, now_ms - measuring.window_ms)
        for device, points in measuring.points.items():
            frames = await journal.frames(device, from_ms, now_ms, _MAX_FRAMES)
            known = self._site.devices.get(device)
            period_ms = None if known is None else known.period_ms
            expected = None if period_ms is None else (now_ms - from_ms) // period_ms
            worst = min(worst, good_share(frames, points, expected=expected))
        if worst < GOOD_SHARE:
            _log.info("desk.not_yet_believed", ticket=measuring.ticket, good_share=round(worst, 3))
        await self._worker.do(partial(self._clerk.note_share, measuring.ticket, measuring.start_ms, worst))

    def _tell(self, touched: set[str]) -> None:
        if touched:
            self._news.set()
        for ticket_id in touched:
            self.on_change(ticket_id)


def _decoded(content: str) -> bytes:
    try:
        decoded = base64.b64decode(content, validate=True)
    except ValueError:
        raise WrongArguments([{"path": "content", "message": "is not base64"}]) from None
    if len(decoded) > MAX_EVIDENCE_BYTES:
        message = f"has {len(decoded)} bytes, at most {MAX_EVIDENCE_BYTES} are taken; send a smaller picture"
        raise WrongArguments([{"path": "content", "message": message}])
    return decoded


def _team_facts(team: Team) -> TeamFacts:
    shifts = tuple(Shift(d.person, d.from_, d.to, frozenset(d.days)) for d in team.duty)
    return TeamFacts(team.id, frozenset(team.kinds), frozenset(m.id for m in team.members), shifts)
