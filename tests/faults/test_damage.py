"""Bits that flip, files that are something else, storage that refuses: the journal starts, invents nothing, and says what it lost."""

import random
import shutil

import pytest

from tests.faults.account import Verdict, table
from tests.faults.books import Opened, Promises, account_of, open_and_look, promises_of
from tests.faults.nursery import Nursery
from tests.faults.scale import rounds
from tests.faults.storage import compiled

PLACES = ("journal.db", "journal.db-wal", "mark.0", "mark.1")


@pytest.fixture
def spoilt(tmp_path):
    """A journal as a kill left it: (its files, what was promised)."""
    nursery = Nursery(str(tmp_path / "nursery.log"))
    job = {"folder": str(tmp_path / "data"), "ledger": str(tmp_path / "ledger")}
    for number in range(3):
        nursery.live(**job, round=number, commits=70 + number)
    nursery.close()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "data/journal").iterdir()}
    kept.pop("journal.db-shm", None)
    return kept, promises_of(tmp_path / "ledger")


def faults_of(opened: Opened, promises: Promises) -> list[Verdict]:
    """The account's verdicts, and of what is no frame: places and watches that nobody ever wrote."""
    account = account_of(opened, promises)
    verdict, *_ = account.verdicts()
    kept = len(opened.place.frames) == len(promises.acks)
    if opened.aside == [] and not opened.damaged and opened.cursors["reader"] > promises.settled["reader"]:
        verdict.invented.append(
            f"the reader is at {opened.cursors['reader']}, of {promises.settled['reader']}"
        )
    if opened.cursors["never"] and not opened.damaged:
        verdict.invented.append(f"a reader that never read is at {opened.cursors['never']}")
    if kept and opened.aside == [] and opened.cursors["reader"] < promises.settled["reader"]:
        verdict.duplicate.append(f"the reader is back at {opened.cursors['reader']}")
    return [verdict]


async def test_every_bit_flip_is_harmless_or_told_with_bounds(tmp_path, spoilt, figures):
    count = rounds(fast=100, long=2_000)
    kept, promises = spoilt
    dice = random.Random(20_260_701)  # noqa: S311  # which bit, no secret
    longest_s, told, bad, folder = 0.0, 0, [], tmp_path / "flipped/journal"
    for _ in range(count):
        folder.mkdir(parents=True)
        name = dice.choices(PLACES, weights=(6, 6, 1, 1))[0]
        bit = dice.randrange(len(kept[name]) * 8)
        for other, content in kept.items():
            flipped = bytearray(content)
            if other == name:
                flipped[bit // 8] ^= 1 << bit % 8
            (folder / other).write_bytes(flipped)
        try:
            opened = await open_and_look(folder.parent)
        except Exception as crash:  # noqa: BLE001  # any exception is what this looks for
            bad.append(f"bit {bit} of {name}: {type(crash).__name__} {crash}")
        else:
            longest_s = max(longest_s, opened.open_s)
            verdicts = faults_of(opened, promises)
            told += bool(opened.damaged)
            if not all(v.clean for v in verdicts):
                bad.append(f"bit {bit} of {name}: {table(verdicts)}")
        shutil.rmtree(folder)
    assert not bad, f"{len(bad)} of {count}:\n" + "\n".join(bad[:12])
    assert told > count / 20
    assert longest_s <= 5
    figures(
        f"bit flips, {count}",
        f"{count - told} harmless, {told} cost something and were told with bounds, crashed 0, "
        f"invented 0, longest start {longest_s * 1_000:.0f} ms",
    )


REFUSALS = {"write": "w", "full": "f", "sync": "s", "read": "r", "truncate": "t", "open": "o"}


@pytest.mark.parametrize("what", REFUSALS)
async def test_a_storage_that_refuses_once_costs_nothing(tmp_path, figures, what):
    count = rounds(fast=6, long=200)
    nursery = Nursery(str(tmp_path / "nursery.log"), preload=compiled(tmp_path))
    job = {"folder": str(tmp_path / "data"), "ledger": str(tmp_path / "ledger")}
    nursery.live(**job, round=0, commits=20)
    dice = random.Random(what)  # noqa: S311  # which operation, no secret
    ends = []
    for number in range(1, count + 1):
        k = dice.randint(1, 200) if what in ("write", "full", "read") else dice.randint(1, 30)
        refuse = (REFUSALS[what], k, dice.choice((1, 1, 3)))
        ends.append(nursery.live(**job, round=number, commits=20, refuse=refuse)["code"])
    nursery.close()
    opened, promises = await open_and_look(tmp_path / "data"), promises_of(tmp_path / "ledger")
    log = (tmp_path / "nursery.log").read_text()
    refused = (tmp_path / "ledger").read_text().count("refused") + ends.count(1)
    assert set(ends) <= {0, 1}, log[-3_000:]
    verdicts = account_of(opened, promises).verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    assert opened.damaged == []
    assert opened.aside == [], "a refusal is no damage"
    assert what in ("truncate", "open", "read") or refused
    figures(
        f"{what} refused, {count} starts",
        f"{refused} commits or starts refused, {len(promises.acks)} acknowledged, all there, nothing set aside",
    )


@pytest.mark.parametrize("times", [1, 3])
async def test_a_start_that_is_refused_any_of_its_files_costs_no_commit_of_the_run_before(tmp_path, times):
    """Refused its `-shm`, SQLite reads on, and would delete the log with all that only stands there."""
    nursery = Nursery(str(tmp_path / "nursery.log"), preload=compiled(tmp_path))
    job = {"folder": str(tmp_path / "data"), "ledger": str(tmp_path / "ledger")}
    nursery.live(**job, round=0, commits=8)
    for kth in range(1, 25):
        nursery.live(**job, round=kth, commits=8, refuse=("o", kth, times))
    nursery.close()
    opened, promises = await open_and_look(tmp_path / "data"), promises_of(tmp_path / "ledger")
    verdicts = account_of(opened, promises).verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    assert (opened.damaged, opened.aside) == ([], [])
