from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

Opener = Callable[..., Awaitable[Journal]]
NOW_MS = 1_780_000_000_000


def _frame(seq: int, device: str = "inv-1", boot: str = "boot-test", **changes: Any) -> Frame:
    """A poll each second: power, state and a flag."""
    known: dict[str, Any] = {
        "mono_ms": seq * 1_000,
        "ts_ms": NOW_MS + seq * 1_000,
        "unsure": False,
        "span_ms": 12,
        "points": ("ac_power_kw", "state", "closed"),
        "values": (seq + 0.1, "running", True),
    }
    return Frame(device, boot, seq, **{**known, **changes})


@pytest.fixture
def frame() -> Callable[..., Frame]:
    return _frame


@pytest.fixture
async def opener(tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens journals in the test's folder; each is closed at the end, or by the next one."""
    async with AsyncExitStack() as stack:
        opened: list[Journal] = []

        async def close(journal: Journal) -> None:
            if journal in opened:
                opened.remove(journal)
                await journal.close()

        async def open_(boot: str = "boot-test", clock: ManualClock | None = None, **config: Any) -> Journal:
            for earlier in opened:
                await close(earlier)
            journal = await Journal.open(tmp_path, JournalConfig(**config), clock or ManualClock(boot=boot))
            opened.append(journal)
            stack.push_async_callback(close, journal)
            return journal

        yield open_


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "journal.db"
