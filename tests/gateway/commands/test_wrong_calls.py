"""Whatever is wrong with a call: one clear line on stderr, nothing on stdout, the right exit code."""

import re
import socket

import pytest
from typer.testing import CliRunner

from gateway.commands import _app

SITE = """
version: 1
site: {id: s1, name: {en: S, zh: 站}}
buses: [{id: lan, url: "tcp://127.0.0.1:1"}]
devices: [{id: bat-1, profile: sunspec-storage, bus: lan, unit: 1}]
console: {listen: "127.0.0.1:{port}"}
"""
ON_A_SITE = (["alerts"], ["check"], ["journal", "stats"], ["plan"], ["rules", "list"], ["run"], ["simulate"], ["tickets", "list"])  # fmt: skip
WITH_LANG = [words for words in ON_A_SITE if words[0] not in ("run", "simulate")]


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "site.yaml").write_text(SITE.replace("{port}", "0"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\x00\xfe")
    (tmp_path / "folder").mkdir()

    def answer(*words):
        return CliRunner().invoke(_app, list(words), input="")

    return answer


def one_line(result, code: int) -> str:
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("command", ON_A_SITE, ids=" ".join)
@pytest.mark.parametrize("file", ["missing.yaml", "folder", "binary.yaml"])
def test_a_site_file_that_is_none_is_named(call, command, file):
    assert one_line(call(*command, file), 2).startswith(f"{file}:1:1: ")


@pytest.mark.parametrize("command", WITH_LANG, ids=" ".join)
def test_an_unknown_language_is_refused_before_anything_else(call, command):
    assert "use zh or en" in one_line(call(*command, "site.yaml", "--lang", "fr"), 2)


@pytest.mark.parametrize("command", [["alerts"], ["tickets", "list"], ["journal", "stats"]], ids=" ".join)
def test_a_site_that_has_never_run_says_so(call, command):
    line = one_line(call(*command, "site.yaml", "--data", "nowhere"), 1)
    assert "nowhere" in line
    assert "run" in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bogus"], "No such command 'bogus'; see maplebridge --help"),
        (["plan"], "Missing argument 'SITE.yaml'; see maplebridge plan --help"),
        (["plan", "site.yaml", "--fast"], "No such option: --fast"),
        (["demo", "--port", "99999"], "Invalid value for '--port'"),
        (["user", "add", "bob", "--data", "d"], "Missing option '--role'. Choose from: viewer,"),
        (["alerts", "site.yaml", "--state", "gone"], "--state gone is not known; use one of open, all"),
        (["tickets", "act", "site.yaml", "T-1", "accept", "--arg", "x"], "write --arg person=zhang"),
        (["read", "tcp://127.0.0.1", "--profile", "nope"], "there is no profile 'nope'; use one of"),
        (["simulate"], "give either a site file or --dump DIR"),
        (["simulate", "--dump", "folder"], "folder/dump.json: cannot be read: No such file"),
        (["user", "token", "bob", "--data", "d"], "there is no user 'bob'"),
        (["user", "list", "--site", "missing.yaml"], "missing.yaml: there is no such file"),
    ],
)
def test_a_wrong_call_says_how_to_mend_it(call, words, says):
    assert says in one_line(call(*words), 2)


def test_a_group_without_a_command_shows_its_help(call):
    result = call("tickets")
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search(r"show +One ticket", result.stderr)


def test_an_empty_folder_is_not_well(call):
    assert "the folder holds no YAML file" in one_line(call("check", "folder"), 2)


def test_a_port_in_use_is_named(call, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "site.yaml").write_text(SITE.replace("{port}", str(port)))
        line = one_line(call("run", "site.yaml"), 1)
    assert line == f"127.0.0.1:{port}: Address already in use\n"


@pytest.mark.parametrize(("lang", "says"), [("en", "ok\n"), ("zh", "正常\n")])
def test_check_speaks_both_languages(call, lang, says):
    assert call("check", "site.yaml", "--lang", lang).stdout == says


@pytest.mark.parametrize(("lang", "says"), [("en", "added bob as viewer"), ("zh", "已添加 bob")])
def test_user_speaks_both_languages(call, lang, says):
    assert says in call("user", "add", "bob", "--role", "viewer", "--data", "d", "--lang", lang).stdout
