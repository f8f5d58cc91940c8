"""Why an event cannot happen now: a guard by name, and words for the person who asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.reading import Text
from gateway.tickets.life import Act, State

TITLES: Mapping[str, Text] = {
    "not_in_this_state": Text("This event is not possible in the ticket's state", "工单当前状态不允许该操作"),
    "alert_still_active": Text("The alert is still active", "告警仍未恢复"),
    "alert_unknown": Text("There is no good data to judge by", "没有可用于判断的有效数据"),
    "not_clear_long_enough": Text("The alert has not been clear for long enough", "告警恢复时间不足"),
    "too_few_good_samples": Text("Too few good samples", "有效采样不足"),
    "latch_not_reset": Text("A latched alert awaits its reset on site", "自保持告警尚未现场复归"),
    "nothing_latched": Text("No alert of this ticket is latched", "该工单没有自保持告警"),
    "unknown_team": Text("There is no such team", "没有该班组"),
    "team_not_for_kind": Text("The team does not do this kind of work", "该班组不承担此类工单"),
    "not_a_member": Text("The person is not a member of the team", "该人员不属于该班组"),
    "wrong_site_code": Text("The site code does not match", "站点码不符"),
    "arrival_in_future": Text("The arrival lies in the future", "到场时间晚于当前时间"),
    "arrival_before_acceptance": Text("The arrival lies before the acceptance", "到场时间早于接单时间"),
    "remote_work_not_allowed": Text("This kind of work needs a visit", "此类工单须到场处理"),
    "safety_not_confirmed": Text("The safety questions are not answered with yes", "安全确认未通过"),
    "resume_by_past": Text("The time to resume has passed", "恢复时间已过"),
    "checklist_incomplete": Text("The checklist is not complete", "检查表未完成"),
    "checklist_unknown_item": Text("The checklist has no such item", "检查表没有该项"),
    "measurement_missing": Text(
        "A measurement with unit and instrument is missing", "缺少带单位和仪器的测量值"
    ),
    "not_self_recovered": Text("The alert has not gone by itself", "该工单并非自行恢复"),
    "merge_itself": Text("A ticket cannot be merged into itself", "工单不能与自身合并"),
    "merge_other_site": Text("The tickets belong to different sites", "工单不属于同一站点"),
    "merge_not_open": Text("The other ticket is not open", "目标工单不是未结状态"),
    "merge_unknown": Text("There is no such ticket", "没有该工单"),
    "not_a_higher_level": Text("The ticket is at that level already", "工单已在该级别"),
    "feedback_pending": Text("The call-back is still open", "回访尚未完成"),
    "signatures_missing": Text("The mediation lacks its signatures", "调解缺少签字"),
    "reopen_too_late": Text("Too long ago to be reopened", "归档过久,不能重开"),
    "key_has_open_ticket": Text("Another open ticket has the same subject", "同一对象已有未结工单"),
    "evidence_exists": Text("There is evidence of that name", "已有同名证据"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`allowed` are the events that anybody may send in this state."""

    act: Act
    state: State
    allowed: tuple[Act, ...]
    guard: str
    detail: Text

    def document(self, lang: str = "en") -> dict[str, Any]:
        """The RFC 9457 problem document of the contract."""
        return {
            "type": f"urn:maplebridge:problem:{self.guard}",
            "title": TITLES[self.guard].in_(lang),
            "status": 409,
            "detail": self.detail.in_(lang),
            "event": self.act.value,
            "state": self.state.value,
            "allowed": [act.value for act in self.allowed],
            "guard": self.guard,
        }


class Refused(Exception):  # noqa: N818  # an answer, not an error
    """The state machine says no: HTTP 409."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(f"{TITLES[refusal.guard].en}: {refusal.detail.en}")

    @property
    def guard(self) -> str:
        return self.refusal.guard

    def document(self, lang: str = "en") -> dict[str, Any]:
        return self.refusal.document(lang)
