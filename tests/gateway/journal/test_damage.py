"""Whatever is done to the file: never a crash, never an invented record, and every loss is said."""

import random
import sqlite3

import pytest

from agent.clock import ManualClock
from gateway.journal.config import JournalConfig
from gateway.journal.errors import JournalTooNew, JournalUnavailable
from gateway.journal.journal import Journal
from gateway.journal.query import read_statistics

NOW_MS = 1_780_000_000_000


async def _fill(folder, frame, commits=30, boot="first"):
    """A journal that was not closed in order: its files as a kill -9 would leave them."""
    journal = await Journal.open(folder, JournalConfig(), ManualClock(boot=boot))
    for seq in range(1, commits + 1):
        journal.append(frame(seq, boot=boot))
        journal.append(frame(seq, device="bat-1", boot=boot))
        await journal.commit()
    journal.settle("mqtt", 1, 10)
    await journal.commit()
    place = folder / "journal"
    kept = {path.name: path.read_bytes() for path in place.iterdir() if not path.name.endswith("-shm")}
    await journal.close()
    for path in place.iterdir():
        path.unlink()
    for name, content in kept.items():
        (place / name).write_bytes(content)
    return kept


@pytest.mark.parametrize(
    "what", ["garbage", "empty", "directory", "foreign", "gone", "unknown schema", "torn text"]
)
async def test_a_spoilt_file_is_set_aside_and_a_fresh_one_started(tmp_path, frame, file, what):
    await _fill(tmp_path, frame)
    wal = file.with_name("journal.db-wal")
    if what == "unknown schema":
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA user_version=0")
        connection.close()
    elif what == "torn text":  # SQLite's own message quotes it, and then is no text either
        sqlite3.connect(file).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
        file.write_bytes(file.read_bytes().replace(b"CREATE TABLE block (", b"CREATE TABLE block \xd4"))
    else:
        file.unlink()
        wal.unlink()
    match what:
        case "garbage":
            file.write_bytes(b"\x5amaplebridge was here\x00" * 900)
        case "empty":
            file.touch()
        case "directory":
            file.mkdir()
        case "foreign":
            with sqlite3.connect(file) as connection:
                connection.execute("CREATE TABLE block (first INTEGER)")
            connection.close()
        case _:
            pass
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
    try:
        position = journal.append(frame(1, boot="second"))
        assert position > 60, "positions are never used twice"
        await journal.commit()
        assert [r.position for r in await journal.read(0)] == [position]
        assert journal.cursor("mqtt") == position - 1
        gaps = {(g.device, g.reason, g.from_ms, g.to_ms) for g in await journal.gaps() if g.boot == "first"}
        bounds = (NOW_MS + 1_000, NOW_MS + 30_000)
        assert gaps == {("inv-1", "damaged", *bounds), ("bat-1", "damaged", *bounds)}
        statistics = await journal.statistics()
        assert len(statistics["set_aside"]) == (0 if what == "gone" else 1)
    finally:
        await journal.close()


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path, frame, file):
    await _fill(tmp_path, frame)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(JournalTooNew, match="install the version that wrote it"):
            await Journal.open(tmp_path, JournalConfig(), ManualClock())
    with pytest.raises(JournalTooNew):
        read_statistics(tmp_path)
    assert file.read_bytes() == before


async def test_every_bit_flip_in_the_wal_is_either_harmless_or_told_with_bounds(tmp_path, frame, file):
    kept = await _fill(tmp_path, frame, commits=40)
    dice = random.Random(7)  # noqa: S311  # which bit, not a secret
    wal = file.with_name("journal.db-wal")
    told = 0
    for round_ in range(25):
        for path in file.parent.iterdir():
            path.unlink()
        for name, content in kept.items():
            file.with_name(name).write_bytes(content)
        spoilt = bytearray(wal.read_bytes())
        spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
        wal.write_bytes(spoilt)
        journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot=f"b{round_}"))
        try:
            records = await journal.read(0, 1_000)
            for record in records:
                seq = (record.position + 1) // 2
                device = "inv-1" if record.position % 2 else "bat-1"
                assert record.entry == frame(seq, device=device, boot="first"), "nothing is invented"
            lost = {g.device: g.seq for g in await journal.gaps() if g.reason == "damaged"}
            kept_seq = len(records) // 2
            if kept_seq == 40:
                assert lost == {}
            else:
                told += 1
                seq = (kept_seq + 1, 40) if kept_seq else None
                assert lost == {"inv-1": seq, "bat-1": seq}
                assert journal.append(frame(1)) > 80
        finally:
            await journal.close()
    assert told > 5


async def test_a_block_that_rots_in_the_file_is_skipped_and_told(tmp_path, frame, file):
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock())
    for seq in range(1, 5):
        journal.append(frame(seq))
        await journal.commit()
    await journal.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE block SET data = zeroblob(40) WHERE first = 2")
    connection.close()
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
    try:
        journal.settle("desk", 1, 1)
        seen, after = [], 0
        while records := await journal.read(after, 1):
            after = records[-1].position
            seen.append(after)
        assert seen == [1, 3, 4]
        assert journal.cursor("desk") == 2
        await journal.commit()
        assert [r.position for r in await journal.read(0)] == [1, 3, 4], "another reader meets it, too"
        await journal.commit()
        assert [(g.device, g.slots, g.reason) for g in await journal.gaps()] == [("*", 1, "damaged")]
        (gap,) = await journal.gaps()
        assert (gap.from_ms, gap.to_ms) == (NOW_MS + 1_000, NOW_MS + 3_000), "between its neighbours"
    finally:
        await journal.close()


async def test_a_file_that_breaks_under_way_is_replaced_and_polling_goes_on(tmp_path, frame, file):
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock())
    try:
        journal.append(frame(1))
        journal.append_outcome([], {"w": b"1"}, mono_ms=0, ts_ms=NOW_MS, unsure=False)
        await journal.commit()
        journal.settle("mqtt", 1, 1)
        journal._group.condemned = "page 7 is rotten"
        assert journal.append(frame(2)) == 2
        await journal.commit()
        assert [r.position for r in await journal.read(1)] == [2]
        assert journal.cursor("mqtt") == 1
        assert [g.reason for g in await journal.gaps()] == ["damaged"]
        assert len((await journal.statistics())["set_aside"]) == 1
    finally:
        await journal.close()
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
    assert journal.watches() == {"w": b"1"}
    await journal.close()


async def test_statistics_without_a_journal_say_so(tmp_path):
    with pytest.raises(JournalUnavailable, match="no journal yet"):
        read_statistics(tmp_path)


async def test_a_damaged_place_only_makes_a_reader_read_again(tmp_path, frame, file):
    await _fill(tmp_path, frame)
    with sqlite3.connect(file) as connection:
        (state,) = connection.execute("SELECT value FROM meta WHERE key = 'state'").fetchone()
        flipped = bytes(state).replace(b"[10,", b"[50,")
        assert flipped != state
        connection.execute("UPDATE meta SET value = ? WHERE key = 'state'", (flipped,))
    connection.close()
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
    try:
        assert journal.cursor("mqtt") == 0
        assert len(await journal.read(0)) == 60
    finally:
        await journal.close()


async def test_a_second_loss_does_not_hide_the_first(tmp_path, frame, file):
    await _fill(tmp_path, frame, commits=5)
    for boot in ("second", "third"):
        file.write_bytes(b"")
        journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot=boot))
        try:
            journal.append(frame(10, boot=boot))
            await journal.commit()
            spans = [(g.from_ms, g.to_ms) for g in await journal.gaps() if g.reason == "damaged"]
        finally:
            await journal.close()
        assert min(spans)[0] == NOW_MS + 1_000, "from the first frame that was ever lost"


@pytest.mark.parametrize(("lacking", "seconds"), [(20, (10, 12)), (170, (85, 87))])
async def test_a_block_that_has_vanished_is_told_between_its_neighbours(
    tmp_path, frame, file, lacking, seconds
):
    """Whether a whole run of blocks knows of it (a segment), or it is one of the newest."""
    await _fill(tmp_path, frame, commits=100)
    with sqlite3.connect(file) as connection:
        assert connection.execute("DELETE FROM block WHERE last = ?", (lacking + 2,)).rowcount == 1
    connection.close()
    for _ in range(2):
        journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
        assert len(await journal.read(0, 1_000)) == 198
        await journal.commit()
        gaps = [(g.from_ms - NOW_MS, g.to_ms - NOW_MS, g.reason) for g in await journal.gaps()]
        await journal.close()
        assert gaps == [(seconds[0] * 1_000, seconds[1] * 1_000, "damaged")], "once"


async def test_a_run_of_blocks_that_has_lost_its_entry_is_read_all_the_same(tmp_path, frame, file):
    await _fill(tmp_path, frame, commits=200)
    with sqlite3.connect(file) as connection:
        assert connection.execute("DELETE FROM segment WHERE first = 129").rowcount == 1
    connection.close()
    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="second"))
    assert len(await journal.read(0, 1_000)) == 400
    assert journal.cursor("new") == 0
    assert await journal.gaps() == []
    await journal.close()
