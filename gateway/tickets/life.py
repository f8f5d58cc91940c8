"""The life of a ticket as one table: which event may happen in which state, and where it leads.

Everything that moves a ticket is a row here; guards only say no. This module knows no
alerts, no clocks and no persons.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

from agent.reading import Text
from gateway.tickets.config import TicketKind

Priority: TypeAlias = Literal["P1", "P2", "P3", "P4"]
TicketLevel: TypeAlias = Literal["village", "town", "county"]


LOWER: Mapping[Priority, Priority] = {"P1": "P2", "P2": "P3", "P3": "P4"}
HIGHER: Mapping[Priority, Priority] = {low: high for high, low in LOWER.items()}
"""One step less, one step more urgent."""


class State(StrEnum):
    NEW = "new"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    REPORTED = "reported"
    VERIFIED = "verified"
    FEEDBACK = "feedback"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    MERGED = "merged"


class Act(StrEnum):
    """What can happen to a ticket. The second group is the desk's own."""

    DISPATCH = "dispatch"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    REPORT = "report"
    VERIFY_WAIVE = "verify_waive"
    REVIEW = "review"
    RETURN = "return"
    CANCEL = "cancel"
    MERGE = "merge"
    RESET_LATCH = "reset_latch"
    REASSIGN = "reassign"
    ESCALATE = "escalate"
    CHASE = "chase"
    COMMENT = "comment"
    ADD_EVIDENCE = "add_evidence"
    FEEDBACK = "feedback"
    REOPEN = "reopen"
    ARCHIVE = "archive"

    OPEN = "open"
    NUMBER = "number"
    ATTACH = "attach"
    LIST = "list"
    VERIFY_OK = "verify_ok"
    VERIFY_FAILED = "verify_failed"
    ASK_FEEDBACK = "ask_feedback"
    SELF_RECOVERED = "self_recovered"
    SELF_CLOSE = "self_close"
    RECUR = "recur"


DESK_ONLY = frozenset(
    {
        Act.OPEN,
        Act.NUMBER,
        Act.ATTACH,
        Act.LIST,
        Act.VERIFY_OK,
        Act.VERIFY_FAILED,
        Act.ASK_FEEDBACK,
        Act.SELF_RECOVERED,
        Act.SELF_CLOSE,
        Act.RECUR,
    }
)
"""No person may send these. `list` names an inhibited alert in its root cause's ticket; `recur`
gives back a self-closed ticket, which nobody ever had in hand, when its alert comes again."""


def _stay(state: State, *acts: Act) -> dict[Act, State]:
    return dict.fromkeys(acts, state)


_NOTES = (Act.COMMENT, Act.ADD_EVIDENCE, Act.CHASE, Act.ESCALATE, Act.NUMBER, Act.LIST)

NEXT: Mapping[State, Mapping[Act, State]] = {
    State.NEW: {
        **_stay(State.NEW, *_NOTES, Act.ATTACH, Act.SELF_RECOVERED),
        Act.DISPATCH: State.DISPATCHED,
        Act.REVIEW: State.VERIFIED,
        Act.SELF_CLOSE: State.ARCHIVED,
        Act.CANCEL: State.CANCELLED,
        Act.MERGE: State.MERGED,
    },
    State.DISPATCHED: {
        **_stay(State.DISPATCHED, *_NOTES, Act.ATTACH, Act.SELF_RECOVERED, Act.REASSIGN),
        Act.ACCEPT: State.ACCEPTED,
        Act.RETURN: State.NEW,
        Act.REVIEW: State.VERIFIED,
        Act.SELF_CLOSE: State.ARCHIVED,
        Act.CANCEL: State.CANCELLED,
        Act.MERGE: State.MERGED,
    },
    State.ACCEPTED: {
        **_stay(State.ACCEPTED, *_NOTES, Act.ATTACH),
        Act.ARRIVE: State.ON_SITE,
        Act.START: State.IN_PROGRESS,
        Act.REASSIGN: State.DISPATCHED,
        Act.RETURN: State.NEW,
        Act.CANCEL: State.CANCELLED,
        Act.MERGE: State.MERGED,
    },
    State.ON_SITE: {
        **_stay(State.ON_SITE, *_NOTES, Act.ATTACH, Act.REASSIGN, Act.RESET_LATCH),
        Act.START: State.IN_PROGRESS,
        Act.MERGE: State.MERGED,
    },
    State.IN_PROGRESS: {
        **_stay(State.IN_PROGRESS, *_NOTES, Act.ATTACH, Act.REASSIGN, Act.RESET_LATCH),
        Act.HOLD: State.ON_HOLD,
        Act.REPORT: State.REPORTED,
        Act.MERGE: State.MERGED,
    },
    State.ON_HOLD: {
        **_stay(State.ON_HOLD, *_NOTES, Act.ATTACH, Act.REASSIGN, Act.RESET_LATCH),
        Act.RESUME: State.IN_PROGRESS,
        Act.MERGE: State.MERGED,
    },
    State.REPORTED: {
        **_stay(State.REPORTED, *_NOTES, Act.ATTACH, Act.RESET_LATCH),
        Act.VERIFY_OK: State.VERIFIED,
        Act.VERIFY_FAILED: State.IN_PROGRESS,
        Act.VERIFY_WAIVE: State.VERIFIED,
        Act.MERGE: State.MERGED,
    },
    State.VERIFIED: {
        **_stay(State.VERIFIED, *_NOTES, Act.RESET_LATCH),
        Act.ATTACH: State.IN_PROGRESS,
        Act.ASK_FEEDBACK: State.FEEDBACK,
        Act.ARCHIVE: State.ARCHIVED,
        Act.MERGE: State.MERGED,
    },
    State.FEEDBACK: {
        **_stay(State.FEEDBACK, *_NOTES, Act.FEEDBACK, Act.RESET_LATCH),
        Act.ATTACH: State.IN_PROGRESS,
        Act.ARCHIVE: State.ARCHIVED,
        Act.MERGE: State.MERGED,
    },
    State.ARCHIVED: {
        **_stay(State.ARCHIVED, Act.COMMENT, Act.NUMBER, Act.ADD_EVIDENCE),
        Act.REOPEN: State.IN_PROGRESS,
        Act.RECUR: State.NEW,
    },
    State.CANCELLED: _stay(State.CANCELLED, Act.NUMBER, Act.ADD_EVIDENCE, Act.RESET_LATCH),
    State.MERGED: _stay(State.MERGED, Act.NUMBER, Act.ADD_EVIDENCE),
}
"""State x event → state. What is not here cannot happen."""

ENDED = frozenset({State.ARCHIVED, State.CANCELLED, State.MERGED})
UNACCEPTED = frozenset({State.NEW, State.DISPATCHED})

REMOTE_KINDS: frozenset[TicketKind] = frozenset({"config", "communication"})
"""May be worked on without going there."""
SELF_CLOSING_KINDS: frozenset[TicketKind] = frozenset({"communication", "config", "outage"})
CUSTOMER_KINDS: frozenset[TicketKind] = frozenset({"mediation", "behind_meter"})
"""End with a call-back to the person who asked."""
MEASURED_KINDS: frozenset[TicketKind] = frozenset({"defect", "metering", "power_quality", "mediation"})
"""A report needs at least one measurement with its unit and instrument."""
ISOLATED_KINDS: frozenset[TicketKind] = frozenset({"emergency", "defect"})
"""Work starts only on what is isolated."""

STATE_NAMES: Mapping[State, Text] = {
    State.NEW: Text("new", "已受理"),
    State.DISPATCHED: Text("dispatched", "已派单"),
    State.ACCEPTED: Text("accepted", "已接单"),
    State.ON_SITE: Text("on site", "已到场"),
    State.IN_PROGRESS: Text("in progress", "处理中"),
    State.ON_HOLD: Text("on hold", "挂起"),
    State.REPORTED: Text("reported", "已回单"),
    State.VERIFIED: Text("verified", "已核验"),
    State.FEEDBACK: Text("call-back", "回访中"),
    State.ARCHIVED: Text("archived", "已归档"),
    State.CANCELLED: Text("cancelled", "已作废"),
    State.MERGED: Text("merged", "已合并"),
}
