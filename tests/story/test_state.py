"""All that the gateway keeps is inside its data folder: nothing elsewhere is written, not even a log."""

import asyncio
import os
from pathlib import Path

from agent.simulator.unit import Unit
from tests.story.test_backup import PROFILE, RULE

SITE = """\
version: 1
site: {{id: kept, name: {{en: Kept, zh: 保存}}}}
buses: [{{id: lan-1, url: "{lan}"}}]
devices: [{{id: one, profile: sequence, bus: lan-1, unit: 1}}]
rules: [rules/]
standard_rules: false
teams: [{{id: station, name: {{en: Station, zh: 供电所}}, kinds: [inspection], members: []}}]
mqtt: {{embedded: "127.0.0.1:0"}}
console: {{listen: "127.0.0.1:0"}}
"""


def open_for_writing(pid):
    """Regular files that a process has open for writing."""
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = fd.readlink()
            info = Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text()
        except FileNotFoundError:  # closed in between
            continue
        flags = int(next(line.split()[1] for line in info.splitlines() if line.startswith("flags:")), 8)
        if flags & os.O_ACCMODE != os.O_RDONLY and target.is_file():
            found.add(target)
    return found


async def test_nothing_is_written_outside_the_data_folder(tmp_path, serve, gateway, monkeypatch):
    """Its own folder, its home and the temporary folder stay as they are; the log goes to stderr."""
    place, data, elsewhere = tmp_path / "site", tmp_path / "data", tmp_path / "elsewhere"
    for folder in ("profiles", "rules"):
        (place / folder).mkdir(parents=True)
    (place / "profiles/sequence.yaml").write_text(PROFILE)
    (place / "rules/x.yaml").write_text(RULE)
    elsewhere.mkdir()
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(elsewhere))
    (place / "site.yaml").write_text(SITE.format(lan=await serve({1: Unit()})))
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}

    process = await (await gateway("run", place / "site.yaml", "--data", data)).until_ready()
    written = set()
    for _ in range(20):
        written |= open_for_writing(process.pid)
        await asyncio.sleep(0.1)
    assert await process.stop() == 0, process.log

    assert {path.relative_to(tmp_path).parts[0] for path in written} <= {"data", "gateway-0.log"}
    assert any(path.name == "journal.db-wal" for path in written), "it was looked at while it wrote"
    assert list(elsewhere.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    assert not list(data.rglob("*.log"))
