"""What is killed: a journal that commits and says so, and a desk beside it. Runs in children of the nursery."""

import asyncio
import os
import random
import time
from pathlib import Path

from agent.clock import SystemClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.errors import JournalUnavailable
from gateway.journal.journal import Journal
from tests.faults import storage

DEVICES = ("inv-1", "bat-1")
POINTS = ("n", "word", "text")
FAT = 1_000_000_000
"""Frames with a number from here on carry so much text that a journal is soon full."""
FAT_BYTES = 8_000


def truth(device: str, number: int) -> tuple[float, float, str]:
    """What a device says with its `number`."""
    word = (number * 2_654_435_761 + len(device) * 97) & 0xFFFFFFFF
    size = FAT_BYTES if number >= FAT else 4
    return float(number), float(word), random.Random(number).randbytes(size).hex()  # noqa: S311  # a pattern


class Ledger:
    """Says what was acknowledged, where SIGKILL of the sayer does not reach: each line is one `write`."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: object) -> None:
        os.write(self.file, (" ".join(map(str, words)) + "\n").encode())


async def journal_at_work(job: dict) -> None:
    """Open, then append, settle and commit until killed, or `commits` times; each ack is a line of the ledger.

    Lines: `open <ms>` · `ack <device> <boot> <seq> <ts_ms>` · `settled <reader> <position>` (durable by then).
    """
    ledger = Ledger(job["ledger"])
    if "record" in job or "refuse" in job:
        storage.begin(job, ledger.file)
    clock = SystemClock()
    began = time.perf_counter()
    config = JournalConfig(max_size=job.get("max_size", "4GB"))
    try:
        journal = await Journal.open(Path(job["folder"]), config, clock)
    except JournalUnavailable:
        os._exit(1)
    ledger.say("open", round((time.perf_counter() - began) * 1_000, 2))
    journal.cursor("never")
    dice = random.Random(job["round"])  # noqa: S311  # which records come, no secret
    base, ts_ms = job["round"] * 100_000 + FAT * job.get("fat", False), 0
    for seq in range(1, job.get("commits", 1_000_000) + 1):
        while (
            clock.utc_ms() <= ts_ms
        ):  # rises strictly, as a poller's does, and never runs ahead of the next life
            await asyncio.sleep(0.0002)
        ts_ms = clock.utc_ms()
        frames = [
            Frame(device, clock.boot, seq, seq, ts_ms, False, 0, POINTS, truth(device, base + seq))
            for device in DEVICES
        ]
        position = [journal.append(frame) for frame in frames][-1]
        if seq % 3 == 0:
            body = {"alert": {"n": base + seq}}
            journal.append_outcome(
                [body], {"watch": str(base + seq).encode()}, mono_ms=seq, ts_ms=ts_ms, unsure=False
            )
        if seq % 5 == 0:
            journal.gap("inv-1", ts_ms, ts_ms, 0, None, "overload")
        journal.settle("reader", 1, position)
        await committed(journal, ledger)
        for frame in frames:
            ledger.say("ack", frame.device, frame.boot, frame.seq, frame.ts_ms)
        ledger.say("settled", "reader", position)
        if dice.random() < 0.1:
            journal.settle("slow", 1, position)
            await committed(journal, ledger)
    if job.get("orderly"):
        await journal.close()
    os._exit(0)


async def committed(journal: Journal, ledger: Ledger) -> None:
    """Commit; where the storage refuses, say so and ask again."""
    while True:
        try:
            return await journal.commit()
        except JournalUnavailable:
            ledger.say("refused")
            await asyncio.sleep(0.005)


def run(job: dict) -> None:
    asyncio.run(journal_at_work(job))
