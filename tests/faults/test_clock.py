"""The wall clock leaps under the running gateway (libfaketime): nothing is reordered, overwritten, deleted or delayed."""

import asyncio
import os
import shutil
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.scale import LONG
from tests.gateway.time_server_double import TimeServerDouble
from tests.story.conftest import MAPLEBRIDGE, simulated  # noqa: F401  # a fixture

pytestmark = [pytest.mark.mosquitto, pytest.mark.database]

DAY_S = 86_400
YEAR_S = 365 * DAY_S
SITE = """\
version: 1
site: {{id: hall, name: {{en: Hall, zh: 村部}}}}
time: {{source: "{source}"}}
buses: [{{id: lan-1, url: "{lan}"}}]
devices: [{{id: m-1, profile: eastron-sdm630, bus: lan-1, unit: 1, every: 250ms}}]
journal: {{commit_every: 250ms}}
mqtt: {{url: "mqtt://127.0.0.1:{mqtt}"}}
influxdb: {{url: "{influxdb}", bucket: microgrid, flush_every: 100ms}}
"""


def faketime() -> str:
    """The library, as Debian installs it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("CI must have faketime")
        pytest.skip("faketime is not installed")
    return str(found[0])


class Wall:
    """The wall clock that the gateway sees: `set` makes it so many seconds wrong, at `rate` from then on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, ahead_s: float, rate: float = 1.0) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{ahead_s:+.3f} x{rate}\n" if rate != 1.0 else f"{ahead_s:+.3f}\n")
        beside.replace(self._file)

    def program(self) -> tuple[str, ...]:
        settings = {
            "LD_PRELOAD": faketime(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        env = shutil.which("env")
        assert env is not None
        return (env, *(f"{name}={value}" for name, value in settings.items()), *MAPLEBRIDGE)


class Places:
    """A gateway under a wall clock of its own, and what arrives where."""

    def __init__(self, wall, running, heard, database, site, data) -> None:
        self.wall, self.running, self.heard, self.database = wall, running, heard, database
        self.site, self.data = site, data

    def frames(self, device: str = "m-1") -> list[dict]:
        return [frame for frame in self.heard.on(f"microgrid/hall/{device}/readings") if frame]

    def rows(self, measurement: str = "meter") -> list[tuple[int, int]]:
        return sorted((ts_ms, int(seq)) for _, ts_ms, seq in self.database.rows(f"{measurement}_seq"))

    async def all_rows(self, count: int) -> list[tuple[int, int]]:
        """As `rows`, once there are so many: a question that was asked too early is answered from a cache for a while."""
        for _ in range(100):
            if len(rows := self.rows()) >= count:
                break
            await asyncio.sleep(0.1)
        return rows


@pytest.fixture
async def world(tmp_path, serve, simulated, mosquitto, victoria, subscriber, gateway):  # noqa: F811  # the fixture
    """`await world(source, ahead_s)` → the running places."""

    async def start(source: str, ahead_s: float) -> Places:
        broker, database = mosquitto(), victoria()
        heard = subscriber(broker.port, "microgrid/#")
        site, wall = tmp_path / "site.yaml", Wall(tmp_path / "wall")
        lan = await serve({1: simulated("eastron-sdm630")})
        site.write_text(SITE.format(source=source, lan=lan, mqtt=broker.port, influxdb=database.url))
        wall.set(ahead_s)
        running = await gateway("run", site, program=wall.program())
        await running.until_ready()
        return Places(wall, running, heard, database, site, tmp_path / "data")

    return start


def check_order(frames: list[dict], since_ms: float, until_ms: float) -> None:
    """Every number once, and its time strictly after the one before and true."""
    sure = {frame["seq"]: frame["ts"] for frame in frames if frame.get("clock") != "unsure"}
    assert len({frame["boot"] for frame in frames}) == 1
    assert sorted(sure) == list(range(1, max(sure) + 1)), "no number is missing"
    times = [sure[seq] for seq in sorted(sure)]
    assert all(a < b for a, b in pairwise(times)), "times rise strictly"
    assert since_ms <= times[0]
    assert times[-1] <= until_ms


async def test_a_boot_in_the_past_is_mended_when_a_time_server_answers(
    world, eventually, maplebridge, figures
):
    since_ms = time.time() * 1_000
    with TimeServerDouble() as server:
        right = server.answer
        server.answer = lambda _question: None
        here = await world(f"ntp://127.0.0.1:{server.port}", -6 * YEAR_S)

        async def unsure(count=4):
            return len([f for f in here.frames() if f.get("clock") == "unsure"]) >= count

        await eventually(unsure, "live frames of an unsure clock")
        assert all(frame["clock"] == "unsure" and "late" not in frame for frame in here.frames())
        assert all(frame["ts"] < since_ms - 5 * YEAR_S * 1_000 for frame in here.frames())
        assert here.rows() == [], "the database waits for the true time"
        server.answer = right

        async def mended():
            late = {f["seq"] for f in here.frames() if f.get("late")}
            live = {f["seq"] for f in here.frames() if f.get("clock") == "unsure"}
            return live and live <= late

        await eventually(mended, "every unsure frame again", 30)
        here.wall.set(0)  # whoever keeps the machine's clock has found the time, too
        seen = len(here.frames())

        async def more():
            return len(here.frames()) >= seen + 4

        await eventually(more, "frames after the leap")
    frames = here.frames()
    check_order(frames, since_ms, time.time() * 1_000)
    late = [frame for frame in frames if frame.get("late")]
    assert {f["seq"] for f in late} == {f["seq"] for f in frames if f.get("clock") == "unsure"}
    assert all("clock" not in frame for frame in late)
    await here.running.stop()
    times = {frame["seq"]: frame["ts"] for frame in here.frames() if frame.get("clock") != "unsure"}
    rows = await here.all_rows(len(times))
    numbers = [seq for _, seq in rows]
    assert numbers == sorted(times)[: len(rows)], "every frame once, in its true order"
    assert numbers[-1] > max(f["seq"] for f in late), "what the stop has cut off goes with the next start"
    assert all(times[seq] == ts_ms for ts_ms, seq in rows)
    figures(
        "boot six years ago, then a time server",
        f"{len(late)} unsure frames sent again, lost 0, rows {len(rows)} of {len(times)}",
    )


async def test_leaps_of_the_wall_clock_move_nothing(world, eventually, maplebridge, figures):
    since_ms = time.time() * 1_000
    here = await world("always", 0)
    leaps_s = [DAY_S, -DAY_S, 10 * YEAR_S, -50 * YEAR_S]
    if LONG:
        leaps_s += [-10 * YEAR_S, 13 * YEAR_S, 3_600, -3_600, 0, YEAR_S, -YEAR_S, 0]
    for leap_s in leaps_s:
        here.wall.set(leap_s)
        seen = len(here.frames())

        async def more(seen=seen):
            return len(here.frames()) >= seen + 3

        await eventually(more, f"frames after a leap to {leap_s} s", 20)  # no timer waits for the wall clock
    here.running.freeze()
    await asyncio.sleep(1.5)
    seen, thawed_s = len(here.frames()), time.monotonic()
    here.running.thaw()
    await asyncio.sleep(1)
    burst = len(here.frames()) - seen
    assert burst <= 4 * (time.monotonic() - thawed_s) + 3, "a frozen process leaves a gap and makes no burst"
    assert await here.running.stop() == 0
    frames = here.frames()
    assert all("clock" not in frame and "late" not in frame for frame in frames), (
        "the monotonic clock kept the time"
    )
    check_order(frames, since_ms, time.time() * 1_000)
    assert await here.all_rows(len(frames)) == sorted((frame["ts"], frame["seq"]) for frame in frames)
    assert "clock.leap_not_followed" in here.running.log
    statistics = (await maplebridge("journal", "stats", here.site, "--json")).json
    assert since_ms <= statistics["first"] <= statistics["last"] <= time.time() * 1_000
    figures(
        f"{len(leaps_s)} leaps of the wall clock up to 50 years",
        f"{len(frames)} frames, lost 0, out of order 0",
    )


@pytest.mark.long
@pytest.mark.parametrize("ppm", [500, -500])
async def test_drift_is_shown_as_what_it_is(world, eventually, figures, ppm):
    with TimeServerDouble() as server:
        here = await world(f"ntp://127.0.0.1:{server.port}", 0)
        here.wall.set(0, 1 + ppm / 1e6)

        async def shown():
            values = [f["values"] for f in here.frames("gateway") if "clock_skew_ppm" in f["values"]]
            return values and values[-1]

        values = await eventually(shown, "the clock's skew", 45)
    assert values["clock_synchronized"] is True
    assert values["clock_skew_ppm"] == pytest.approx(ppm, rel=0.1)
    figures(f"a wall clock that drifts by {ppm:+d} ppm", f"shown as {values['clock_skew_ppm']:+.1f} ppm")
