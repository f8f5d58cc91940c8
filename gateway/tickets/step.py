# ruff: noqa: ARG001  # all makers of facts have one shape
"""A ticket and an event give new events, or a refusal with its reason. Pure: all that counts is handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agent.reading import Text
from gateway.tickets.ask import ASKABLE, Ask, desk_key
from gateway.tickets.context import Context
from gateway.tickets.event import TicketEvent
from gateway.tickets.guards import CALL_BACK_MS, GUARDS, REOPEN_WITHIN_MS
from gateway.tickets.life import CUSTOMER_KINDS, NEXT, REMOTE_KINDS, STATE_NAMES, Act, State
from gateway.tickets.recovery import latched, still_active
from gateway.tickets.refusal import Refusal
from gateway.tickets.ticket import Ticket, apply

RETURNS_THAT_ESCALATE = 3


@dataclass(frozen=True, slots=True)
class Accepted:
    """New events in order; `other` are those of the ticket that this one was merged into."""

    events: tuple[TicketEvent, ...]
    other: tuple[TicketEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledge:
    alert: str
    by: str


@dataclass(frozen=True, slots=True)
class ResetLatch:
    alert: str
    by: str


@dataclass(frozen=True, slots=True)
class LinkAlert:
    """Tell the engine which ticket an alert has."""

    alert: str


@dataclass(frozen=True, slots=True)
class FreezeEvidence:
    """Keep the readings around the alerts as they are now."""

    stage: str


Effect: TypeAlias = Acknowledge | ResetLatch | LinkAlert | FreezeEvidence


def step(ticket: Ticket, ask: Ask, context: Context) -> Accepted | Refusal:
    """What an event makes of a ticket.

    Args:
        ticket: as it is now.
        ask: arguments already checked by `parse_ask` (or the desk's own).
        context: the world at this instant.
    """
    no = _not_in_table(ticket, ask.act, context)
    guard = GUARDS.get(ask.act)
    if no is None and guard is not None:
        no = guard(ticket, ask, context)
    if no is not None:
        return Refusal(ask.act, ticket.state, allowed(ticket, context), *no)
    facts = _FACTS.get(ask.act, _as_asked)(ticket, ask, context)
    event = next_event(ticket, ask, facts, context.now_ms)
    events = (event, *_follow_ups(apply(ticket, event), ask, context))
    if ask.act is not Act.MERGE or context.other is None:
        return Accepted(events)
    return Accepted(events, _taken_over(ticket, context.other, ask, context))


def next_event(ticket: Ticket, ask: Ask, facts: Mapping[str, Any], now_ms: int) -> TicketEvent:
    """`ask` as the ticket's next event; the move must be in the table."""
    return TicketEvent(
        seq=ticket.last_seq + 1,
        key=ask.key,
        act=ask.act,
        by=ask.by,
        role=ask.role,
        ts_ms=now_ms,
        before=ticket.state,
        after=NEXT[ticket.state][ask.act],
        arguments=facts,
    )


def allowed(ticket: Ticket, context: Context) -> tuple[Act, ...]:
    """The events that somebody may send in this state; their data can still be refused."""
    return tuple(act for act in ASKABLE if act in NEXT[ticket.state] and _makes_sense(ticket, act, context))


def effects(event: TicketEvent, ticket: Ticket) -> tuple[Effect, ...]:
    """What the world must do because of an event; each may be done twice without harm."""
    match event.act:
        case Act.OPEN:
            return (*map(LinkAlert, ticket.alerts), FreezeEvidence("opening"))
        case Act.ATTACH:
            return tuple(map(LinkAlert, event.arguments["alerts"]))
        case Act.REOPEN | Act.RECUR:
            linked = tuple(map(LinkAlert, event.arguments["alerts"]))
            return (*linked, FreezeEvidence(f"opening-{ticket.reopened + 1}")) if linked else ()
        case Act.ACCEPT:
            return tuple(Acknowledge(alert, event.by) for alert in ticket.alerts)
        case Act.RESET_LATCH:
            return tuple(ResetLatch(alert, event.arguments["person"]) for alert in ticket.alerts)
        case Act.REPORT:
            return (FreezeEvidence(f"report-{event.seq}"),)
        case _:
            return ()


def _makes_sense(ticket: Ticket, act: Act, context: Context) -> bool:
    match act:
        case Act.START:
            return ticket.state is not State.ACCEPTED or ticket.kind in REMOTE_KINDS
        case Act.REVIEW:
            return ticket.self_recovered
        case Act.ARCHIVE:
            return ticket.state is not State.VERIFIED or ticket.kind not in CUSTOMER_KINDS
        case Act.RESET_LATCH:
            return bool(latched(ticket, context))
        case Act.REOPEN:
            return ticket.ended_ms is not None and context.now_ms - ticket.ended_ms <= REOPEN_WITHIN_MS
        case _:
            return True


_CLOSING = frozenset({Act.ARCHIVE, Act.VERIFY_WAIVE, Act.REVIEW})


def _not_in_table(ticket: Ticket, act: Act, context: Context) -> tuple[str, Text] | None:
    customer_first = act is Act.ARCHIVE and not _makes_sense(ticket, act, context)
    if act in NEXT[ticket.state] and not customer_first:
        return None
    active = still_active(ticket, context) if ticket.open and act in _CLOSING else None
    if active is not None:
        return active
    names = ", ".join(a.value for a in allowed(ticket, context)) or "-"
    state = STATE_NAMES[ticket.state]
    return "not_in_this_state", Text(
        f"{act.value} is not possible while the ticket is {state.en}; possible now: {names}",
        f"工单{state.zh},不能执行 {act.value};当前可执行:{names}",
    )


def _follow_ups(ticket: Ticket, ask: Ask, context: Context) -> tuple[TicketEvent, ...]:
    """What the desk does in the same breath: ask the customer; send a thrice returned ticket up."""
    facts: dict[str, Any]
    if ticket.state is State.VERIFIED and ticket.kind in CUSTOMER_KINDS:
        act, facts = Act.ASK_FEEDBACK, {"feedback_due": context.now_ms + CALL_BACK_MS}
    elif ask.act is Act.RETURN and ticket.returns == RETURNS_THAT_ESCALATE and ticket.level == "village":
        act, facts = Act.ESCALATE, {"level": "town", "reason": f"returned {ticket.returns} times"}
    else:
        return ()
    follow = Ask(act, "desk", "desk", desk_key(f"{ask.key}:{act.value}"))
    return (next_event(ticket, follow, facts, context.now_ms),)


def _taken_over(ticket: Ticket, other: Ticket, ask: Ask, context: Context) -> tuple[TicketEvent, ...]:
    """The target takes the alerts, keeps the earliest clocks, and lists what was listed."""
    facts: dict[str, Any] = {
        "alerts": list(ticket.alerts),
        "devices": list(ticket.devices),
        "priority": ticket.priority,
        "verify_for_ms": ticket.verify_for_ms,
        "merged_from": ticket.id,
        "due": {name: c.due_ms for name, c in ticket.clocks.items() if c.stopped_ms is None},
    }
    attach = Ask(Act.ATTACH, ask.by, ask.role, desk_key(f"{ask.key}:attach"), facts)
    first = next_event(other, attach, _attach(other, attach, context), context.now_ms)
    if not ticket.inhibited:
        return (first,)
    listed = {"alerts": list(ticket.inhibited), "devices": []}
    listing = Ask(Act.LIST, ask.by, ask.role, desk_key(f"{ask.key}:list"), listed)
    return first, next_event(apply(other, first), listing, listed, context.now_ms)


def _as_asked(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return ask.arguments


def _accept(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    due_ms = context.timetable.arrive_ms(ticket.kind, ticket.priority, context.now_ms)
    return {"person": _person(ask), "arrive_due": due_ms}


def _person(ask: Ask) -> str:
    return str(ask.arguments.get("person") or ask.by)


def _named(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {**ask.arguments, "person": _person(ask)}


def _arrive(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    at_ms = context.now_ms if ask.arguments.get("at") is None else ask.arguments["at"]
    return {"arrived": at_ms, "restore_due": _restore_ms(ticket, context, at_ms)}


def _restore_ms(ticket: Ticket, context: Context, from_ms: int) -> int:
    return context.timetable.restore_ms(ticket.kind, ticket.priority, from_ms)


def _restart(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {**ask.arguments, "restore_due": _restore_ms(ticket, context, context.now_ms)}


def _wait_again(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    due_ms = context.timetable.accept_ms(ticket.kind, ticket.priority, context.now_ms)
    return {**ask.arguments, "accept_due": due_ms}


def _hold(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {**ask.arguments, "pauses": ask.arguments["reason"] != "safety"}


def _resume(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    restore = ticket.clocks["restore"]
    if restore.paused_since_ms is None or restore.due_ms is None:
        return {}
    due_ms = context.timetable.restore_after_pause_ms(
        ticket.kind, ticket.priority, restore.due_ms, restore.paused_since_ms, context.now_ms
    )
    return {"restore_due": due_ms}


def _report(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {**ask.arguments, "verify_due": context.now_ms + ticket.verify_for_ms}


def _merge(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {"into": ask.arguments["into"] if context.other is None else context.other.id}


def _attach(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    facts = dict(ask.arguments)
    priority = min(ticket.priority, facts["priority"])
    due = dict(facts.get("due", {}))
    sooner_ms = context.timetable.accept_ms(ticket.kind, priority, context.now_ms)
    due["accept"] = min(due["accept"], sooner_ms) if due.get("accept") is not None else sooner_ms
    if ticket.state in (State.VERIFIED, State.FEEDBACK):
        facts["restore_due"] = context.timetable.restore_ms(ticket.kind, priority, context.now_ms)
    return {**facts, "due": due}


def _list(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    """What a root cause mutes can be worse than itself: then the ticket is as urgent as that."""
    priority = ask.arguments.get("priority", ticket.priority)
    if priority >= ticket.priority:
        return ask.arguments
    return {
        **ask.arguments,
        "due": {"accept": context.timetable.accept_ms(ticket.kind, priority, context.now_ms)},
    }


def _reopen(ticket: Ticket, ask: Ask, context: Context) -> Mapping[str, Any]:
    return {"alerts": [], "devices": [], **_restart(ticket, ask, context)}


_FACTS: Mapping[Act, Callable[[Ticket, Ask, Context], Mapping[str, Any]]] = {
    Act.ACCEPT: _accept,
    Act.ARRIVE: _arrive,
    Act.START: _restart,
    Act.HOLD: _hold,
    Act.RESUME: _resume,
    Act.REPORT: _report,
    Act.VERIFY_WAIVE: _named,
    Act.VERIFY_FAILED: _restart,
    Act.REVIEW: _named,
    Act.CANCEL: _named,
    Act.RESET_LATCH: _named,
    Act.RETURN: _wait_again,
    Act.REASSIGN: _wait_again,
    Act.MERGE: _merge,
    Act.ATTACH: _attach,
    Act.LIST: _list,
    Act.REOPEN: _reopen,
    Act.RECUR: _wait_again,
}
