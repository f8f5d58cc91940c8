"""Faults on purpose. `make faults` (FAULTS=long) tries all of them and prints figures; `make test` a fast set."""

import subprocess
import sys

import pytest

from tests.faults.scale import LONG
from tests.faults.whole import ended_well, world  # noqa: F401  # fixtures
from tests.story.conftest import (  # noqa: F401  # fixtures
    eventually,
    functions,
    gateway,
    maplebridge,
    plain_surroundings,
    serve,
)

_FIGURES = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config):
    config.stash[_FIGURES] = []


def pytest_collection_modifyitems(config, items):
    """What is marked `long` is not even collected in the fast set: nothing there is skipped."""
    if LONG:
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[_FIGURES]:
        terminalreporter.section("figures of the fault set")
    for what, figure in config.stash[_FIGURES]:
        terminalreporter.write_line(f"{what}: {figure}")


@pytest.fixture
def figures(request):
    """`figures(what, figure)`: a line of the table at the end of the run."""

    def note(what: str, figure: object) -> None:
        request.config.stash[_FIGURES].append((what, str(figure)))

    return note


@pytest.fixture
def uplink(tmp_path):
    """`uplink(url)` of a broker or a database → the process; frames come until its stdin ends."""
    started = []

    def start(url):
        command = [sys.executable, "-m", "tests.faults.uplink", url, str(tmp_path / "data")]
        with (tmp_path / "uplink.log").open("wb") as log:
            started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()
