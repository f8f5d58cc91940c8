"""The power fails: what was acknowledged is on the card, whatever became of the rest, and the journal opens."""

import random
import shutil

import pytest

from tests.faults.account import table
from tests.faults.books import Promises, account_of, open_and_look
from tests.faults.nursery import Nursery
from tests.faults.scale import rounds
from tests.faults.storage import compiled, cuts, operations


@pytest.fixture
def recorded(tmp_path):
    """`recorded(lives)` → what three lives of a journal did to its files."""

    def record(lives, **job):
        nursery = Nursery(str(tmp_path / "nursery.log"), preload=compiled(tmp_path))
        for number, life in enumerate(lives):
            places = {name: str(tmp_path / name) for name in ("ledger", "record")}
            ended = nursery.live(folder=str(tmp_path / "data"), round=number, **places, **life, **job)
            assert ended["code"] in (0, -9), (tmp_path / "nursery.log").read_text()
        nursery.close()
        found = operations(tmp_path / "record")
        assert {operation.kind for operation in found} >= set("wsadoru")
        return found

    return record


LIVES = (
    {"commits": 60},
    {"commits": 40, "fat": True, "max_size": "1MB"},
    {"commits": 30, "max_size": "1MB", "orderly": True},
    {"commits": 30, "max_size": "1MB"},
)


async def cut_and_open(tmp_path, found, count, *, lies=False):
    """(images with a loss, verdicts of those, longest start in s, rows promised over all images)."""
    dice = random.Random(20_260_601)  # noqa: S311  # instants and sectors, no secrets
    losses, longest_s, promised = [], 0.0, 0
    image = tmp_path / "image"
    for card in cuts(found, count, dice, lies=lies):
        card.cut(image, tmp_path / "data", dice)
        promises = Promises().read(
            [line for line in card.said.decode().splitlines(keepends=True) if line.endswith("\n")]
        )
        opened = await open_and_look(image)
        account = account_of(opened, promises)
        account.journal.holes = [h for h in opened.place.holes if h.reason == "journal_full"]
        verdicts = account.verdicts()
        longest_s, promised = max(longest_s, opened.open_s), promised + len(promises.acks)
        if not all(v.clean for v in verdicts):
            losses.append(table(verdicts))
        shutil.rmtree(image, ignore_errors=True)
    return losses, longest_s, promised


async def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path, recorded, figures):
    count = rounds(fast=80, long=1_000)
    losses, longest_s, promised = await cut_and_open(tmp_path, recorded(LIVES), count)
    assert not losses, f"{len(losses)} of {count}: {losses[0]}"
    assert longest_s <= 5
    assert promised > count
    figures(
        f"power cuts, {count} images",
        f"{promised} acknowledged frames over all images, lost 0, failed starts 0, longest start {longest_s * 1_000:.0f} ms",
    )


async def test_a_journal_that_does_not_force_its_commits_is_found_out(tmp_path, recorded, figures):
    count = rounds(fast=30, long=200)
    found = recorded(LIVES, doctor=["half_synced"])
    losses, _, _ = await cut_and_open(tmp_path, found, count)
    assert len(losses) > count / 5
    figures("power cuts, synchronous=NORMAL", f"{len(losses)} of {count} images lack acknowledged frames")


async def test_a_card_that_lies_is_found_out_and_the_journal_starts_all_the_same(tmp_path, recorded, figures):
    count = rounds(fast=30, long=200)
    losses, longest_s, _ = await cut_and_open(tmp_path, recorded(LIVES), count, lies=True)
    assert len(losses) > count / 2
    assert longest_s <= 5
    figures(
        "power cuts, a card that lies",
        f"{len(losses)} of {count} images lack acknowledged frames, failed starts 0",
    )
