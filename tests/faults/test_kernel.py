"""kill -9 at any instant and at every named step of a commit: what was acknowledged is there, and nothing else is."""

import random
import shutil

import pytest

from tests.faults.account import table
from tests.faults.books import account_of, open_and_look, promises_of
from tests.faults.nursery import Nursery
from tests.faults.scale import rounds

STORE = "gateway.journal.store"
STEPS = {
    "transaction begun": ("sql:BEGIN IMMEDIATE", "after"),
    "layout named": ("sql:INSERT INTO layout", "after"),
    "block written": ("sql:INSERT INTO block", "after"),
    "segment closed": ("sql:INSERT INTO segment", "after"),
    "readers' places written": ("sql:INSERT OR REPLACE INTO meta", "after"),
    "watch written": ("sql:INSERT OR REPLACE INTO watch", "after"),
    "gap joined": ("sql:DELETE FROM gap", "after"),
    "gap written": ("sql:INSERT INTO gap", "after"),
    "boot written": ("sql:INSERT OR REPLACE INTO boot", "after"),
    "before COMMIT": ("sql:COMMIT", "before"),
    "after COMMIT": ("sql:COMMIT", "after"),
    "before the mark": ("gateway.journal.mark:HighWater.write", "before"),
    "mark half written": ("gateway.journal.mark:os.pwrite", "torn"),
    "mark forced": ("gateway.journal.mark:os.fdatasync", "after"),
    "after the mark": ("gateway.journal.mark:HighWater.write", "after"),
    "retention begun": (f"{STORE}:retention.live_bytes", "before"),
    "commit done, readers not told": (f"{STORE}:Store.commit", "after"),
    "before the readers are told": ("gateway.journal.journal:Journal._after", "before"),
    "readers told": ("gateway.journal.journal:Journal._after", "after"),
    "records taken": ("gateway.journal.journal:Journal.append", "after"),
    "reader settled": ("gateway.journal.journal:Journal.settle", "after"),
    "file opened": (f"{STORE}:connect", "after"),
    "journal loaded": (f"{STORE}:Store._load", "after"),
    "mark loaded": ("gateway.journal.mark:HighWater.load", "after"),
}
"""Where a process dies while all is well."""
ONCE = {"layout named", "boot written", "mark forced", "file opened", "journal loaded", "mark loaded"}
"""Passed once per start, or until it has been committed once."""
FREEING = {
    "unread frames counted": ("gateway.journal.retention:_unsettled", "after"),
    "blocks freed": ("sql:DELETE FROM block", "after"),
    "segment freed": ("sql:DELETE FROM segment", "after"),
    "freeing done": ("gateway.journal.retention:free", "after"),
}
"""Where a process dies while the journal is full."""
SETTING_ASIDE = {
    "file about to be set aside": (f"{STORE}:set_aside", "before"),
    "a file renamed": ("gateway.journal.file:Path.rename", "after"),
    "set aside": (f"{STORE}:set_aside", "after"),
    "new file about to be named": ("gateway.journal.file:Path.replace", "before"),
    "new file named": ("gateway.journal.file:Path.replace", "after"),
    "new file made": (f"{STORE}:create", "after"),
    "base written": ("sql:INSERT INTO meta", "after"),
    "loss written": (f"{STORE}:write_gaps", "after"),
}
"""Where a process dies while a spoilt file is replaced."""


@pytest.fixture
def nursery(tmp_path):
    opened = Nursery(str(tmp_path / "nursery.log"))
    yield opened
    opened.close()


@pytest.fixture
def place(tmp_path):
    """`place(**job)` → the job with the test's folder and ledger."""
    return lambda **job: {
        "folder": str(tmp_path / "data"),
        "ledger": str(tmp_path / "ledger"),
        **job,
    }


async def after(tmp_path, **config):
    """What the next start finds, held against what was promised."""
    promises = promises_of(tmp_path / "ledger")
    opened = await open_and_look(tmp_path / "data", **config)
    account = account_of(opened, promises)
    account.journal.holes = [h for h in opened.place.holes if h.reason != "overload"]
    return promises, opened, account.verdicts()


def p99(values):
    return sorted(values)[max(0, int(len(values) * 0.99) - 1)]


async def test_killed_at_random(tmp_path, nursery, place, figures):
    count = rounds(fast=60, long=1_000)
    dice = random.Random(20_260_101)  # noqa: S311  # moments, no secrets
    killed = [
        nursery.live(**place(round=number, kill_after_ms=dice.uniform(0, 40), once_open=number % 4 > 0))[
            "killed"
        ]
        for number in range(count)
    ]
    promises, opened, verdicts = await after(tmp_path)
    assert all(killed)
    assert all(v.clean for v in verdicts), table(verdicts)
    assert opened.damaged == [], "a kill is no damage"
    assert opened.aside == []
    assert opened.positions == list(range(1, len(opened.positions) + 1))
    assert int(opened.watches["watch"]) == opened.changes[-1].body["alert"]["n"], "one commit for both"
    assert opened.cursors["reader"] <= opened.positions[-1]
    assert opened.cursors["reader"] >= promises.settled["reader"], "a settled place lasts"
    assert len(promises.acks) > count
    assert p99(promises.opens_ms) <= 2_000
    figures(
        f"kill -9, journal alone, {count} random rounds",
        f"{len(promises.acks)} acknowledged, lost 0, invented 0, duplicate 0; "
        f"opening p99 {p99(promises.opens_ms):.0f} ms, longest {max(promises.opens_ms):.0f} ms",
    )


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step(tmp_path, nursery, place, figures, step):
    count = rounds(fast=2, long=100)
    dice = random.Random(step)  # noqa: S311  # which passing, no secret
    hits = 0
    for number in range(count):
        k = 1 if step in ONCE else dice.choice((1, 1, dice.randint(1, 12)))
        hits += nursery.live(**place(round=number, commits=70, fail=(*STEPS[step], k)))["killed"]
    promises, opened, verdicts = await after(tmp_path)
    assert hits >= count / 2, "the step is hardly ever passed"
    assert all(v.clean for v in verdicts), table(verdicts)
    assert opened.damaged == []
    assert opened.positions == list(range(1, len(opened.positions) + 1))
    figures(f"kill -9, {step}", f"{hits} of {count} died there; {len(promises.acks)} acknowledged, all there")


@pytest.mark.parametrize("step", FREEING)
async def test_killed_while_the_journal_is_full(tmp_path, nursery, place, figures, step):
    count = rounds(fast=2, long=100)
    full = place(max_size="1MB", commits=30, fat=True)
    for number in range(3):
        nursery.live(**full, round=number)
    hits = 0
    for number in range(3, count + 3):
        hits += nursery.live(**full, round=number, fail=(*FREEING[step], 1))["killed"]
    promises, opened, verdicts = await after(tmp_path, max_size="1MB")
    assert hits >= count * 0.9
    assert {hole.reason for hole in opened.place.holes if hole.seq} == {"journal_full"}
    assert all(v.clean for v in verdicts), table(verdicts)
    figures(
        f"kill -9, full, {step}",
        f"{hits} of {count} died there; {len(promises.acks)} acknowledged, all there or told",
    )


@pytest.mark.parametrize("step", SETTING_ASIDE)
async def test_killed_while_a_spoilt_file_is_replaced(tmp_path, nursery, place, figures, step):
    count = rounds(fast=1, long=100)
    told = 0
    for number in range(count):
        nursery.live(**place(round=2 * number, commits=4))
        (tmp_path / "data/journal/journal.db").write_bytes(b"nothing of the kind" * 500)
        job = place(round=2 * number + 1, commits=2, fail=(*SETTING_ASIDE[step], 1))
        assert nursery.live(**job)["killed"]
        _, opened, verdicts = await after(tmp_path)
        assert all(v.clean for v in verdicts), table(verdicts)
        told += len(opened.damaged) >= 2
        shutil.rmtree(tmp_path / "data")
        (tmp_path / "ledger").unlink()
    assert told == count
    figures(
        f"kill -9, replacing, {step}", f"{count} died there; all that was acknowledged is there or in a gap"
    )


ILL = {
    "ack_before_commit": "lost",
    "seq_used_again": "duplicate",
    "value_invented": "invented",
}


@pytest.mark.parametrize("illness", ILL)
async def test_a_doctored_journal_is_found_out(tmp_path, nursery, place, illness):
    for number in range(4):
        nursery.live(**place(round=number, commits=20, doctor=[illness]))
    _, _, verdicts = await after(tmp_path)
    assert getattr(verdicts[0], ILL[illness]), table(verdicts)


@pytest.mark.parametrize("illness", ["gap_swallowed", "freed_in_silence"])
async def test_a_full_journal_that_says_nothing_is_found_out(tmp_path, nursery, place, illness):
    for number in range(4):
        nursery.live(**place(round=number, fat=True, commits=30, max_size="1MB", doctor=[illness]))
    _, _, verdicts = await after(tmp_path, max_size="1MB")
    assert verdicts[0].lost or verdicts[0].unexplained, table(verdicts)
