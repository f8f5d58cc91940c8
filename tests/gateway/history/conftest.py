from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.history.history import History
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

NOON_MS = 1_780_012_800_000
House = tuple[Journal, History]


def _frame(at_s: float, seq: int, kw: float | None = None, device: str = "inv-1", **changes: Any) -> Frame:
    """A poll `at_s` seconds after the quarter hour: power, an energy counter, a state."""
    known: dict[str, Any] = {
        "boot": "boot-test",
        "mono_ms": int(at_s * 1_000),
        "ts_ms": NOON_MS + int(at_s * 1_000),
        "unsure": False,
        "span_ms": 10,
        "points": ("ac_power_kw", "energy_total_kwh", "state"),
        "values": (float(seq) if kw is None else kw, 1_000.0 + seq / 10, "running"),
    }
    return Frame(device=device, seq=seq, **{**known, **changes})


@pytest.fixture
def frame() -> Callable[..., Frame]:
    return _frame


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Opens journal and history on the test's folder; a second call is a restart."""
    opened: list[House] = []

    async def close() -> None:
        while opened:
            journal, history = opened.pop()
            await history.close()
            await journal.close()

    async def open_(
        clock: ManualClock | None = None, meanwhile: Callable[[], object] = list, **history: Any
    ) -> House:
        await close()
        meanwhile()
        journal = await Journal.open(tmp_path, JournalConfig(), clock or ManualClock())
        opened.append((journal, await History.open(tmp_path, journal, **history)))
        return opened[-1]

    yield open_
    await close()
