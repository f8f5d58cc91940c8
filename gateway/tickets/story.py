"""The story of an alert: its rule in words, its inputs, and what happened to it in order."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.points import standard
from agent.reading import Value
from agent.rules.rule import Rule
from gateway.tickets.ticket import Ticket


def alert_story(
    document: Mapping[str, Any],
    changes: Sequence[tuple[int, Mapping[str, Any]]],
    rule: Mapping[str, Any] | None,
    params: Mapping[str, Value],
    ticket: Ticket | None,
) -> dict[str, Any]:
    """The alert document with `rule_text`, `inputs`, `timeline` and `ticket_summary`.

    Args:
        document: the alert as it is now.
        changes: all of its changes in order.
        rule: the text of the rule that raised it, as `rule_words` gives it; None where nobody knows it.
        params: those of the device, for alerts that do not say by which they were raised.
        ticket: its ticket.
    """
    basis = document.get("basis")
    held = params if basis is None else basis["params"]
    return {
        **document,
        "rule_text": None if rule is None else {**rule, "params": {**rule["params"], **held}},
        "inputs": [_input(name, value, document) for name, value in document["values"].items()],
        "timeline": timeline(changes),
        "ticket_summary": None
        if ticket is None
        else {
            "id": ticket.id,
            "number": ticket.shown_number,
            "state": ticket.state.value,
            "priority": ticket.priority,
        },
    }


def timeline(changes: Sequence[tuple[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One entry for each change of state, severity, acknowledgement and suppression."""
    moments: list[dict[str, Any]] = []
    before: Mapping[str, Any] = {"state": None, "severity": None, "acknowledged": None, "suppressed": None}
    for ts_ms, now in changes:
        if (now["state"], now["severity"]) != (before["state"], before["severity"]):
            moments.append(_moment(ts_ms, now["state"], now))
        if now["acknowledged"] and not before["acknowledged"]:
            moments.append(_moment(ts_ms, "acknowledged", now, by=now["acknowledged"]["by"]))
        moments.extend(_suppression(ts_ms, before["suppressed"], now))
        before = now
    return moments


def _suppression(ts_ms: int, was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[dict[str, Any]]:
    suppressed = now["suppressed"]
    if (was and was["by"]) == (suppressed and suppressed["by"]):
        return []
    if suppressed:
        return [_moment(ts_ms, suppressed["by"], now, note=suppressed["reason"] or suppressed["alert"] or "")]
    assert was is not None  # noqa: S101  # one of the two is there, or they were equal
    return [_moment(ts_ms, "unshelved" if was["by"] == "shelved" else f"not_{was['by']}", now)]


def _moment(
    ts_ms: int, what: str, document: Mapping[str, Any], *, by: str | None = None, note: str = ""
) -> dict[str, Any]:
    return {"ts": ts_ms, "what": what, "severity": document["severity"], "by": by, "note": note}


def rule_fact(rule_hash: str) -> str:
    """Under which name the desk keeps a rule's text."""
    return f"rule|{rule_hash}"


def rule_words(rule: Rule) -> dict[str, Any]:
    """A rule as people read it, and as the desk keeps it for the alerts that it raised."""
    return {
        "id": rule.id,
        "hash": rule.hash,
        "title": rule.title.document(),
        "cause": rule.cause.document(),
        "consequence": rule.consequence.document(),
        "action": rule.action.document(),
        "when": rule.when.text,
        "clear": None if rule.clear is None else rule.clear.text,
        "only_if": None if rule.only_if is None else rule.only_if.text,
        "for_ms": rule.for_ms,
        "clear_for_ms": rule.clear_for_ms,
        "latch": rule.latch,
        "params": dict(rule.params),
    }


def _input(name: str, value: Value | None, document: Mapping[str, Any]) -> dict[str, Any]:
    point, quality = standard(name), (document.get("basis") or {}).get("quality", {})
    return {
        "point": name,
        "value": value,
        "quality": "bad" if value is None else quality.get(name, "good"),
        "unit": None if point is None else point.unit,
        "label": {"en": name, "zh": name} if point is None else point.label.document(),
        "ts": document["since"],
    }
