"""kill -9 at any instant: what was acknowledged is there, and nothing else is.

More rounds: KILL9_ROUNDS=1000 pytest tests/gateway/journal/test_kill9.py
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.journal.record import Change

ROUNDS = int(os.environ.get("KILL9_ROUNDS", "20"))
CHILD = Path(__file__).with_name("kill9_child.py")


async def test_nothing_acknowledged_is_lost_and_nothing_is_invented(tmp_path):
    dice = random.Random(20260101)  # noqa: S311  # when to kill, not a secret
    acknowledged: dict[int, tuple[str, int]] = {}
    for _ in range(ROUNDS):
        acknowledged |= await asyncio.to_thread(_run_and_kill, tmp_path, dice.uniform(0, 0.04))
    assert len(acknowledged) > ROUNDS

    journal = await Journal.open(tmp_path, JournalConfig(), ManualClock(boot="after"))
    try:
        records = []
        while more := await journal.read(records[-1].position if records else 0, 5_000):
            records += more
        frames = {r.position: r.entry for r in records if isinstance(r.entry, Frame)}
        lost = {p for p, (boot, seq) in acknowledged.items() if _key(frames.get(p)) != (boot, seq)}
        assert lost == set()
        assert [r.position for r in records] == list(range(1, len(records) + 1))
        assert all(f.values == (f.seq, f.seq * 2.0) for f in frames.values()), "invented"
        last = {}
        for record in records:
            if isinstance(record.entry, Frame):
                last[record.entry.boot] = last.get(record.entry.boot, 0) + 1
                assert record.entry.seq == last[record.entry.boot], "every number, in order"
        changes = [r.entry for r in records if isinstance(r.entry, Change)]
        assert int(journal.watches()["watch"]) == changes[-1].body["alert"]["n"], "one commit for both"
        assert journal.cursor("reader") <= len(records)
        gaps = await journal.gaps()
        assert not [gap for gap in gaps if gap.reason == "damaged"], "a kill is no damage"
        assert (await journal.statistics())["set_aside"] == []
    finally:
        await journal.close()


def _key(frame):
    return frame and (frame.boot, frame.seq)


def _run_and_kill(folder, after_s):
    child = subprocess.Popen([sys.executable, CHILD, folder], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "ready\n"
        time.sleep(after_s)
        child.kill()
        lines = child.stdout.read().splitlines(keepends=True)
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(position): (boot, int(seq)) for position, boot, seq in whole}
