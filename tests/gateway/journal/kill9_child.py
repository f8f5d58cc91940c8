"""Appends and commits until it is killed; prints what was acknowledged, after each commit."""

import asyncio
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal


async def main() -> None:
    clock = SystemClock()
    journal = await Journal.open(Path(sys.argv[1]), JournalConfig(), clock)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for seq in range(1, 1_000_000):
        frame = Frame(
            "inv-1", clock.boot, seq, seq, clock.utc_ms(), False, 0, ("n", "twice"), (seq, seq * 2.0)
        )
        position = journal.append(frame)
        if seq % 3 == 0:
            journal.append_outcome(
                [{"alert": {"n": seq}}], {"watch": str(seq).encode()}, mono_ms=seq, ts_ms=seq, unsure=False
            )
        journal.settle("reader", position, position)
        await journal.commit()
        sys.stdout.write(f"{position} {clock.boot} {seq}\n")
        sys.stdout.flush()


asyncio.run(main())
