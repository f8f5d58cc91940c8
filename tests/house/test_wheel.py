"""The wheel carries all that an installed `maplebridge` needs, and nothing of the workshop."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def build_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


def run(*command, cwd, **environment) -> subprocess.CompletedProcess:
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, with the front end as it was built last; the console's own tests try that build."""
    tree = tmp_path_factory.mktemp("tree") / "maplebridge"
    tree.mkdir()
    for name in ("agent", "gateway", "configs", "systemd"):
        shutil.copytree(
            ROOT / name, tree / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    hook = build_hook()
    assert (tree / hook.STATIC / "index.html").is_file(), "the front end was not built; make setup"
    (tree / hook.STATIC / hook.STAMP).write_text(hook.sources_hash(tree / hook.WEB))
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tree / "dist", cwd=tree)
    (built,) = (tree / "dist").glob("*.whl")
    return built


def test_it_carries_what_is_needed_and_no_more(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert f"gateway/configs/{path.relative_to(ROOT / 'configs').as_posix()}" in names
    assert "gateway/console/static/index.html" in names
    assert any(name.startswith("gateway/console/static/assets/") for name in names)
    assert "gateway/systemd/maplebridge.service" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agent", "gateway"}
    assert not [name for name in names if "/web/" in name or "node_modules" in name or name.endswith(".pyc")]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run(
        sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check",
        "--target", target, wheel, cwd=target,
    )  # fmt: skip
    return target


def command(installed: Path, *arguments: object) -> str:
    """The installed program, away from the checkout."""
    start = "import sys, gateway; print(gateway.__file__, file=sys.stderr); from gateway.commands import main; main()"
    result = run(
        sys.executable, "-P", "-c", start, *map(str, arguments), cwd=installed, PYTHONPATH=str(installed)
    )
    assert result.stderr.splitlines()[0] == str(installed / "gateway" / "__init__.py")
    return result.stdout


def test_the_installed_program_checks_the_site_that_it_carries(installed):
    command(installed, "check", installed / "gateway" / "configs" / "sites" / "village-hall.yaml")


def test_the_installed_program_tests_the_rules_that_it_carries(installed):
    said = command(installed, "rules", "test", "--lang", "en")
    assert "FAIL" not in said
    assert "BAT-02" in said


def test_the_script_starts_the_program(installed):
    result = run(installed / "bin" / "maplebridge", "--version", cwd=installed, PYTHONPATH=str(installed))
    assert result.stdout.startswith("maplebridge ")
