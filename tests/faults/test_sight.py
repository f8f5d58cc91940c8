"""The account itself: an honest one has no fault, and every lie is seen under its name."""

from collections import Counter

import pytest

from tests.faults.account import Account, Desk, Hole, Place, table
from tests.faults.world import truth

A, B, C = (("one", "boot", seq) for seq in (1, 2, 3))


def an_account() -> Account:
    """Three polls of one device, 200 ms apart, everywhere; one incident with its alert and ticket."""
    journal, mqtt, database = Place("journal"), Place("MQTT"), Place("database")
    for place in (journal, mqtt, database):
        for key in (A, B, C):
            place.put(key, 1_000 + 200 * key[2], truth("one", key[2]))
    return Account(
        journal,
        truth,
        served={"one": {1: 1_200, 2: 1_400, 3: 1_600}},
        period_ms=200,
        promised={A: 1_200, B: 1_400, C: 1_600},
        downstream=[mqtt, database],
        changes=(a_change("journal"), a_change("changes")),
        desk=Desk(Counter(one=1), {"alert": "one"}, {"ticket": ("key", True, ("alert",))}),
    )


def a_change(name: str) -> Place:
    place = Place(name)
    place.put(("changes", "boot", 1), 1_200, ("alert", "alert", "active"))
    return place


def drop(*places: str, key=B):
    def lie(account: Account) -> None:
        for place in (account.journal, *account.downstream):
            if place.name in places:
                place.frames.pop(key)
                place.times.pop(key)

    return lie


def put(where: str, key, ts_ms: int, content):
    def lie(account: Account) -> None:
        for place in (account.journal, *account.downstream):
            if place.name == where:
                place.frames.pop(key, None)
                place.put(key, ts_ms, content)

    return lie


def hole(*, slots=1, seq=None, reason="overload", at=(1_450, 1_550)):
    return lambda account: account.journal.holes.append(Hole("one", "boot", *at, slots, seq, reason))


LIES = {
    "never published": (drop("MQTT"), "MQTT", "lost"),
    "never stored": (drop("database"), "database", "lost"),
    "acknowledged and not kept": (drop("journal"), "journal", "lost"),
    "a change never published": (lambda a: a.changes[1].frames.clear(), "changes", "lost"),
    "stored twice": (lambda a: a.downstream[1].copies.update([B]), "database", "duplicate"),
    "kept twice": (lambda a: a.journal.copies.update([B]), "journal", "duplicate"),
    "two frames of one time": (put("journal", C, 1_400, truth("one", 3)), "journal", "duplicate"),
    "one answer in two frames": (put("journal", C, 1_600, truth("one", 2)), "journal", "duplicate"),
    "published and not kept": (put("MQTT", ("one", "boot", 4), 1_800, truth("one", 3)), "MQTT", "invented"),
    "never served": (put("journal", C, 1_600, truth("one", 4)), "journal", "invented"),
    "two answers in one frame": (put("journal", C, 1_600, (3.0, *truth("one", 2)[1:])), "journal", "invented"),
    "another value on MQTT": (put("MQTT", C, 1_600, None), "MQTT", "invented"),
    "another value in the database": (put("database", C, 1_600, truth("one", 2)), "database", "invented"),
    "two contents of one frame": (lambda a: a.downstream[0].put(C, 1_600, None), "MQTT", "invented"),
    "a number that is nowhere": (drop("journal", "MQTT", "database"), "journal", "unexplained"),
    "an answer that is nowhere": (lambda a: a.served["one"].update({4: 1_500}), "journal", "unexplained"),
    "a gap where nothing is missing": (hole(), "journal", "unexplained"),
    "an incident without an alert": (lambda a: a.desk.incidents.update(["two"]), "desk", "lost"),
    "an alert without a ticket": (lambda a: a.desk.tickets.clear(), "desk", "lost"),
    "two alerts for one incident": (lambda a: a.desk.alerts.update(other="one"), "desk", "duplicate"),
    "two tickets for one alert": (lambda a: a.desk.tickets.update(again=("other", False, ("alert",))), "desk", "duplicate"),
    "two open tickets for one key": (lambda a: a.desk.tickets.update(again=("key", True, ())), "desk", "duplicate"),
    "a ticket for nothing": (lambda a: a.desk.tickets.update(again=("other", True, ("ghost",))), "desk", "invented"),
}  # fmt: skip


def test_an_honest_account_has_no_fault():
    verdicts = an_account().verdicts()
    assert all(verdict.clean for verdict in verdicts), table(verdicts)
    assert [verdict.stage for verdict in verdicts] == ["journal", "MQTT", "database", "changes", "desk"]


def test_a_loss_that_is_told_is_none():
    account = an_account()
    drop("journal", "MQTT", "database")(account)
    told = Hole("one", "boot", 1_400, 1_400, 1, (2, 2), "journal_full")
    account.journal.holes.append(told)
    account.downstream[0].holes.append(told)
    account.period_ms = None
    account.served = None
    verdicts = account.verdicts()
    assert all(verdict.clean for verdict in verdicts), table(verdicts)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_seen(lie):
    tell, stage, kind = LIES[lie]
    account = an_account()
    tell(account)
    verdicts = {verdict.stage: verdict for verdict in account.verdicts()}
    assert getattr(verdicts[stage], kind), table(verdicts.values())
