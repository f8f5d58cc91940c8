"""The console's ports over a running site: what its rooms say, put into the words of the pages."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.clock import Clock
from agent.counter import Limits
from agent.last_poll import LastPoll
from agent.rules.engine import Engine
from agent.rules.facts import ActionRefusedError, Outcome
from agent.rules.pause import Match, Pause, Why
from gateway.console.ports import (
    ActForbidden,
    ActRefused,
    EnergyFacts,
    GapFacts,
    Json,
    Page,
    RawBlock,
    RawPoll,
    RoleName,
    SeriesFacts,
    UnknownObject,
    WrongArguments,
)
from gateway.history.history import History
from gateway.tickets import ask, clerk, desk, reader, refusal, roles

Apply = Callable[[Outcome], None]
"""Stores and tells what an act has changed."""


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """Acts of persons on alerts, for the console and for the ticket desk (which asks twice at times)."""

    engine: Callable[[], Engine]
    clock: Clock
    apply: Apply
    story: Callable[[str], Awaitable[Json]]
    """Knows ended alerts too; raises UnknownObject."""
    site_code: str

    async def shelve(self, alert_id: str, *, by: str, until_ms: int, reason: str) -> Json:
        now_ms = self.clock.utc_ms()
        return await self._done(
            alert_id, lambda: self.engine().shelve(alert_id, by, until_ms, reason, now_ms)
        )

    async def unshelve(self, alert_id: str, *, by: str) -> Json:
        return await self._done(alert_id, lambda: self.engine().unshelve(alert_id, by, self.clock.utc_ms()))

    async def acknowledge(self, alert_id: str, by: str) -> Json:
        return await self._done(
            alert_id, lambda: self.engine().acknowledge(alert_id, by, self.clock.utc_ms())
        )

    async def reset(self, alert_id: str, *, by: str, code: str) -> Json:
        """Reset a latched alert on site, where it has no ticket in which that is done."""
        ticket = (await self.story(alert_id)).get("ticket_summary")
        if ticket is not None and ticket["state"] not in ("archived", "cancelled", "merged"):
            number = ticket["number"] or ticket["id"]
            raise ActRefused(f"reset it in its ticket {number}", {"guard": "reset_in_ticket"})
        if code.strip().casefold() != self.site_code.casefold():
            raise ActRefused(
                "read the code that is shown at the site and send that", {"guard": "wrong_site_code"}
            )
        engine, now_ms = self.engine(), self.clock.utc_ms()
        await self._done(alert_id, lambda: engine.acknowledge(alert_id, by, now_ms))
        try:
            self.apply(engine.reset_latch(alert_id, by, now_ms))
        except ActionRefusedError as refused:
            raise ActRefused(str(refused), {"guard": refused.code}) from None
        return await self.story(alert_id)

    async def _done(self, alert_id: str, act: Callable[[], Outcome]) -> Json:
        try:
            outcome = act()
        except ActionRefusedError as refused:
            if refused.code == "unknown_alert":
                await self.story(alert_id)
                raise ActRefused("the alert has ended", {"guard": "alert_ended"}) from None
            raise ActRefused(str(refused), {"guard": refused.code}) from None
        self.apply(outcome)
        return next(alert.document() for alert in self.engine().open_alerts() if alert.id == alert_id)


@dataclass(frozen=True, slots=True)
class PauseDesk:
    """Maintenance on the spot, and what is taken out of service."""

    engine: Callable[[], Engine]
    clock: Clock
    apply: Apply

    def pauses(self) -> list[Json]:
        now_ms = self.clock.utc_ms()
        return [{**pause.document(), "holds": pause.holds(now_ms)} for pause in self.engine().pauses()]

    def pause(
        self,
        why: str,
        match: Mapping[str, Any],
        until_ms: int | None,
        keep: Sequence[str],
        reason: str,
        *,
        by: str,
    ) -> Json:
        now_ms = self.clock.utc_ms()
        kind: Why = "out_of_service" if why == "out_of_service" else "maintenance"
        end_ms = None if kind == "out_of_service" else until_ms
        wanted = Pause(
            secrets.token_hex(6), kind, Match(**match), now_ms, end_ms, tuple(keep), by, reason.strip()
        )
        self._do(lambda: self.engine().pause(wanted, now_ms))
        return {**wanted.document(), "holds": True}

    def end_pause(self, pause_id: str, *, by: str) -> Json:
        known = next((pause for pause in self.engine().pauses() if pause.id == pause_id), None)
        if known is None:
            raise UnknownObject(pause_id)
        self._do(lambda: self.engine().end_pause(pause_id, by, self.clock.utc_ms()))
        return {**known.document(), "holds": False}

    def _do(self, act: Callable[[], Outcome]) -> None:
        try:
            outcome = act()
        except ActionRefusedError as refused:
            raise ActRefused(str(refused), {"guard": refused.code}) from None
        self.apply(outcome)


@dataclass(frozen=True, slots=True)
class LatchPort:
    """What the ticket desk reaches back for; asked twice, the second time does nothing."""

    engine: Callable[[], Engine]
    clock: Clock
    apply: Apply

    async def acknowledge(self, alert_id: str, by: str) -> None:
        self._try(lambda: self.engine().acknowledge(alert_id, by, self.clock.utc_ms()))

    async def reset_latch(self, alert_id: str, by: str) -> None:
        self._try(lambda: self.engine().reset_latch(alert_id, by, self.clock.utc_ms()))

    async def attach_ticket(self, alert_id: str, ticket_id: str) -> None:
        self._try(lambda: self.engine().attach_ticket(alert_id, ticket_id))

    def _try(self, act: Callable[[], Outcome]) -> None:
        try:
            outcome = act()
        except ActionRefusedError as refused:
            if refused.code not in ("unknown_alert", "not_latched"):
                raise
            return
        self.apply(outcome)


@dataclass(frozen=True, slots=True)
class ConsoleHistory:
    """The history in the shapes of the pages."""

    history: History

    async def series(
        self, device: str, points: Sequence[str], from_ms: int, to_ms: int, step_ms: int
    ) -> SeriesFacts:
        found = await self.history.series(device, points, from_ms, to_ms, step_ms)
        gaps = tuple(GapFacts(gap.from_ms, gap.to_ms, gap.reason) for gap in found.gaps)
        return SeriesFacts(found.ts_ms, found.mean, found.low, found.high, gaps, found.step_ms)

    async def energy(self, device: str, point: str, from_ms: int, to_ms: int, limits: Limits) -> EnergyFacts:
        found = await self.history.energy(device, point, from_ms, to_ms, limits)
        return EnergyFacts(
            [(slot.start_ms, slot.counted, sorted(slot.marks)) for slot in found.slots],
            [(gap.from_ms, gap.to_ms, gap.counted) for gap in found.gaps],
            found.total,
        )


@dataclass(frozen=True, slots=True)
class ConsoleDesk:
    """The ticket desk, with its refusals in the console's words."""

    desk: desk.Desk

    async def alerts(self, **wanted: Any) -> Page:
        return _page(await _answered(self.desk.alerts(**wanted)))

    async def alert(self, alert_id: str) -> Json:
        return await _answered(self.desk.alert(alert_id))

    async def alarm_load(self, from_ms: int, to_ms: int, *, operators: int) -> Json:
        return await _answered(self.desk.alarm_load(from_ms, to_ms, operators=operators))

    async def flood(self) -> Json | None:
        return await _answered(self.desk.flood())

    async def handover(self, from_ms: int, to_ms: int) -> Json:
        return await _answered(self.desk.handover(from_ms, to_ms))

    async def tickets(self, **wanted: Any) -> Page:
        return _page(await _answered(self.desk.tickets(**wanted)))

    async def ticket(self, ticket_id: str) -> Json:
        return await _answered(self.desk.ticket(ticket_id))

    async def act(self, ticket_id: str, event: Mapping[str, Any], *, by: str, role: RoleName) -> Json:
        return await _answered(self.desk.act(ticket_id, event, by=by, role=role))

    async def open_ticket(self, request: Mapping[str, Any], *, by: str, role: RoleName) -> Json:
        return await _answered(self.desk.open_ticket(request, by=by, role=role))

    async def evidence(self, ticket_id: str, name: str) -> tuple[bytes, str]:
        return await _answered(self.desk.evidence(ticket_id, name))


def raw_poll(poll: LastPoll, clock: Clock) -> RawPoll:
    """The last words of a device, with the times of the wall clock."""
    blocks = tuple(
        RawBlock(block.table.value, block.start, block.words, clock.utc_at(block.mono_ms))
        for block in poll.blocks
        if block.words is not None
    )
    return RawPoll(blocks, poll.why)


_T = TypeVar("_T")


async def _answered(answer: Awaitable[_T]) -> _T:
    try:
        return await answer
    except (clerk.UnknownTicket, reader.UnknownAlert, reader.UnknownEvidence) as unknown:
        raise UnknownObject(str(unknown)) from None
    except ask.WrongArguments as wrong:
        raise WrongArguments(wrong.errors) from None
    except roles.Forbidden as forbidden:
        raise ActForbidden(str(forbidden)) from None
    except refusal.Refused as refused:
        words = refused.refusal
        texts = {"title": refusal.TITLES[words.guard].document(), "detail": words.detail.document()}
        raise ActRefused(words.detail.en, {**words.document(), "texts": texts}) from None


def _page(page: desk.Page) -> Page:
    return Page(page.items, page.next)
