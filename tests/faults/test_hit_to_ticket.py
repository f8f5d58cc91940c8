"""kill -9 at every step between a rule's hit and its ticket: one alert, one ticket, and each said once."""

import json
import shutil
import sqlite3
from collections import Counter

import pytest

from gateway.journal.query import FILE, LogReader
from gateway.journal.record import Change
from tests.faults.nursery import Nursery
from tests.faults.scale import rounds

TICKETS = "gateway.tickets"
STEPS = {
    "the rule has hit": ("agent.rules.engine:Engine.on_frame", "after", 2),
    "alert and watch are handed over": ("gateway.journal.journal:Journal.append_outcome", "after", 1),
    "block written": ("sql:INSERT INTO block", "after", 2),
    "watch written": ("sql:INSERT OR REPLACE INTO watch", "after", 1),
    "before the alert's COMMIT": ("sql:COMMIT", "before", 6),
    "after the alert's COMMIT": ("sql:COMMIT", "after", 6),
    "commit done, readers not told": ("gateway.journal.store:Store.commit", "after", 2),
    "the desk is about to take it": (f"{TICKETS}.clerk:Clerk.take", "before", 1),
    "alert kept": (f"{TICKETS}.books:Books.keep_alert", "after", 1),
    "ticket made": (f"{TICKETS}.placing:Placing._opened", "after", 1),
    "its events written": (f"{TICKETS}.books:Books.append", "after", 1),
    "alert and ticket linked": (f"{TICKETS}.books:Books.link_alert", "after", 1),
    "place remembered": (f"{TICKETS}.books:Books.set_fact", "after", 1),
    "the desk has taken it": (f"{TICKETS}.clerk:Clerk.take", "after", 1),
    "evidence about to be kept": (f"{TICKETS}.outbox:Outbox._keep", "before", 1),
    "evidence kept": (f"{TICKETS}.outbox:Outbox._keep", "after", 1),
    "about to be published": (f"{TICKETS}.outbox:Outbox._publish", "before", 1),
    "published": (f"{TICKETS}.outbox:Outbox._publish", "after", 1),
    "outbox empty": (f"{TICKETS}.outbox:Outbox.empty", "after", 2),
}
"""Target, when, and at which passing of a life in which a device turns hot with its second frame."""


@pytest.fixture
def nursery(tmp_path):
    opened = Nursery(str(tmp_path / "nursery.log"), child="tests.faults.deskwork")
    yield opened
    opened.close()


def told(folder):
    """What the journal says: device → its alerts; ticket → how often it was opened."""
    reader = LogReader(folder / "journal" / FILE)
    try:
        entries = [record.entry for record in reader.after(0, 10**6).records]
    finally:
        reader.close()
    alerts, openings = {}, Counter()
    for entry in entries:
        if isinstance(entry, Change) and "alert" in entry.body:
            alerts.setdefault(entry.body["alert"]["device"], set()).add(entry.body["alert"]["id"])
        elif isinstance(entry, Change) and entry.body["event"]["event"] == "open":
            openings[entry.body["ticket"]] += 1
    return alerts, openings


def opened(folder):
    """Device → tickets, as the store has them."""
    with sqlite3.connect(folder / "tickets.db") as store:
        events = store.execute("SELECT ticket, document FROM ticket_events").fetchall()
    store.close()
    tickets = {}
    for ticket, document in events:
        event = json.loads(document)
        if event["event"] == "open":
            for name in event["devices"]:
                tickets.setdefault(name, []).append(ticket)
    return tickets


@pytest.mark.parametrize("step", STEPS)
def test_exactly_one(tmp_path, nursery, figures, step):
    """Each round on a site of its own: many tickets of one site would become one storm."""
    count = rounds(fast=1, long=100)
    target, when, passing = STEPS[step]
    died = 0
    for number in range(count):
        folder = tmp_path / f"data-{number}"
        job = {"folder": str(folder), "ledger": str(tmp_path / "ledger"), "round": number}
        first = nursery.live(**job, fail=[target, when, passing])
        died += first["killed"]
        for _ in range(2):  # the last one says what is still to be said
            ended = nursery.live(**job, hot=True, frames=12)
            assert ended["code"] == 0, (tmp_path / "nursery.log").read_text()[-2_000:]
        (alerts,), (tickets,) = told(folder)[0].values(), opened(folder).values()
        assert (len(alerts), len(tickets)) == (1, 1), f"round {number}"
        assert told(folder)[1] == {tickets[0]: 1}, "opened, said once"
        shutil.rmtree(folder)
    assert died, "the step is passed"
    figures(
        f"kill -9, hit to ticket, {step}", f"{died} of {count} died there; one alert, one ticket, said once"
    )
