"""What who comes on shift must know: what came, went, is late, waits or is on hold, what was said. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.tickets.life import Act

SHOWN = (
    *("id", "number", "kind", "state", "priority", "site", "devices", "level", "owner", "team", "assignee"),
    *("title", "opened", "ended", "clocks"),
)
"""What a line of the sheet holds of a ticket's document."""


def handover(
    tickets: Iterable[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
    *,
    from_ms: int,
    to_ms: int,
) -> dict[str, Any]:
    """The sheet of a shift.

    Args:
        tickets: documents of all open ones, and of those that were opened, worked on or ended in the shift.
        alerts: documents of the open alerts.
        from_ms: UTC; when the shift began.
        to_ms: UTC; when it ends.
    """
    known = [ticket for ticket in tickets if ticket["opened"] <= to_ms]
    still = [ticket for ticket in known if ticket["ended"] is None]
    shelved = [a for a in alerts if a["suppressed"] is not None and a["suppressed"]["by"] == "shelved"]
    return {
        "from": from_ms,
        "to": to_ms,
        "opened": _lines(t for t in known if t["opened"] >= from_ms),
        "closed": _lines(t for t in known if t["ended"] is not None and from_ms <= t["ended"] <= to_ms),
        "late": _lines(t for t in still if any(clock["state"] == "late" for clock in t["clocks"].values())),
        "waiting": _lines(t for t in still if t["state"] in ("new", "dispatched")),
        "on_hold": _lines(t for t in still if t["state"] == "on_hold"),
        "shelves": sorted((dict(a) for a in shelved), key=lambda a: a["suppressed"]["until"] or 0),
        "unacknowledged": [dict(a) for a in alerts if a["acknowledged"] is None and a["suppressed"] is None],
        "notes": _notes(known, from_ms, to_ms),
    }


def _lines(tickets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: ticket[name] for name in SHOWN} for ticket in tickets]


def _notes(tickets: Iterable[Mapping[str, Any]], from_ms: int, to_ms: int) -> list[dict[str, Any]]:
    found = [
        {
            "ticket": ticket["id"],
            "number": ticket["number"],
            "at": event["at"],
            "by": event["by"],
            "text": event["text"],
        }
        for ticket in tickets
        for event in ticket["events"]
        if event["event"] == Act.COMMENT.value and from_ms <= event["at"] <= to_ms
    ]
    return sorted(found, key=lambda note: note["at"])
