"""What the alarms asked of the people who must answer them, by the figures of ISA-18.2 and EEMUA 191. Pure.

An alarm is an alert at the moment when it was first annunciated; what was suppressed then is none.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.quantity import DAY_MS, HOUR_MS, MINUTE_MS
from agent.rules.alert import SEVERITIES, Severity

BIN_MS = 10 * MINUTE_MS
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
"""A flood begins with more than ten alarms within ten minutes, and ends with fewer than five (ISA-18.2)."""
STALE_MS = DAY_MS
"""An alert that is open for longer than a day is stale (ISA-18.2)."""
TARGETS: Mapping[str, Any] = {
    "alarms_per_hour": {"good": 6, "most": 12},
    "alarms_per_10_min": {"good": 1, "most": 2},
    "flood_pct": 1.0,
    "priorities_pct": {"low": 80, "medium": 15, "high": 5},
    "top_ten_share_pct": 5.0,
    "stale": 5,
    "chattering": 0,
}
_TOP = 10


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert as it was first annunciated."""

    ts_ms: int
    alert: str
    rule: str
    device: str
    severity: Severity
    title: Mapping[str, str]
    chattering: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    from_ms: int
    to_ms: int

    def document(self) -> dict[str, int]:
        return {"from": self.from_ms, "to": self.to_ms}


def annunciation(
    changes: Iterable[tuple[int, Mapping[str, Any]]],
) -> Alarm | None:
    """The first of an alert's changes that was annunciated; None where all of them were suppressed."""
    for ts_ms, said in changes:
        if said["suppressed"] is None and said["state"] != "cleared":
            severity = cast(Severity, said["severity"])
            chattering = bool(said.get("chattering"))
            return Alarm(ts_ms, said["id"], said["rule"], said["device"], severity, said["title"], chattering)
    return None


def floods(times_ms: Sequence[int], until_ms: int) -> list[Span]:
    """When there was a flood, from alarms in order of time; one that lasts still ends at `until_ms`."""
    found: list[Span] = []
    recent: deque[int] = deque()
    began_ms: int | None = None
    for at_ms in times_ms:
        began_ms = _over(recent, began_ms, at_ms, found)
        recent.append(at_ms)
        if began_ms is None and len(recent) > FLOOD_BEGINS:
            began_ms = at_ms
    began_ms = _over(recent, began_ms, until_ms, found)
    return found if began_ms is None else [*found, Span(began_ms, until_ms)]


def _over(recent: deque[int], began_ms: int | None, now_ms: int, found: list[Span]) -> int | None:
    """Forget what is older than ten minutes; a flood ends when that leaves too few."""
    while recent and recent[0] <= now_ms - BIN_MS:
        gone_ms = recent.popleft() + BIN_MS
        if began_ms is not None and len(recent) < FLOOD_ENDS:
            found.append(Span(began_ms, gone_ms))
            began_ms = None
    return began_ms


def alarm_load(
    alarms: Sequence[Alarm],
    standing: Sequence[Mapping[str, Any]],
    *,
    from_ms: int,
    to_ms: int,
    operators: int = 1,
) -> dict[str, Any]:
    """The figures of a time.

    Args:
        alarms: annunciated in it, in order.
        standing: documents of the alerts that are open at its end.
        from_ms: UTC; where the time begins.
        to_ms: UTC; where it ends.
        operators: who share the load.
    """
    span_ms = max(1, to_ms - from_ms)
    times = [alarm.ts_ms for alarm in alarms]
    flood = floods(times, to_ms)
    flood_ms = sum(span.to_ms - span.from_ms for span in flood)
    bins = Counter((at - from_ms) // BIN_MS for at in times)
    hours = Counter((at - from_ms) // HOUR_MS for at in times)
    number = len(alarms)
    return {
        "from": from_ms,
        "to": to_ms,
        "operators": operators,
        "alarms": number,
        "per_operator": {
            "per_day": round(number / operators * DAY_MS / span_ms, 2),
            "per_hour": round(number / operators * HOUR_MS / span_ms, 3),
            "per_10_min": round(number / operators * BIN_MS / span_ms, 3),
            "worst_hour": -(-max(hours.values(), default=0) // operators),
            "worst_10_min": -(-max(bins.values(), default=0) // operators),
        },
        "flood": {
            "minutes": round(flood_ms / MINUTE_MS, 1),
            "pct": round(100 * flood_ms / span_ms, 3),
            "spans": [span.document() for span in flood],
            "now": bool(flood) and flood[-1].to_ms == to_ms,
        },
        "priorities": _mix(alarms),
        **_bad_actors(alarms, standing, to_ms),
        "targets": dict(TARGETS),
    }


def _mix(alarms: Sequence[Alarm]) -> dict[str, dict[str, float]]:
    mix = Counter(alarm.severity for alarm in alarms)
    return {
        severity: {"alarms": mix[severity], "pct": round(100 * mix[severity] / max(1, len(alarms)), 1)}
        for severity in SEVERITIES
        if severity != "journal"
    }


def _bad_actors(alarms: Sequence[Alarm], standing: Sequence[Mapping[str, Any]], to_ms: int) -> dict[str, Any]:
    sources = Counter((alarm.rule, alarm.device) for alarm in alarms)
    titles = {alarm.rule: alarm.title for alarm in alarms}
    top = [
        {
            "rule": rule,
            "device": device,
            "title": dict(titles[rule]),
            "alarms": number,
            "share_pct": round(100 * number / len(alarms), 1),
        }
        for (rule, device), number in sources.most_common(_TOP)
    ]
    chattering = Counter((alarm.rule, alarm.device) for alarm in alarms if alarm.chattering)
    told = [alert for alert in standing if alert["suppressed"] is None]
    by = Counter(alert["suppressed"]["by"] for alert in standing if alert["suppressed"] is not None)
    return {
        "top": top,
        "chattering": [
            {"rule": rule, "device": device, "title": dict(titles[rule]), "alarms": number}
            for (rule, device), number in chattering.most_common()
        ],
        "stale": [dict(alert) for alert in told if to_ms - alert["since"] > STALE_MS],
        "standing": len(told),
        "suppressed": dict(by),
        "shelved": sorted(
            (dict(a) for a in standing if a["suppressed"] is not None and a["suppressed"]["by"] == "shelved"),
            key=lambda alert: alert["suppressed"]["until"] or 0,
        ),
    }


def causes(standing: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Open alerts by what caused them, the largest first: each root with the number that it mutes."""
    known = {alert["id"]: alert for alert in standing}
    groups: Counter[str] = Counter()
    for alert in standing:
        suppressed = alert["suppressed"]
        if suppressed is not None and suppressed["by"] != "inhibited":
            continue
        groups[_root(alert, known)] += 1
    return [{**_named(known[root]), "alert": root, "alerts": number} for root, number in groups.most_common()]


def _named(alert: Mapping[str, Any]) -> dict[str, Any]:
    return {"rule": alert["rule"], "device": alert["device"], "title": dict(alert["title"])}


def _root(alert: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
    seen: set[str] = set()
    while alert["id"] not in seen:
        seen.add(alert["id"])
        suppressed = alert["suppressed"]
        parent = known.get(suppressed["alert"]) if suppressed and suppressed["by"] == "inhibited" else None
        if parent is None:
            break
        alert = parent
    return str(alert["id"])
