"""Every command explains itself, and its reference says what is true."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import gateway.commands
from gateway.commands import COMMANDS

REFERENCE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
EVERYWHERE = {"--help", "--json", "--lang", "--data"}
"""Options that the reference explains once."""


def all_commands():
    """("tickets", "list") → command, for each that does something."""
    root = typer.main.get_command(gateway.commands._app)
    for name in COMMANDS:
        command = root.get_command(None, name)
        if hasattr(command, "commands"):
            yield from (((name, inner), found) for inner, found in command.commands.items())
        else:
            yield (name,), command


ALL = dict(all_commands())


def options_of(command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_it_explains_itself(path):
    answer = CliRunner().invoke(gateway.commands._app, [*path, "--help"])
    assert answer.exit_code == 0
    assert "Usage:" in answer.output


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_it_stands_in_the_reference_with_its_options(path):
    assert f"`maplebridge {' '.join(path)}`" in REFERENCE
    chapter = re.search(rf"^## {path[0]}\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)[1]
    assert f"maplebridge {' '.join(path)}" in chapter
    for option in options_of(ALL[path]) - EVERYWHERE:
        assert option in chapter, f"{option} is not explained"


EXAMPLES = re.findall(r"^maplebridge (.+)$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_can_be_called_as_it_is_written(example):
    words = shlex.split(example)
    path = next(path for path in ALL if list(path) == words[: len(path)])
    command = ALL[path]
    command.make_context(" ".join(path), words[len(path) :], resilient_parsing=False)


def test_every_command_on_a_site_takes_the_data_folder():
    for path, command in ALL.items():
        takes_site = any("site" in parameter.name for parameter in command.params)
        assert not takes_site or "--data" in options_of(command), path


def test_an_unknown_command_is_bad_input():
    answer = CliRunner().invoke(gateway.commands._app, ["no-such-command"])
    assert answer.exit_code == 2
