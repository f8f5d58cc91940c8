"""`journal import`: a signed export or a table, whole or not at all, with and without a running gateway."""

import asyncio
import gzip

import orjson
import pytest
from typer.testing import CliRunner

from agent.clock import ManualClock
from agent.reading import Frame
from gateway.commands.journal import app
from gateway.journal.config import JournalConfig
from gateway.journal.intake import FOLDER, Intake
from gateway.journal.journal import Journal

SITE = """
version: 1
site: {id: a, name: {en: A, zh: 甲}, timezone: Asia/Shanghai}
buses: [{id: lan, url: "tcp://127.0.0.1:502"}]
devices: [{id: inv-1, profile: sunspec-inverter, bus: lan, unit: 1, rated_kw: 5}]
"""
NOW_MS = 1_780_000_000_000
TABLE = "ts,device,point,value,quality\n" + "".join(
    f"2026-05-20T12:{minute:02}:00,inv-1,ac_power_kw,{minute}.5,\n" for minute in range(60)
)


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


def run(command, *arguments):
    return CliRunner().invoke(app, [command, *map(str, arguments)])


async def frames_in(data):
    journal = await Journal.open(data, JournalConfig(), ManualClock())
    try:
        return [record.entry for record in await journal.read(0, 10_000)]
    finally:
        await journal.close()


@pytest.fixture
async def exported(site, tmp_path):
    """A file that the site's gateway signed, and the public key that it showed."""
    journal = await Journal.open(tmp_path / "theirs", JournalConfig(), ManualClock())
    for seq in range(1, 31):
        journal.append(Frame("inv-1", "b", seq, 0, NOW_MS + seq, False, 0, ("ac_power_kw",), (float(seq),)))
    journal.append(Frame("gone-1", "b", 1, 0, NOW_MS, False, 0, ("x",), (1.0,)))
    await journal.commit()
    await journal.close()
    file = tmp_path / "carried.gz"
    told = await asyncio.to_thread(run, "export", site, file, "--data", tmp_path / "theirs", "--json")
    return file, orjson.loads(told.stdout)["key"]


async def test_an_export_is_taken_in_once_by_whoever_names_its_key(site, tmp_path, exported):
    file, key = exported
    refused = await asyncio.to_thread(run, "import", site, file)
    assert refused.exit_code == 2
    assert key in refused.stderr
    for frames, known in ((30, 0), (0, 30)):
        said = await asyncio.to_thread(run, "import", site, file, "--key", key, "--json")
        assert said.exit_code == 0, said.output
        document = orjson.loads(said.stdout)
        assert (document["frames"], document["known"]) == (frames, known)
    found = await frames_in(tmp_path / "data")
    assert [(f.boot, f.seq) for f in found] == [("b", seq) for seq in range(1, 31)]
    words = await asyncio.to_thread(run, "import", site, file, "--key", key)
    assert "gone-1" in words.stdout


async def test_the_gateway_that_signed_it_needs_no_key(site, tmp_path, exported):
    said = await asyncio.to_thread(run, "import", site, exported[0], "--data", tmp_path / "theirs")
    assert (said.exit_code, "0 frames taken in, 30 were there" in said.stdout) == (0, True)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda lines: [*lines[:5], lines[5].replace(b"5.0", b"9.0"), *lines[6:]], "signature is wrong"),
        (lambda lines: [*lines[:5], *lines[6:]], "signature is wrong"),
        (lambda lines: lines[:-1], "no whole export"),
        (lambda lines: [b"{}\n", *lines[1:]], "no whole export"),
        (lambda _lines: [], "no whole export"),
        (lambda lines: [lines[0].replace(b'"site":"a"', b'"site":"b"'), *lines[1:]], "signature is wrong"),
    ],
)
async def test_a_file_that_is_not_as_it_was_written_is_refused_whole(site, tmp_path, exported, change, word):
    file, key = exported
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(change(lines))))
    said = await asyncio.to_thread(run, "import", site, file, "--key", key)
    assert said.exit_code == 2
    assert word in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert not (tmp_path / "data" / FOLDER).exists()


async def test_a_file_cut_short_is_refused(site, exported):
    file, key = exported
    file.write_bytes(file.read_bytes()[:-20])
    said = await asyncio.to_thread(run, "import", site, file, "--key", key)
    assert (said.exit_code, "cut short" in said.stderr) == (2, True)


async def test_another_sites_export_is_refused(site, exported):
    file, key = exported
    site.write_text(SITE.replace("id: a,", "id: elsewhere,"))
    said = await asyncio.to_thread(run, "import", site, file, "--key", key)
    assert (said.exit_code, "of site a, not of elsewhere" in said.stderr) == (2, True)


def test_a_table_is_taken_in_once_and_of_one_with_a_mistake_nothing(site, tmp_path):
    table = tmp_path / "old.csv"
    table.write_text(TABLE)
    assert "60 frames are sound" in run("import", site, table, "--dry-run").stdout
    assert not (tmp_path / "data" / FOLDER).exists()
    assert "60 frames taken in, 0 were" in run("import", site, table).stdout
    table.write_text(TABLE + "2026-05-20T13:00:00,inv-1,ac_power_kw,1.5,\n")
    assert "导入 1 帧,60 帧已有" in run("import", site, table, "--lang", "zh").stdout
    table.write_text(TABLE + "\n2026-05-20T14:00:00,inv-1,ac_power_kw,1.5 kW,\n" + "x,inv-1,state,1,\n" * 30)
    said = run("import", site, table)
    assert said.exit_code == 2
    assert said.stderr.splitlines()[0].startswith(f"{table}:63:39: '1.5 kW' is no number; ")
    assert len(said.stderr.splitlines()) == 21
    assert "and 11 more" in said.stderr
    assert asyncio.run(frames_in(tmp_path / "data"))[-1].values == (1.5,)


def test_a_table_in_another_encoding_and_a_missing_file_are_told(site, tmp_path):
    table = tmp_path / "old.csv"
    table.write_bytes("ts,device,point,value\n2026-05-20,inv-1,state,运行\n".encode("gbk"))
    said = run("import", site, table)
    assert (said.exit_code, "not UTF-8" in said.stderr) == (2, True)
    said = run("import", site, tmp_path / "none.csv")
    assert (said.exit_code, "No such file" in said.stderr) == (1, True)


async def test_beside_a_running_gateway_it_is_that_which_takes_it_in(site, tmp_path):
    (tmp_path / "old.csv").write_text(TABLE)
    journal = await Journal.open(tmp_path / "data", JournalConfig(), ManualClock())
    intake = asyncio.get_running_loop().create_task(Intake(tmp_path / "data", journal).run())
    try:
        said = await asyncio.to_thread(run, "import", site, tmp_path / "old.csv", "--json")
    finally:
        intake.cancel()
        await asyncio.wait([intake])
    assert "running gateway" in said.stderr
    assert orjson.loads(said.stdout)["frames"] == 60
    assert len(await journal.read(0, 100)) == 60
    await journal.close()
