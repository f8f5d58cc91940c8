"""`journal stats|verify|export`: beside a running gateway, and where there is none."""

import base64
import gzip
import hashlib
import sqlite3
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
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


def _run(*arguments: object, command: str = "stats"):
    return CliRunner().invoke(app, [command, *map(str, arguments)])


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


async def test_a_sound_journal_is_verified_beside_its_gateway(site: Path, tmp_path: Path):
    journal = await _fill(tmp_path / "data")
    try:
        result = _run(site, "--json", command="verify")
    finally:
        await journal.close()
    assert result.exit_code == 0, result.output
    assert orjson.loads(result.stdout) == {
        "ok": True, "blocks": 1, "frames": 2, "changes": 0, "values": 2, "first": NOW_MS + 1,
        "last": NOW_MS + 2, "faults": [],
    }  # fmt: skip


async def test_what_is_damaged_is_named_with_its_bounds(site: Path, tmp_path: Path):
    journal = await _fill(tmp_path / "data")
    for seq in (3, 4):
        journal.append(Frame("inv-1", "b", seq, 0, NOW_MS + seq, False, 0, ("x", "y"), (1.0, None)))
        await journal.commit()
    await journal.close()
    with sqlite3.connect(tmp_path / "data/journal/journal.db") as connection:
        connection.execute("UPDATE block SET data = zeroblob(40) WHERE first = 3")
    connection.close()
    result = _run(site, "--json", command="verify")
    assert result.exit_code == 1
    (fault,) = orjson.loads(result.stdout)["faults"]
    assert (fault["what"], fault["first"], fault["last"], fault["frames"]) == ("block", 3, 3, 1)
    assert (fault["from"], fault["to"]) == (NOW_MS + 2, NOW_MS + 4)
    assert len(result.stderr.splitlines()) == 1


async def test_a_shortened_journal_is_found_by_its_mark(site: Path, tmp_path: Path):
    journal = await _fill(tmp_path / "data")
    await journal.close()
    with sqlite3.connect(tmp_path / "data/journal/journal.db") as connection:
        connection.execute("DELETE FROM block")
    connection.close()
    result = _run(site, "--json", command="verify")
    assert result.exit_code == 1
    assert [fault["what"] for fault in orjson.loads(result.stdout)["faults"]] == ["shortened"]


async def test_an_export_is_signed_with_the_data_folders_own_key(site: Path, tmp_path: Path):
    journal = await _fill(tmp_path / "data")
    file = tmp_path / "carried.gz"
    try:
        result = _run(site, file, "--from", "2026-05-28T20:26:40.002Z", "--json", command="export")
    finally:
        await journal.close()
    assert result.exit_code == 0, result.output
    told = orjson.loads(result.stdout)
    assert (tmp_path / "data/export.key").stat().st_mode & 0o777 == 0o600
    *lines, end = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    about, *frames = map(orjson.loads, lines)
    assert about["key"] == told["key"]
    assert [(f["device"], f["boot"], f["seq"], f["values"]) for f in frames] == [
        ("inv-1", "b", 2, [1.0, None])
    ]
    digest = hashlib.sha512(b"".join(lines)).digest()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(told["key"]))
    key.verify(base64.b64decode(orjson.loads(end)["signature"]), digest)
    again = orjson.loads(_run(site, file, "--json", command="export").stdout)
    assert (again["key"], again["frames"]) == (told["key"], 2)


def test_what_is_no_time_is_refused(site: Path, tmp_path: Path):
    result = _run(site, tmp_path / "x", "--from", "yesterday", command="export")
    assert result.exit_code == 2
    assert "yesterday" in result.stderr
