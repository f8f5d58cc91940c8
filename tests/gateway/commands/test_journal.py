"""`journal stats`: beside a running gateway, and where there is none."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.commands.journal import app
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

SITE = """
version: 1
site: {id: a, name: {en: A, zh: 甲}, timezone: Asia/Shanghai}
buses: [{id: lan, url: "tcp://127.0.0.1:502"}]
devices: [{id: inv-1, profile: sunspec-inverter, bus: lan, unit: 1, rated_kw: 5}]
"""
NOW_MS = 1_780_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


def _run(*arguments: object):
    return CliRunner().invoke(app, ["stats", *map(str, arguments)])


async def _fill(data: Path) -> Journal:
    journal = await Journal.open(data, JournalConfig(), ManualClock())
    for seq in (1, 2):
        journal.append(Frame("inv-1", "b", seq, 0, NOW_MS + seq, False, 0, ("x", "y"), (1.0, None)))
    journal.cursor("mqtt")
    journal.settle("influxdb", 1, 2)
    journal.gap("inv-1", NOW_MS, NOW_MS + 5_000, 5, None, "backoff")
    await journal.commit()
    return journal


async def test_it_reads_beside_a_running_gateway(site: Path, tmp_path: Path):
    journal = await _fill(tmp_path / "data")
    try:
        result = _run(site, "--json")
    finally:
        await journal.close()
    assert result.exit_code == 0, result.output
    document = orjson.loads(result.stdout)
    assert {name: document[name] for name in ("frames", "values", "first", "last", "dead_letters")} == {
        "frames": 2, "values": 2, "first": NOW_MS + 1, "last": NOW_MS + 2, "dead_letters": 0,
    }  # fmt: skip
    assert document["cursors"]["mqtt"]["backlog_frames"] == 2
    assert document["cursors"]["influxdb"] == {"position": 2, "backlog_frames": 0, "backlog_age_s": 0.0}
    assert document["gaps"][0].items() >= {
        "device": "inv-1", "from": NOW_MS, "to": NOW_MS + 5_000, "reason": "backoff",
    }.items()  # fmt: skip
    assert document["bytes"] > 0


@pytest.mark.parametrize(("lang", "word"), [("en", "2 frames with 2 values"), ("zh", "2 帧,2 个值")])
async def test_people_get_lines_in_their_language(site: Path, tmp_path: Path, lang: str, word: str):
    await (await _fill(tmp_path / "data")).close()
    result = _run(site, "--lang", lang)
    assert result.exit_code == 0, result.output
    assert word in result.stdout
    assert "backoff" in result.stdout


def test_without_a_journal_it_says_so(site: Path):
    result = _run(site, "--json")
    assert result.exit_code == 1
    assert "there is no journal yet" in result.stderr
    assert len(result.stderr.splitlines()) == 1
