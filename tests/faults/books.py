"""What a journal on the disk says, and what its writer had promised, as an account."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.journal.record import Change
from tests.faults.account import Account, Hole, Key, Place
from tests.faults.kernel import truth


@dataclass(slots=True)
class Promises:
    """A ledger, read."""

    acks: dict[Key, int] = field(default_factory=dict)
    """Frame → its time."""
    opens_ms: list[float] = field(default_factory=list)
    settled: dict[str, int] = field(default_factory=dict)

    def read(self, lines: list[str]) -> "Promises":
        for line in lines:
            match line.split():
                case ["ack", device, boot, seq, ts_ms]:
                    self.acks[device, boot, int(seq)] = int(ts_ms)
                case ["open", ms]:
                    self.opens_ms.append(float(ms))
                case ["settled", reader, position]:
                    self.settled[reader] = int(position)
        return self


def promises_of(path: Path) -> Promises:
    """Only whole lines count: a promise is made when it has been said to its end."""
    text = path.read_text() if path.exists() else ""
    return Promises().read([line for line in text.splitlines(keepends=True) if line.endswith("\n")])


@dataclass(slots=True)
class Opened:
    """A journal as the next start finds it."""

    place: Place
    open_s: float
    positions: list[int]
    watches: dict[str, bytes]
    changes: list[Change]
    cursors: dict[str, int]
    aside: list[str]

    @property
    def damaged(self) -> list[Hole]:
        return [hole for hole in self.place.holes if hole.reason == "damaged"]


async def open_and_look(folder: Path, boot: str = "after", **config: object) -> Opened:
    """Open the journal for real and read all of it."""
    began = time.perf_counter()
    journal = await Journal.open(folder, JournalConfig(**config), ManualClock(boot=boot))
    open_s = time.perf_counter() - began
    try:
        place, positions, changes = Place("journal"), [], []
        while records := await journal.read(positions[-1] if positions else 0, 5_000):
            for record in records:
                positions.append(record.position)
                if isinstance(record.entry, Frame):
                    put_frame(place, record.entry)
                else:
                    changes.append(record.entry)
        await journal.commit()  # what reading found is told by then
        place.holes = await holes_of(journal)
        cursors = {reader: journal.cursor(reader) for reader in ("reader", "slow", "never")}
        aside = (await journal.statistics()).get("set_aside", [])
        return Opened(place, open_s, positions, journal.watches(), changes, cursors, aside)
    finally:
        await journal.close()


async def holes_of(journal: Journal) -> list[Hole]:
    holes: list[Hole] = []
    last = 0
    while gaps := await journal.gaps(last, 500):
        last = gaps[-1].id
        holes += (Hole(g.device, g.boot, g.from_ms, g.to_ms, g.slots, g.seq, g.reason) for g in gaps)
    return holes


def put_frame(place: Place, frame: Frame) -> None:
    content = None if frame.reason is not None else frame.values
    place.put((frame.device, frame.boot, frame.seq), frame.ts_ms, content)


def account_of(opened: Opened, promises: Promises, said: Callable[[str, int], tuple] = truth) -> Account:
    return Account(opened.place, said, promised=promises.acks)


def look(folder: Path, **config: object) -> Opened:
    return asyncio.run(open_and_look(folder, **config))
