# ruff: noqa: ARG001  # all guards have one shape
"""What must be true before an event may happen: each guard answers with its name and the reason, or None.

A guard is asked only for moves that the table of `life` has.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agent.quantity import DAY_MS, HOUR_MS, MINUTE_MS
from agent.reading import Text
from gateway.tickets.ask import Ask
from gateway.tickets.context import Context
from gateway.tickets.life import (
    ISOLATED_KINDS,
    MEASURED_KINDS,
    REMOTE_KINDS,
    SELF_CLOSING_KINDS,
    Act,
    State,
    TicketLevel,
)
from gateway.tickets.recovery import No, latched, not_recovered, still_active
from gateway.tickets.routing import TeamFacts
from gateway.tickets.ticket import Ticket

REOPEN_WITHIN_MS = 7 * DAY_MS
CALL_BACK_MS = 72 * HOUR_MS
CALL_BACK_ATTEMPTS = 3
LEVELS: tuple[TicketLevel, ...] = ("village", "town", "county")
_CLOCK_SLACK_MS = MINUTE_MS


def _unknown_or_wrong_team(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    name = ask.arguments["team"]
    if not context.teams:
        return None
    team = _team(context, name)
    if team is None:
        known = ", ".join(t.id for t in context.teams)
        return "unknown_team", Text(
            f"there is no team {name}; use one of {known}", f"没有班组 {name};可选:{known}"
        )
    if team.kinds and ticket.kind not in team.kinds:
        return "team_not_for_kind", Text(
            f"{name} does no {ticket.kind} work", f"{name} 不承担 {ticket.kind} 类工单"
        )
    person = ask.arguments.get("person")
    return None if person is None else _no_member(context, name, person)


def _not_member(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    return _no_member(context, ticket.team, ask.arguments.get("person") or ask.by)


def _no_member(context: Context, team_id: str | None, person: str) -> No | None:
    team = _team(context, team_id)
    if team is None or not team.members or person in team.members:
        return None
    known = ", ".join(sorted(team.members))
    return "not_a_member", Text(
        f"{person} is not in the team {team.id}; its members are {known}",
        f"{person} 不属于 {team.id};成员:{known}",
    )


def _team(context: Context, name: str | None) -> TeamFacts | None:
    return next((team for team in context.teams if team.id == name), None)


def _arrival(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if ask.arguments["code"].strip().casefold() != context.site_code.casefold():
        return "wrong_site_code", Text(
            "read the code that is shown at the site and send that", "请输入现场张贴的站点码"
        )
    at_ms = ask.arguments.get("at")
    if at_ms is not None and at_ms > context.now_ms + _CLOCK_SLACK_MS:
        return "arrival_in_future", Text(
            "the time of arrival is later than now; check the clock of the phone",
            "到场时间晚于当前时间;请检查手机时钟",
        )
    accept = ticket.clocks.get("accept")
    accepted_ms = None if accept is None else accept.stopped_ms
    if at_ms is not None and accepted_ms is not None and at_ms < accepted_ms - _CLOCK_SLACK_MS:
        return "arrival_before_acceptance", Text(
            "the time of arrival is before the ticket was accepted; send UTC milliseconds, or leave at out",
            "到场时间早于接单时间;请以 UTC 毫秒填写,或省略 at",
        )
    return None


def _start(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if ticket.state is State.ACCEPTED and ticket.kind not in REMOTE_KINDS:
        return "remote_work_not_allowed", Text(
            f"{ticket.kind} needs somebody there; arrive first", f"{ticket.kind} 类工单须先到场"
        )
    safety = ask.arguments["safety"]
    if not safety["gas_quiet"]:
        return "safety_not_confirmed", Text(
            "the gas or smoke alarm is not quiet; keep away and call for help",
            "气体或烟雾报警未消除;请远离并求援",
        )
    if ticket.kind in ISOLATED_KINDS and not safety["isolated"]:
        return "safety_not_confirmed", Text(
            "the equipment is not isolated; isolate it before the work", "设备未隔离;请先隔离再作业"
        )
    return None


def _hold(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if ask.arguments["resume_by"] > context.now_ms:
        return None
    return "resume_by_past", Text("resume_by is not in the future", "预计恢复时间必须晚于当前时间")


def _report(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    known = {item["id"]: item for item in ticket.items}
    given: Mapping[str, Any] = ask.arguments["checklist"]
    strange = [name for name in given if name not in known]
    if strange:
        names = ", ".join(strange)
        return "checklist_unknown_item", Text(f"no such item: {names}", f"没有该项:{names}")
    answers = {**ticket.answers, **given}
    missing = [
        item
        for name, item in known.items()
        if not _answered(item["kind"], answers.get(name), item["mandatory"])
    ]
    if missing:
        return "checklist_incomplete", Text(
            "not answered: " + ", ".join(f"{i['id']} ({i['text']['en']})" for i in missing),
            "未完成:" + "、".join(f"{i['id']}({i['text']['zh']})" for i in missing),
        )
    if ticket.kind in MEASURED_KINDS and not any(
        m["unit"].strip() and m["instrument"].strip() for m in ask.arguments["measurements"]
    ):
        return "measurement_missing", Text(
            f"{ticket.kind} needs at least one measurement with its unit and instrument",
            f"{ticket.kind} 类工单至少需要一个带单位和仪器的测量值",
        )
    return None


def _answered(kind: str, answer: Any, mandatory: bool) -> bool:  # noqa: FBT001  # a column of the checklist
    if answer is None or answer == "":
        return not mandatory
    match kind:
        case "yes_no":
            return isinstance(answer, bool) or answer in ("yes", "no", "n/a")
        case "number":
            return isinstance(answer, int | float) and not isinstance(answer, bool)
        case _:
            return isinstance(answer, str) and bool(answer.strip())


def _waive(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    return still_active(ticket, context)


def _review(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if not ticket.self_recovered:
        return still_active(ticket, context) or (
            "not_self_recovered",
            Text(
                "review is for tickets whose alert went before anybody accepted",
                "复核仅用于接单前自行恢复的工单",
            ),
        )
    return not_recovered(ticket, context)


def _recovered(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    return not_recovered(ticket, context)


def _self_close(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if ticket.kind not in SELF_CLOSING_KINDS:
        return "not_in_this_state", Text(
            f"{ticket.kind} never closes by itself", f"{ticket.kind} 类工单不会自行关闭"
        )
    return _latch(ticket, context) or not_recovered(ticket, context)


def _latch(ticket: Ticket, context: Context) -> No | None:
    if not latched(ticket, context):
        return None
    return "latch_not_reset", Text("reset the latched alert on site first", "请先在现场复归自保持告警")


def _merge(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    other = context.other
    if other is None:
        return "merge_unknown", Text(
            f"there is no ticket {ask.arguments['into']}", f"没有工单 {ask.arguments['into']}"
        )
    if other.id == ticket.id:
        return "merge_itself", Text("name another ticket", "请选择另一工单")
    if other.site != ticket.site:
        return "merge_other_site", Text(f"that ticket belongs to {other.site}", f"目标工单属于 {other.site}")
    if not other.open:
        return "merge_not_open", Text(
            f"that ticket is {other.state.value}", f"目标工单状态:{other.state.value}"
        )
    return None


def _reset(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if latched(ticket, context):
        return None
    return still_active(ticket, context) or (
        "nothing_latched",
        Text("there is nothing to reset", "没有需要复归的告警"),
    )


def _escalate(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if LEVELS.index(ask.arguments["level"]) > LEVELS.index(ticket.level):
        return None
    return "not_a_higher_level", Text(
        f"the ticket is at {ticket.level} level", f"工单当前级别:{ticket.level}"
    )


def _evidence(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    there = {item["name"] for item in ticket.evidence}
    twice = [item["name"] for item in ask.arguments["files"] if item["name"] in there]
    if not twice:
        return None
    return "evidence_exists", Text(f"choose another name than {twice[0]}", f"{twice[0]} 已存在,请换名")


def _archive(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    return (
        still_active(ticket, context)
        or _latch(ticket, context)
        or _call_back_open(ticket, context)
        or _unsigned(ticket)
    )


def _call_back_open(ticket: Ticket, context: Context) -> No | None:
    if ticket.state is not State.FEEDBACK or ticket.feedback is not None:
        return None
    asked_ms = ticket.asked_ms or context.now_ms
    if ticket.attempts >= CALL_BACK_ATTEMPTS or context.now_ms - asked_ms >= CALL_BACK_MS:
        return None
    return "feedback_pending", Text(
        f"record the answer, or {CALL_BACK_ATTEMPTS} attempts, or wait 72 h",
        "请登记回访结果,或三次未接通,或满 72 小时",
    )


def _unsigned(ticket: Ticket) -> No | None:
    if ticket.kind != "mediation" or any(item.get("purpose") == "signatures" for item in ticket.evidence):
        return None
    if ticket.report is not None and ticket.report["action"] == "referred":
        return None
    return "signatures_missing", Text(
        "add the signed sheet as evidence with purpose signatures, or report the action referred",
        "请上传签字单(purpose: signatures),或回单处理方式为 referred",
    )


def _reopen(ticket: Ticket, ask: Ask, context: Context) -> No | None:
    if ticket.ended_ms is None or context.now_ms - ticket.ended_ms > REOPEN_WITHIN_MS:
        return "reopen_too_late", Text(
            "archived more than 7 days ago; open a new ticket", "归档已超过 7 天;请新建工单"
        )
    if context.key_taken:
        return "key_has_open_ticket", Text("work on the open ticket instead", "请处理现有未结工单")
    return None


Guard: TypeAlias = Callable[[Ticket, Ask, Context], No | None]

GUARDS: Mapping[Act, Guard] = {
    Act.DISPATCH: _unknown_or_wrong_team,
    Act.ACCEPT: _not_member,
    Act.REASSIGN: _not_member,
    Act.ARRIVE: _arrival,
    Act.START: _start,
    Act.HOLD: _hold,
    Act.REPORT: _report,
    Act.VERIFY_WAIVE: _waive,
    Act.VERIFY_OK: _recovered,
    Act.REVIEW: _review,
    Act.SELF_CLOSE: _self_close,
    Act.MERGE: _merge,
    Act.RESET_LATCH: _reset,
    Act.ESCALATE: _escalate,
    Act.ADD_EVIDENCE: _evidence,
    Act.ARCHIVE: _archive,
    Act.REOPEN: _reopen,
    Act.RECUR: _reopen,
}
