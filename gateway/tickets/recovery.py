"""Is it well again? What the alerts of a ticket say, and whether the data can be believed."""

from typing import TypeAlias

from agent.reading import Text
from gateway.tickets.context import AlertFacts, Context
from gateway.tickets.ticket import Ticket

GOOD_SHARE = 0.9
"""Share of good samples without which a recovery is not believed."""

No: TypeAlias = tuple[str, Text]
"""A guard's name and the reason."""


def still_active(ticket: Ticket, context: Context) -> No | None:
    holding = [alert for alert in context.own(ticket) if alert.holds and not alert.suppressed]
    return ("alert_still_active", _words_of(holding)) if holding else None


def recovery_start_ms(ticket: Ticket, context: Context) -> int | None:
    """From when on good samples count; None while an alert holds or nobody knows."""
    starts = [ticket.opened_ms if ticket.reported_ms is None else ticket.reported_ms]
    for alert in context.own(ticket):
        if alert.clear_since_ms is None:
            return None
        starts.append(alert.clear_since_ms)
    return max(starts)


def not_recovered(ticket: Ticket, context: Context) -> No | None:
    """The guard of `verified`: all own alerts clear for `verify_for` on enough good samples."""
    own = context.own(ticket)
    if not own:
        return None
    holding = [alert for alert in own if alert.holds]
    if holding:
        return "alert_still_active", _words_of(holding)
    start_ms = recovery_start_ms(ticket, context)
    if start_ms is None:
        return "alert_unknown", Text(
            "the device gives no good data, so nobody can tell whether it is well; mend the link or waive",
            "设备没有有效数据,无法判断是否恢复;请修复通信或申请豁免",
        )
    clear_ms = context.now_ms - start_ms
    if clear_ms < ticket.verify_for_ms:
        need, have = ticket.verify_for_ms // 1_000, max(0, clear_ms) // 1_000
        return "not_clear_long_enough", Text(
            f"clear for {_span_en(have)} since the report, needs {_span_en(need)}",
            f"回单后已恢复 {_span_zh(have)},需要 {_span_zh(need)}",
        )
    share = context.good_share
    if share is None or share < GOOD_SHARE:
        have_pct = 0 if share is None else int(share * 100)
        return "too_few_good_samples", Text(
            f"{have_pct} % of the samples are good, needs {GOOD_SHARE:.0%}",
            f"有效采样 {have_pct}%,需要 {GOOD_SHARE:.0%}",
        )
    return None


def _span_en(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} s"


def _span_zh(seconds: int) -> str:
    return f"{seconds // 60} 分钟" if seconds >= 60 and seconds % 60 == 0 else f"{seconds} 秒"


def _words_of(alerts: list[AlertFacts]) -> Text:
    words = [alert.words for alert in alerts if alert.words.en]
    return Text("; ".join(w.en for w in words), "；".join(w.zh for w in words))


def latched(ticket: Ticket, context: Context) -> tuple[AlertFacts, ...]:
    return tuple(alert for alert in context.own(ticket) if alert.state == "latched")
