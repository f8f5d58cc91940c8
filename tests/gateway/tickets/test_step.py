"""The life of a ticket: every cell of the table, every guard, and what must hold on any path."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.reading import Text
from gateway.tickets.ask import ASKABLE, Ask, WrongArguments, parse_ask
from gateway.tickets.context import AlertFacts, Context
from gateway.tickets.due import BusinessHours, Timetable
from gateway.tickets.event import TicketEvent
from gateway.tickets.judge import judge, measure_from_ms
from gateway.tickets.life import DESK_ONLY, NEXT, Act, State
from gateway.tickets.opening import Subject, opened
from gateway.tickets.refusal import TITLES, Refusal
from gateway.tickets.roles import Forbidden, check_role
from gateway.tickets.routing import TeamFacts
from gateway.tickets.step import Accepted, FreezeEvidence, LinkAlert, ResetLatch, effects, step
from gateway.tickets.ticket import Ticket, apply, replay

T0 = 1_779_931_200_000  # Thursday 28 May 2026, 09:20 in Shanghai
MINUTE = 60_000
HOUR = 3_600_000
TIMETABLE = Timetable(BusinessHours(ZoneInfo("Asia/Shanghai")))
TEAMS = (
    TeamFacts("station", members=frozenset({"zhang", "li"})),
    TeamFacts("night", kinds=frozenset({"outage"})),
)
REPORT: dict[str, Any] = {
    "cause": "filter",
    "action": "cleaned",
    "measurements": [{"name": "cell temperature", "value": 38.5, "unit": "°C", "instrument": "IR camera 7"}],
}
SAFE = {"safety": {"isolated": True, "gas_quiet": True}}


def alert(state: str = "active", **facts: Any) -> AlertFacts:
    since = {"active": None, "clearing": None, "unknown": None}.get(state, T0)
    defaults: dict[str, Any] = {
        "id": "a1",
        "device": "bat-1",
        "severity": "medium",
        "since_ms": T0 - MINUTE,
        "clear_since_ms": since,
        "words": Text("still 46.2 °C, needs <= 42 for 10 min", "仍为 46.2 °C,须 <= 42 达 10 分钟"),
    }
    return AlertFacts(state=state, **{**defaults, **facts})  # type: ignore[arg-type]


def world(now_ms: int = T0, *alerts: AlertFacts, **facts: Any) -> Context:
    defaults: dict[str, Any] = {"teams": TEAMS, "site_code": "ABC234", "good_share": None}
    return Context(now_ms, TIMETABLE, {a.id: a for a in alerts}, **{**defaults, **facts})


def new_ticket(kind: str = "defect", **facts: Any) -> Ticket:
    defaults: dict[str, Any] = {
        "key": f"s1/bat-1/BAT/{kind}",
        "kind": kind,
        "site": "s1",
        "title": Text("Cell warm", "电芯偏热"),
        "source": "alert",
        "priority": "P3",
        "devices": ("bat-1",),
        "alerts": ("a1",),
        "team": "station",
    }
    subject = Subject(**{**defaults, **facts})
    event = opened(
        subject,
        ticket_id="t1",
        number="T-20260528-s1-001",
        event_key="k0",
        by="desk",
        role="desk",
        now_ms=T0,
        timetable=TIMETABLE,
    )
    return apply(None, event)


def ask(event: str, *, by: str = "zhang", role: str = "operator", **arguments: Any) -> Ask:
    return parse_ask({"event": event, **arguments}, by=by, role=role)


def do(ticket: Ticket, event: Ask | str, context: Context, **arguments: Any) -> Ticket:
    """The ticket after an event that must be accepted."""
    wanted = ask(event, **arguments) if isinstance(event, str) else event
    answer = step(ticket, wanted, context)
    assert isinstance(answer, Accepted), answer
    for written in answer.events:
        ticket = apply(ticket, written)
    return ticket


def in_state(state: State, kind: str = "defect", **facts: Any) -> Ticket:
    """A ticket led to a state by the shortest honest way."""
    ticket = new_ticket(kind, **facts)
    for reached, event, arguments in WAY[state]:
        alerts = (
            (alert("cleared"),) if reached in ("verified", "feedback", "archived") else (alert("active"),)
        )
        ticket = do(ticket, event, world(T0, *alerts), **arguments)
    assert ticket.state is state
    return ticket


_DISPATCH = ("dispatched", "dispatch", {"team": "station", "person": "zhang"})
_ACCEPT = ("accepted", "accept", {"person": "zhang"})
_ARRIVE = ("on_site", "arrive", {"code": "abc234", "at": T0})
_START = ("in_progress", "start", SAFE)
_REPORT = ("reported", "report", REPORT)
_WORKED = [_DISPATCH, _ACCEPT, _ARRIVE, _START]
_WAIVE = ("verified", "verify_waive", {"person": "op1", "reason": "sensor replaced"})
WAY: Mapping[State, list[tuple[str, str, dict[str, Any]]]] = {
    State.NEW: [],
    State.DISPATCHED: [_DISPATCH],
    State.ACCEPTED: [_DISPATCH, _ACCEPT],
    State.ON_SITE: [_DISPATCH, _ACCEPT, _ARRIVE],
    State.IN_PROGRESS: _WORKED,
    State.ON_HOLD: [*_WORKED, ("on_hold", "hold", {"reason": "parts", "resume_by": T0 + HOUR})],
    State.REPORTED: [*_WORKED, _REPORT],
    State.VERIFIED: [*_WORKED, _REPORT, _WAIVE],
    State.FEEDBACK: [*_WORKED, _REPORT, _WAIVE],
    State.ARCHIVED: [*_WORKED, _REPORT, _WAIVE, ("archived", "archive", {})],
    State.CANCELLED: [("cancelled", "cancel", {"reason": "test alarm"})],
}


# ---------------------------------------------------------------- the table

GOOD_ASKS: Mapping[Act, dict[str, Any]] = {
    Act.DISPATCH: {"team": "station"},
    Act.ACCEPT: {"person": "li"},
    Act.ARRIVE: {"code": "ABC234", "at": T0},
    Act.START: SAFE,
    Act.HOLD: {"reason": "grid outage", "resume_by": T0 + HOUR},
    Act.RESUME: {},
    Act.REPORT: REPORT,
    Act.VERIFY_WAIVE: {"person": "op1", "reason": "meter replaced"},
    Act.REVIEW: {"person": "op1", "note": "looked"},
    Act.RETURN: {"reason": "not ours"},
    Act.CANCEL: {"reason": "false alarm"},
    Act.MERGE: {"into": "t2"},
    Act.RESET_LATCH: {"person": "zhang"},
    Act.REASSIGN: {"person": "li"},
    Act.ESCALATE: {"level": "town", "reason": "late"},
    Act.CHASE: {},
    Act.COMMENT: {"text": "on my way"},
    Act.ADD_EVIDENCE: {},
    Act.FEEDBACK: {"score": 5, "text": "thanks"},
    Act.REOPEN: {"reason": "again"},
    Act.ARCHIVE: {},
}
DESK_FACTS: Mapping[Act, dict[str, Any]] = {
    Act.NUMBER: {"number": "T-20260528-s1-002"},
    Act.ATTACH: {"alerts": ["a2"], "devices": ["bat-2"], "priority": "P2", "verify_for_ms": MINUTE},
    Act.LIST: {"alerts": ["a9"], "devices": ["inv-1"]},
    Act.VERIFY_FAILED: {"reason": "still active after the report"},
    Act.SELF_RECOVERED: {"clear_since": T0},
    Act.RECUR: {"alerts": ["a2"], "devices": ["bat-1"]},
    Act.ASK_FEEDBACK: {"feedback_due": T0 + HOUR},
}


def sensible(act: Act) -> Ask:
    if act in DESK_ONLY:
        return Ask(act, "desk", "desk", f"k-{act}", DESK_FACTS.get(act, {}))
    if act is Act.ADD_EVIDENCE:
        return Ask(act, "zhang", "inspector", "k-ev", {"files": [{"name": "photo.jpg", "sha256": "00"}]})
    return ask(act.value, **GOOD_ASKS[act])


def kind_for(state: State, act: Act) -> tuple[str, dict[str, Any]]:
    """A kind of ticket for which this cell makes sense."""
    if state is State.FEEDBACK:
        return "behind_meter", {}
    return ("config", {"alerts": ()}) if act in (Act.SELF_CLOSE, Act.START) else ("power_quality", {})


def prepared(state: State, act: Act) -> tuple[Ticket, Context]:
    kind, facts = kind_for(state, act)
    if state is State.MERGED:
        ticket = do(new_ticket(kind, **facts), "merge", world(T0, other=replay_other()), into="t2")
    else:
        ticket = in_state(state, kind, **facts)
    now = T0 + HOUR
    alerts = [alert("latched" if act is Act.RESET_LATCH else "cleared")]
    if act is Act.REVIEW:
        ticket = do(ticket, sensible(Act.SELF_RECOVERED), world(T0, *alerts))
    if act is Act.ARCHIVE and state is State.FEEDBACK:
        ticket = do(ticket, "feedback", world(now, *alerts), score=5)
    hold = {"resume_by": now + HOUR} if act is Act.HOLD else {}
    assert not hold or act is Act.HOLD
    return ticket, world(now, *alerts, good_share=1.0, other=replay_other())


def replay_other() -> Ticket:
    event = opened(
        Subject("s1/inv-1/PV/defect", "defect", "s1", Text("x", "x"), "person", "P3"),
        ticket_id="t2", number=None, event_key="k", by="op", role="operator", now_ms=T0, timetable=TIMETABLE,
    )  # fmt: skip
    return apply(None, event)


CELLS = [(state, act) for state in State for act in Act if act is not Act.OPEN]


@pytest.mark.parametrize(("state", "act"), CELLS, ids=[f"{s.value}-{a.value}" for s, a in CELLS])
def test_every_cell_of_the_table_leads_where_it_says_or_is_refused_with_a_reason(state: State, act: Act):
    if act not in NEXT[state]:
        kind = "behind_meter" if state is State.FEEDBACK else "power_quality"
        ticket = (
            do(new_ticket(), "merge", world(T0, other=replay_other()), into="t2")
            if state is State.MERGED
            else in_state(state, kind)
        )
        answer = step(ticket, sensible(act), world(T0 + HOUR, alert("cleared"), good_share=1.0))
        assert isinstance(answer, Refusal)
        assert answer.guard == "not_in_this_state"
        assert answer.state is state
        assert act not in answer.allowed
        return
    ticket, context = prepared(state, act)
    wanted = sensible(act)
    if act is Act.HOLD:
        wanted = ask("hold", reason="parts", resume_by=context.now_ms + HOUR)
    answer = step(ticket, wanted, context)
    assert isinstance(answer, Accepted), answer
    after = apply(ticket, answer.events[0])
    assert after.state is NEXT[state][act]
    assert after.open == (after.state not in (State.ARCHIVED, State.CANCELLED, State.MERGED))


def test_the_table_has_the_states_and_events_of_the_contract():
    assert set(NEXT) == set(State)
    assert [a.value for a in ASKABLE] == [
        "dispatch",
        "accept",
        "arrive",
        "start",
        "hold",
        "resume",
        "report",
        "verify_waive",
        "review",
        "return",
        "cancel",
        "merge",
        "reset_latch",
        "reassign",
        "escalate",
        "chase",
        "comment",
        "add_evidence",
        "feedback",
        "reopen",
        "archive",
    ]


# ---------------------------------------------------------------- guards


def refused(ticket: Ticket, event: Ask | str, context: Context, **arguments: Any) -> Refusal:
    answer = step(ticket, ask(event, **arguments) if isinstance(event, str) else event, context)
    assert isinstance(answer, Refusal), answer
    assert answer.guard in TITLES
    return answer


CHECKED = {
    "items": (
        {
            "id": "gas",
            "text": {"en": "gas quiet", "zh": "无报警"},
            "mandatory": True,
            "kind": "yes_no",
            "unit": None,
        },
        {
            "id": "room",
            "text": {"en": "room", "zh": "室温"},
            "mandatory": True,
            "kind": "number",
            "unit": "°C",
        },
        {
            "id": "note",
            "text": {"en": "note", "zh": "备注"},
            "mandatory": False,
            "kind": "text",
            "unit": None,
        },
    )
}


@pytest.mark.parametrize(
    ("state", "facts", "event", "arguments", "guard"),
    [
        (State.NEW, {}, "dispatch", {"team": "nobody"}, "unknown_team"),
        (State.NEW, {}, "dispatch", {"team": "night"}, "team_not_for_kind"),
        (State.NEW, {}, "dispatch", {"team": "station", "person": "wang"}, "not_a_member"),
        (State.DISPATCHED, {}, "accept", {"person": "wang"}, "not_a_member"),
        (State.ACCEPTED, {}, "reassign", {"person": "wang"}, "not_a_member"),
        (State.ACCEPTED, {}, "arrive", {"code": "XXX999"}, "wrong_site_code"),
        (State.ACCEPTED, {}, "arrive", {"code": "ABC234", "at": T0 + HOUR}, "arrival_in_future"),
        (State.ACCEPTED, {}, "arrive", {"code": "ABC234", "at": T0 - HOUR}, "arrival_before_acceptance"),
        (State.ACCEPTED, {}, "arrive", {"code": "ABC234", "at": T0 // 1_000}, "arrival_before_acceptance"),
        (State.ACCEPTED, {}, "start", SAFE, "remote_work_not_allowed"),
        (
            State.ON_SITE,
            {},
            "start",
            {"safety": {"isolated": True, "gas_quiet": False}},
            "safety_not_confirmed",
        ),
        (
            State.ON_SITE,
            {},
            "start",
            {"safety": {"isolated": False, "gas_quiet": True}},
            "safety_not_confirmed",
        ),
        (State.IN_PROGRESS, {}, "hold", {"reason": "parts", "resume_by": T0 - 1}, "resume_by_past"),
        (State.IN_PROGRESS, {}, "report", {**REPORT, "measurements": []}, "measurement_missing"),
        (
            State.IN_PROGRESS,
            CHECKED,
            "report",
            {**REPORT, "checklist": {"gas": True}},
            "checklist_incomplete",
        ),
        (
            State.IN_PROGRESS,
            CHECKED,
            "report",
            {**REPORT, "checklist": {"gas": 3, "room": 21}},
            "checklist_incomplete",
        ),
        (State.IN_PROGRESS, {}, "report", {**REPORT, "checklist": {"x": True}}, "checklist_unknown_item"),
        (State.REPORTED, {}, "verify_waive", {"reason": "in a hurry"}, "alert_still_active"),
        (State.REPORTED, {}, "archive", {}, "alert_still_active"),
        (State.IN_PROGRESS, {}, "archive", {}, "alert_still_active"),
        (State.NEW, {}, "review", {"note": "fine"}, "alert_still_active"),
        (State.ON_SITE, {}, "reset_latch", {}, "alert_still_active"),
        (State.NEW, {}, "merge", {"into": "t9"}, "merge_unknown"),
        (State.ARCHIVED, {}, "escalate", {"level": "town", "reason": "x"}, "not_in_this_state"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_guard_says_no_by_name(state: State, facts: Any, event: str, arguments: Any, guard: str):
    assert (
        refused(
            in_state(state, **{"kind": "defect", **facts}) if not facts else worked(facts),
            event,
            world(T0, alert()),
            **arguments,
        ).guard
        == guard
    )


def worked(facts: dict[str, Any]) -> Ticket:
    return in_state(State.IN_PROGRESS, "defect", **facts)


def test_a_refusal_tells_the_value_and_what_it_needs_in_the_callers_language():
    answer = refused(in_state(State.REPORTED), "archive", world(T0, alert("active")))
    assert answer.document("en") == {
        "type": "urn:maplebridge:problem:alert_still_active",
        "title": "The alert is still active",
        "status": 409,
        "detail": "still 46.2 °C, needs <= 42 for 10 min",
        "event": "archive",
        "state": "reported",
        "allowed": ["verify_waive", "merge", "escalate", "chase", "comment", "add_evidence"],
        "guard": "alert_still_active",
    }
    assert answer.document("zh")["detail"] == "仍为 46.2 °C,须 <= 42 达 10 分钟"


@pytest.mark.parametrize(
    ("now", "alerts", "share", "expected"),
    [
        (T0 + 29 * MINUTE, [alert("cleared")], 1.0, None),
        (T0 + 30 * MINUTE, [alert("cleared")], 1.0, Act.VERIFY_OK),
        (T0 + 30 * MINUTE, [alert("cleared")], 0.89, None),
        (T0 + 30 * MINUTE, [alert("cleared")], None, None),
        (T0 + 30 * MINUTE, [alert("latched")], 0.95, Act.VERIFY_OK),
        (T0 + 30 * MINUTE, [alert("cleared", clear_since_ms=T0 + MINUTE)], 1.0, None),
        (T0 + 31 * MINUTE, [alert("cleared", clear_since_ms=T0 + MINUTE)], 1.0, Act.VERIFY_OK),
        (T0 + 29 * MINUTE, [alert("active")], 1.0, None),
        (T0 + 30 * MINUTE, [alert("active")], 1.0, Act.VERIFY_FAILED),
        (T0 + 30 * MINUTE, [alert("clearing")], 1.0, None),
        (T0 + 90 * MINUTE, [alert("unknown")], 1.0, None),
        (T0 + 2 * MINUTE, [alert("active", since_ms=T0 + MINUTE)], 1.0, Act.VERIFY_FAILED),
        (T0 + 30 * MINUTE, [alert("active", suppressed=True)], 1.0, None),
    ],
)
def test_the_desk_verifies_by_what_it_measures_after_the_report(now, alerts, share, expected):
    ticket = in_state(State.REPORTED)
    context = world(now, *alerts, good_share=share)
    verdict = judge(ticket, context)
    assert (None if verdict is None else verdict.act) == expected
    if expected is Act.VERIFY_OK:
        assert measure_from_ms(ticket, context) == max(T0, alerts[0].clear_since_ms)
        assert do(ticket, verdict, context).state is State.VERIFIED


def test_a_person_cannot_do_what_only_the_desk_may():
    for act in DESK_ONLY:
        with pytest.raises(WrongArguments, match="is not an event"):
            ask(act.value)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"event": "dispatch"}, "team"),
        ({"event": "arrive", "code": "ABC234", "at": "noon"}, "at"),
        ({"event": "start", "safety": {"isolated": True}}, "safety.gas_quiet"),
        ({"event": "hold", "reason": "lunch", "resume_by": T0}, "reason"),
        ({"event": "report", "cause": "", "action": "x"}, "cause"),
        ({"event": "report", **REPORT, "measurements": [{"name": "U", "value": 230}]}, "measurements.0.unit"),
        ({"event": "escalate", "level": "moon", "reason": "x"}, "level"),
        ({"event": "feedback", "score": 6}, "score"),
        ({"event": "archive", "force": True}, "force"),
        ({"event": "explode"}, "event"),
        ({"event": None}, "event"),
        ({"event": "archive", "key": 5}, "key"),
        ({"event": "archive", "key": "desk:number"}, "key"),
        ({"event": "add_evidence", "name": "report-9-manifest.json", "content": ""}, "name"),
        ({"event": "add_evidence", "name": "opening-points.csv", "content": ""}, "name"),
        ({"event": "add_evidence", "name": "a.jpg", "content": "A" * 1_333_340}, "content"),
    ],
)
def test_wrong_arguments_are_named(event, path):
    with pytest.raises(WrongArguments) as wrong:
        parse_ask(event, by="op1", role="operator")
    assert wrong.value.faults[0]["path"] == path
    assert wrong.value.document()["status"] == 422


def test_no_list_of_teams_means_that_anybody_may_work():
    ticket = do(new_ticket(), "dispatch", world(teams=()), team="whoever")
    assert do(ticket, "accept", world(teams=()), person="somebody").assignee == "somebody"


@pytest.mark.parametrize("kind", ["communication", "config", "outage"])
def test_what_mends_itself_before_anybody_accepts_closes_itself(kind):
    ticket = in_state(State.DISPATCHED, kind)
    early, late = T0 + 29 * MINUTE, T0 + 30 * MINUTE
    assert judge(ticket, world(early, alert("cleared"), good_share=1.0)) is None
    assert judge(ticket, world(late, alert("latched"), good_share=1.0)) is None
    context = world(late, alert("cleared"), good_share=0.9)
    closed = do(ticket, judge(ticket, context), context)
    assert (closed.state, closed.self_closed) == (State.ARCHIVED, True)
    accepted = in_state(State.ACCEPTED, kind)
    assert judge(accepted, world(late, alert("cleared"), good_share=1.0)) is None


def test_other_work_that_mends_itself_drops_one_step_and_needs_a_look():
    ticket = in_state(State.DISPATCHED, "inspection")
    context = world(T0 + MINUTE, alert("cleared"))
    marked = do(ticket, judge(ticket, context), context)
    assert (marked.state, marked.priority, marked.self_recovered) == (State.DISPATCHED, "P4", True)
    assert judge(marked, context) is None
    assert refused(marked, "review", context, note="ok").guard == "not_clear_long_enough"
    calm = world(T0 + HOUR, alert("cleared"), good_share=0.95)
    assert do(marked, "review", calm, note="ok").state is State.VERIFIED
    again = {"alerts": ["a2"], "devices": ["bat-1"], "priority": "P3", "verify_for_ms": MINUTE}
    back = do(marked, Ask(Act.ATTACH, "desk", "desk", "x", again), context)
    assert (back.priority, back.self_recovered) == ("P3", False)


def test_an_emergency_never_closes_itself_nor_does_a_latched_one_get_lowered():
    ticket = in_state(State.DISPATCHED, "emergency")
    assert judge(ticket, world(T0 + HOUR, alert("latched"), good_share=1.0)) is None
    verdict = judge(ticket, world(T0 + HOUR, alert("cleared"), good_share=1.0))
    assert verdict is not None
    assert verdict.act is Act.SELF_RECOVERED


def test_a_latched_alert_keeps_its_ticket_out_of_the_archive():
    ticket = do(in_state(State.REPORTED), "verify_waive", world(T0, alert("latched")), reason="seen")
    assert refused(ticket, "archive", world(T0, alert("latched"))).guard == "latch_not_reset"
    reset = step(ticket, ask("reset_latch", person="zhang"), world(T0, alert("latched")))
    assert isinstance(reset, Accepted)
    assert effects(reset.events[0], ticket) == (ResetLatch("a1", "zhang"),)
    assert do(ticket, "archive", world(T0, alert("cleared"))).state is State.ARCHIVED


def test_a_customer_is_called_back_before_the_archive():
    ticket = in_state(State.FEEDBACK, "behind_meter")
    assert refused(ticket, "archive", world(T0, alert("cleared"))).guard == "feedback_pending"
    for _ in range(3):
        ticket = do(ticket, "feedback", world(T0), text="no answer")
    assert do(ticket, "archive", world(T0, alert("cleared"))).state is State.ARCHIVED
    waited = in_state(State.FEEDBACK, "behind_meter")
    assert do(waited, "archive", world(T0 + 72 * HOUR, alert("cleared"))).state is State.ARCHIVED


def test_a_mediation_is_archived_with_signatures_or_referred():
    ticket = do(in_state(State.FEEDBACK, "mediation"), "feedback", world(), score=4)
    calm = world(T0, alert("cleared"))
    assert refused(ticket, "archive", calm).guard == "signatures_missing"
    signed = {"files": [{"name": "signed.pdf", "sha256": "00", "purpose": "signatures"}]}
    ticket = do(ticket, Ask(Act.ADD_EVIDENCE, "op1", "operator", "e", signed), calm)
    assert do(ticket, "archive", calm).state is State.ARCHIVED


def test_the_third_return_escalates():
    ticket = new_ticket()
    for _ in range(3):
        ticket = do(do(ticket, "dispatch", world(), team="station"), "return", world(), reason="not ours")
    assert (ticket.state, ticket.returns, ticket.level) == (State.NEW, 3, "town")


def test_a_merged_ticket_gives_its_alerts_and_its_earliest_clock():
    source, target = new_ticket("emergency", priority="P1"), replay_other()
    answer = step(source, ask("merge", into="t2"), world(T0, alert(), other=target))
    assert isinstance(answer, Accepted)
    merged = apply(source, answer.events[0])
    for event in answer.other:
        target = apply(target, event)
    assert (merged.state, merged.merged_into) == (State.MERGED, "t2")
    assert target.alerts == ("a1",)
    assert target.priority == "P1"
    assert target.clocks["accept"].due_ms == T0 + 5 * MINUTE
    assert effects(answer.other[0], target) == (LinkAlert("a1"),)


def test_a_new_alert_brings_a_verified_ticket_back_to_work():
    facts = {"alerts": ["a2"], "devices": ["bat-1"], "priority": "P2", "verify_for_ms": HOUR}
    back = do(in_state(State.VERIFIED), Ask(Act.ATTACH, "desk", "desk", "x", facts), world())
    assert (back.state, back.alerts, back.verify_for_ms) == (State.IN_PROGRESS, ("a1", "a2"), HOUR)


def test_a_ticket_can_be_reopened_for_seven_days_under_its_number_with_a_suffix():
    ticket = in_state(State.ARCHIVED)
    day = 24 * HOUR
    assert refused(ticket, "reopen", world(T0 + 7 * day + 1), reason="again").guard == "reopen_too_late"
    assert refused(ticket, "reopen", world(T0, key_taken=True), reason="again").guard == "key_has_open_ticket"
    again = do(ticket, "reopen", world(T0 + 7 * day), reason="again")
    assert (again.state, again.shown_number) == (State.IN_PROGRESS, "T-20260528-s1-001-R1")
    assert again.ended_ms is None


def test_safety_does_not_pause_the_clocks_but_other_holds_do():
    for reason, paused_ms in (("parts", HOUR), ("safety", 0)):
        ticket = do(
            in_state(State.IN_PROGRESS, "emergency", priority="P1"),
            "hold",
            world(),
            reason=reason,
            resume_by=T0 + 2 * HOUR,
        )
        due_before = ticket.clocks["restore"].due_ms
        ticket = do(ticket, "resume", world(T0 + HOUR))
        assert ticket.clocks["restore"].paused_ms == paused_ms
        assert ticket.clocks["restore"].due_ms == due_before + paused_ms


def test_opening_and_report_freeze_evidence():
    answer = step(in_state(State.IN_PROGRESS), ask("report", **REPORT), world())
    assert isinstance(answer, Accepted)
    (freeze,) = effects(answer.events[0], in_state(State.IN_PROGRESS))
    assert isinstance(freeze, FreezeEvidence)
    assert freeze.stage.startswith("report")


@pytest.mark.parametrize(
    ("role", "by", "act", "may"),
    [
        ("viewer", "v", "comment", False),
        ("inspector", "zhang", "accept", True),
        ("inspector", "zhang", "report", True),
        ("inspector", "li", "report", False),
        ("inspector", "zhang", "dispatch", False),
        ("inspector", "zhang", "verify_waive", False),
        ("operator", "op1", "archive", True),
        ("operator", "op1", "verify_waive", True),
        ("admin", "root", "merge", True),
    ],
)
def test_roles(role, by, act, may):
    ticket = in_state(State.ACCEPTED)
    if may:
        check_role(Act(act), by=by, role=role, ticket=ticket)
        return
    with pytest.raises(Forbidden):
        check_role(Act(act), by=by, role=role, ticket=ticket)


@pytest.mark.parametrize(
    ("role", "person", "may"),
    [
        ("inspector", None, True),
        ("inspector", "zhang", True),
        ("inspector", "li", False),
        ("operator", "li", True),
    ],
)
def test_an_inspector_accepts_for_nobody_else(role, person, may):
    ticket = in_state(State.DISPATCHED)
    if may:
        check_role(Act.ACCEPT, by="zhang", role=role, ticket=ticket, person=person)
        return
    with pytest.raises(Forbidden, match="zhang cannot accept for li"):
        check_role(Act.ACCEPT, by="zhang", role=role, ticket=ticket, person=person)


# ---------------------------------------------------------------- any path

STATES_OF_ALERT = st.sampled_from(["active", "clearing", "unknown", "latched", "cleared"])
MOVES = st.lists(
    st.tuples(
        st.sampled_from([act for act in Act if act is not Act.OPEN]),
        st.integers(0, 40 * MINUTE),
        STATES_OF_ALERT,
        st.sampled_from([None, 0.5, 0.95]),
    ),
    max_size=40,
)
KINDS = st.sampled_from(["defect", "communication", "behind_meter", "mediation", "emergency", "config"])


def walk(kind: str, moves: Any) -> list[TicketEvent]:
    """All that happens when these events are tried one after the other; the desk judges between them."""
    first = opened(
        Subject(f"s1/x/Y/{kind}", kind, "s1", Text("x", "x"), "alert", "P2", alerts=("a1",)),
        ticket_id="t1", number=None, event_key="k0", by="desk", role="desk", now_ms=T0, timetable=TIMETABLE,
    )  # fmt: skip
    log, ticket, now = [first], apply(None, first), T0
    for act, wait, state, share in moves:
        now += wait
        since = T0 if state in ("latched", "cleared") else None
        context = world(
            now, alert(state, clear_since_ms=since), good_share=share, other=replay_other(), teams=()
        )
        own = judge(ticket, context)
        wanted = own or sensible(act)
        if act is Act.HOLD and own is None:
            wanted = ask("hold", reason="weather", resume_by=now + HOUR)
        answer = step(ticket, wanted, context)
        if isinstance(answer, Accepted):
            for event in answer.events:
                log.append(event)
                ticket = apply(ticket, event)
    return log


@settings(max_examples=300, deadline=None)
@given(KINDS, MOVES)
def test_on_any_path(kind, moves):
    log = walk(kind, moves)
    ticket = replay(log)
    assert replay(TicketEvent.from_document(event.document()) for event in log) == ticket
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    for clock in ticket.clocks.values():
        assert clock.paused_ms >= 0
    well = {Act.VERIFY_OK, Act.VERIFY_WAIVE, Act.REVIEW, Act.SELF_CLOSE}
    for place, event in enumerate(log):
        if event.after is State.ARCHIVED and event.before is not State.ARCHIVED:
            assert well & {earlier.act for earlier in log[: place + 1]}
