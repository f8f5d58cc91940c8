"""The hand-over sheet names what came, went, is late, waits, is on hold, and what was said."""

from gateway.tickets.handover import handover

HOUR = 3_600_000


def ticket(name, *, opened, state="dispatched", ended=None, late=False, comments=()):
    clocks = {"accept": {"state": "late" if late else "running"}}
    events = [{"event": "comment", "at": at, "by": "zhang", "text": text} for at, text in comments]
    shown = dict.fromkeys(
        ("kind", "priority", "site", "devices", "level", "owner", "team", "assignee", "title"), "x"
    )
    return {**shown, "id": name, "number": f"T-{name}", "state": state, "opened": opened, "ended": ended, "clocks": clocks,
            "events": [{"event": "open", "at": opened, "by": "desk"}, *events]}  # fmt: skip


def alert(name, *, by=None, until=None, acknowledged=None):
    suppressed = None if by is None else {"by": by, "until": until}
    return {"id": name, "suppressed": suppressed, "acknowledged": acknowledged}


def names(lines):
    return [line["id"] for line in lines]


def sheet(tickets=(), alerts=()):
    return handover(tickets, alerts, from_ms=8 * HOUR, to_ms=16 * HOUR)


def test_tickets_stand_where_they_belong():
    found = sheet(
        [
            ticket("old", opened=1 * HOUR, late=True),
            ticket("new", opened=9 * HOUR),
            ticket("held", opened=2 * HOUR, state="on_hold"),
            ticket("done", opened=3 * HOUR, state="archived", ended=10 * HOUR, late=True),
            ticket("gone", opened=3 * HOUR, state="archived", ended=7 * HOUR),
            ticket("after", opened=17 * HOUR),
        ]
    )
    assert names(found["opened"]) == ["new"]
    assert names(found["closed"]) == ["done"]
    assert names(found["late"]) == ["old"], "what has ended is late no more"
    assert names(found["waiting"]) == ["old", "new"]
    assert names(found["on_hold"]) == ["held"]
    assert "events" not in found["opened"][0]


def test_notes_are_what_was_said_in_the_shift_in_order():
    comments = ((15 * HOUR, "second"), (9 * HOUR, "first"), (7 * HOUR, "before"))
    found = sheet([ticket("a", opened=1 * HOUR, comments=comments)])
    assert [(note["number"], note["text"]) for note in found["notes"]] == [
        ("T-a", "first"),
        ("T-a", "second"),
    ]


def test_shelves_that_end_next_come_first_and_what_nobody_has_seen_is_named():
    alerts = [
        alert("late", by="shelved", until=30),
        alert("soon", by="shelved", until=20),
        alert("seen", acknowledged={"by": "op", "at": 1}),
        alert("unseen"),
        alert("muted", by="inhibited"),
    ]
    found = sheet((), alerts)
    assert names(found["shelves"]) == ["soon", "late"]
    assert names(found["unacknowledged"]) == ["unseen"]
