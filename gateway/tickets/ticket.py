"""A ticket is its event log; what it is now is a fold of it.

Every event carries all that the fold needs (due times too), so that a replay asks
neither clock nor calendar and always gives the same ticket. What may happen is in
`life`, what is refused in `step`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from agent.quantity import MINUTE_MS
from agent.reading import Text
from agent.timekeeper import Moved
from gateway.tickets.config import TicketKind
from gateway.tickets.due import Countdown
from gateway.tickets.event import TicketEvent
from gateway.tickets.life import ENDED, HIGHER, LOWER, NEXT, Act, Priority, State, TicketLevel

ChecklistItem: TypeAlias = Mapping[str, Any]
"""`{"id", "text": {"en", "zh"}, "mandatory", "kind", "unit"}` as frozen at opening."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket is now. `alerts` are its own, `inhibited` those that its root cause mutes."""

    id: str
    key: str
    kind: TicketKind
    site: str
    title: Text
    source: str
    opened_ms: int
    state: State = State.NEW
    number: str | None = None
    reopened: int = 0
    priority: Priority = "P3"
    lowered: bool = False
    """The priority stands one step lower because the alert went by itself."""
    devices: tuple[str, ...] = ()
    level: TicketLevel = "village"
    team: str | None = None
    wanted_team: str | None = None
    assignee: str | None = None
    accepted: bool = False
    alerts: tuple[str, ...] = ()
    inhibited: tuple[str, ...] = ()
    checklist: str | None = None
    items: tuple[ChecklistItem, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    clocks: Mapping[str, Countdown] = field(default_factory=dict)
    evidence: tuple[Mapping[str, Any], ...] = ()
    verify_for_ms: int = 30 * MINUTE_MS
    self_recovered: bool = False
    waived: bool = False
    self_closed: bool = False
    returns: int = 0
    report: Mapping[str, Any] | None = None
    reported_ms: int | None = None
    recovered_ms: int | None = None
    ended_ms: int | None = None
    asked_ms: int | None = None
    attempts: int = 0
    feedback: Mapping[str, Any] | None = None
    merged_into: str | None = None
    recurrence_of: str | None = None
    rule: str | None = None
    last_seq: int = 0

    @property
    def open(self) -> bool:
        return self.state not in ENDED

    @property
    def shown_number(self) -> str | None:
        """The number, with a suffix for each time that it was opened again."""
        return f"{self.number}-R{self.reopened}" if self.number and self.reopened else self.number


def replay(events: Iterable[TicketEvent]) -> Ticket:
    """The ticket that these events make.

    Raises:
        ValueError: no events, or the first one is not `open`.
    """
    ticket: Ticket | None = None
    for event in events:
        ticket = apply(ticket, event)
    if ticket is None:
        raise ValueError("a ticket has at least the event that opened it")
    return ticket


def apply(ticket: Ticket | None, event: TicketEvent) -> Ticket:
    """The ticket after one more event.

    Raises:
        ValueError: the log is not one that `step` can have written.
    """
    if ticket is None:
        if event.act is not Act.OPEN:
            raise ValueError(f"a log begins with open, not {event.act.value}")
        return _opened(event)
    if NEXT[ticket.state].get(event.act) is not event.after or event.seq != ticket.last_seq + 1:
        raise ValueError(f"{event.act.value} (number {event.seq}) cannot follow in {ticket.state.value}")
    changed = replace(ticket, state=event.after, last_seq=event.seq)
    change = _CHANGES.get(event.act)
    changed = changed if change is None else change(changed, event)
    return _ended(changed, event.ts_ms) if ticket.open and not changed.open else changed


def _opened(event: TicketEvent) -> Ticket:
    facts = event.arguments
    ticket = Ticket(
        id=facts["id"],
        key=facts["dedupe_key"],
        kind=facts["kind"],
        site=facts["site"],
        title=Text(**facts["title"]),
        source=facts["source"],
        opened_ms=event.ts_ms,
        number=facts.get("number"),
        priority=facts["priority"],
        devices=tuple(facts["devices"]),
        wanted_team=facts.get("team"),
        alerts=tuple(facts["alerts"]),
        checklist=facts.get("checklist"),
        items=tuple(facts.get("items", ())),
        verify_for_ms=facts["verify_for_ms"],
        recurrence_of=facts.get("recurrence_of"),
        rule=facts.get("rule"),
        last_seq=event.seq,
    )
    return _start(ticket, "accept", event.ts_ms, facts["accept_due"])


def _start(ticket: Ticket, name: str, at_ms: int, due_ms: int | None) -> Ticket:
    return replace(ticket, clocks={**ticket.clocks, name: Countdown(at_ms, due_ms)})


def _stop(ticket: Ticket, at_ms: int, *names: str) -> Ticket:
    clocks = {name: clock.stop(at_ms) if name in names else clock for name, clock in ticket.clocks.items()}
    return replace(ticket, clocks=clocks)


def _ended(ticket: Ticket, at_ms: int) -> Ticket:
    return replace(_stop(ticket, at_ms, *ticket.clocks), ended_ms=at_ms)


def _number(ticket: Ticket, event: TicketEvent) -> Ticket:
    """Given when the time is known; `moved` mends what happened to the ticket before."""
    numbered = replace(ticket, number=event.arguments["number"])
    told = event.arguments.get("moved")
    if told is None:
        return numbered
    moved = Moved(told["from"], told["to"], told["by"])

    def true_ms(ts_ms: int | None) -> int | None:
        return None if ts_ms is None else moved.true_ms(ts_ms)

    return replace(
        numbered,
        opened_ms=moved.true_ms(ticket.opened_ms),
        clocks={name: clock.mended(moved) for name, clock in ticket.clocks.items()},
        reported_ms=true_ms(ticket.reported_ms),
        recovered_ms=true_ms(ticket.recovered_ms),
        ended_ms=true_ms(ticket.ended_ms),
        asked_ms=true_ms(ticket.asked_ms),
    )


def _attach(ticket: Ticket, event: TicketEvent) -> Ticket:
    facts = event.arguments
    attached = replace(
        ticket,
        alerts=_with(ticket.alerts, facts["alerts"]),
        inhibited=tuple(a for a in ticket.inhibited if a not in facts["alerts"]),
        devices=_with(ticket.devices, facts["devices"]),
        priority=min(_full_priority(ticket), facts["priority"]),
        lowered=False,
        verify_for_ms=max(ticket.verify_for_ms, facts["verify_for_ms"]),
        self_recovered=False,
        recovered_ms=None,
        clocks=_sooner(ticket, facts.get("due", {})),
    )
    return _in_hand_again(attached, event) if event.before is not event.after else attached


def _sooner(ticket: Ticket, due: Mapping[str, int | None]) -> Mapping[str, Countdown]:
    """The clocks, where one of these times is earlier with that."""
    clocks = dict(ticket.clocks)
    for name, due_ms in due.items():
        mine = clocks.get(name)
        if mine is not None and due_ms is not None and (mine.due_ms is None or due_ms < mine.due_ms):
            clocks[name] = replace(mine, due_ms=due_ms)
    return clocks


def _list(ticket: Ticket, event: TicketEvent) -> Ticket:
    facts = event.arguments
    return replace(
        ticket,
        inhibited=_with(ticket.inhibited, facts["alerts"]),
        devices=_with(ticket.devices, facts["devices"]),
        priority=min(ticket.priority, facts.get("priority", ticket.priority)),
        clocks=_sooner(ticket, facts.get("due", {})),
    )


def _with(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _dispatch(ticket: Ticket, event: TicketEvent) -> Ticket:
    return replace(ticket, team=event.arguments["team"], assignee=event.arguments.get("person"))


def _accept(ticket: Ticket, event: TicketEvent) -> Ticket:
    accepted = replace(ticket, assignee=event.arguments["person"], accepted=True)
    return _start(
        _stop(accepted, event.ts_ms, "accept"), "arrive", event.ts_ms, event.arguments["arrive_due"]
    )


def _arrive(ticket: Ticket, event: TicketEvent) -> Ticket:
    at_ms = event.arguments["arrived"]
    return _start(_stop(ticket, at_ms, "arrive"), "restore", at_ms, event.arguments["restore_due"])


def _begin(ticket: Ticket, event: TicketEvent) -> Ticket:
    if event.before is State.ON_SITE:
        return ticket
    # Work from afar: nobody arrives, so the time to restore runs from here.
    return _start(
        _stop(ticket, event.ts_ms, "arrive"), "restore", event.ts_ms, event.arguments["restore_due"]
    )


def _hold(ticket: Ticket, event: TicketEvent) -> Ticket:
    if not event.arguments["pauses"]:
        return ticket
    return replace(ticket, clocks={name: c.pause(event.ts_ms) for name, c in ticket.clocks.items()})


def _resume(ticket: Ticket, event: TicketEvent) -> Ticket:
    clocks = {name: clock.resume(event.ts_ms) for name, clock in ticket.clocks.items()}
    due_ms = event.arguments.get("restore_due")
    if due_ms is not None and "restore" in clocks:
        clocks["restore"] = replace(clocks["restore"], due_ms=due_ms)
    return replace(ticket, clocks=clocks)


def _report(ticket: Ticket, event: TicketEvent) -> Ticket:
    facts = event.arguments
    reported = replace(
        ticket,
        report={name: facts[name] for name in ("cause", "action", "measurements")},
        answers={**ticket.answers, **facts["checklist"]},
        reported_ms=event.ts_ms,
        waived=False,
    )
    return _start(_stop(reported, event.ts_ms, "restore"), "verify", event.ts_ms, facts["verify_due"])


def _in_hand_again(ticket: Ticket, event: TicketEvent) -> Ticket:
    again = replace(ticket, waived=False, feedback=None, asked_ms=None, attempts=0, ended_ms=None)
    stopped = _stop(again, event.ts_ms, "verify", "feedback")
    return _start(stopped, "restore", event.ts_ms, event.arguments.get("restore_due"))


def _verified(ticket: Ticket, event: TicketEvent) -> Ticket:
    verified = replace(ticket, waived=event.act is Act.VERIFY_WAIVE)
    return _stop(verified, event.ts_ms, "accept", "verify")


def _ask(ticket: Ticket, event: TicketEvent) -> Ticket:
    asked = replace(ticket, asked_ms=event.ts_ms)
    return _start(asked, "feedback", event.ts_ms, event.arguments["feedback_due"])


def _feedback(ticket: Ticket, event: TicketEvent) -> Ticket:
    attempts = ticket.attempts + 1
    if event.arguments["score"] is None:
        return replace(ticket, attempts=attempts)
    answer = {"score": event.arguments["score"], "text": event.arguments["text"]}
    return _stop(replace(ticket, attempts=attempts, feedback=answer), event.ts_ms, "feedback")


def _return(ticket: Ticket, event: TicketEvent) -> Ticket:
    back = replace(ticket, team=None, assignee=None, returns=ticket.returns + 1)
    stopped = _stop(back, event.ts_ms, *back.clocks)
    return _start(stopped, "accept", event.ts_ms, event.arguments["accept_due"])


def _reassign(ticket: Ticket, event: TicketEvent) -> Ticket:
    passed_on = replace(ticket, assignee=event.arguments["person"])
    if event.before is not State.ACCEPTED:
        return passed_on
    stopped = _stop(passed_on, event.ts_ms, *passed_on.clocks)
    return _start(stopped, "accept", event.ts_ms, event.arguments["accept_due"])


def _escalate(ticket: Ticket, event: TicketEvent) -> Ticket:
    return replace(ticket, level=event.arguments["level"])


def _add_evidence(ticket: Ticket, event: TicketEvent) -> Ticket:
    return replace(ticket, evidence=(*ticket.evidence, *event.arguments["files"]))


def _self_recovered(ticket: Ticket, event: TicketEvent) -> Ticket:
    lower = LOWER.get(ticket.priority)
    return replace(
        ticket,
        self_recovered=True,
        recovered_ms=event.arguments["clear_since"],
        priority=lower or ticket.priority,
        lowered=lower is not None,
    )


def _full_priority(ticket: Ticket) -> Priority:
    return HIGHER[ticket.priority] if ticket.lowered else ticket.priority


def _self_close(ticket: Ticket, _event: TicketEvent) -> Ticket:
    return replace(ticket, self_closed=True)


def _merge(ticket: Ticket, event: TicketEvent) -> Ticket:
    return replace(ticket, merged_into=event.arguments["into"])


def _reopen(ticket: Ticket, event: TicketEvent) -> Ticket:
    facts = event.arguments
    again = replace(
        ticket,
        reopened=ticket.reopened + 1,
        alerts=_with(ticket.alerts, facts.get("alerts", ())),
        devices=_with(ticket.devices, facts.get("devices", ())),
        priority=_full_priority(ticket),
        lowered=False,
        self_closed=False,
        self_recovered=False,
        recovered_ms=None,
    )
    if event.act is Act.REOPEN:
        return _in_hand_again(again, event)
    restarted = replace(again, ended_ms=None, team=None, assignee=None)
    return _start(restarted, "accept", event.ts_ms, facts["accept_due"])


_CHANGES = {
    Act.NUMBER: _number,
    Act.ATTACH: _attach,
    Act.LIST: _list,
    Act.DISPATCH: _dispatch,
    Act.ACCEPT: _accept,
    Act.ARRIVE: _arrive,
    Act.START: _begin,
    Act.HOLD: _hold,
    Act.RESUME: _resume,
    Act.REPORT: _report,
    Act.VERIFY_OK: _verified,
    Act.VERIFY_WAIVE: _verified,
    Act.REVIEW: _verified,
    Act.VERIFY_FAILED: _in_hand_again,
    Act.ASK_FEEDBACK: _ask,
    Act.FEEDBACK: _feedback,
    Act.RETURN: _return,
    Act.REASSIGN: _reassign,
    Act.ESCALATE: _escalate,
    Act.ADD_EVIDENCE: _add_evidence,
    Act.SELF_RECOVERED: _self_recovered,
    Act.SELF_CLOSE: _self_close,
    Act.MERGE: _merge,
    Act.REOPEN: _reopen,
    Act.RECUR: _reopen,
}
