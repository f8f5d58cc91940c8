"""`maplebridge user`: exit codes, what is printed, and where the users go."""

import json
import subprocess
import sys

import pytest

from gateway.console.users import Users


@pytest.fixture
def user(tmp_path):
    def run(*args, stdin="", env=None):
        return subprocess.run(
            [sys.executable, "-c", "from gateway.commands import main; main()", "user", *args],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", **(env or {})},
            check=False,
        )

    return run


def test_the_password_comes_from_stdin_and_is_not_printed(user, tmp_path):
    done = user("add", "wang", "--role", "operator", stdin="three green maple leaves\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "added wang as operator\n", "")
    assert Users(tmp_path / "data").get("wang").password.fits("three green maple leaves")


def test_without_one_it_is_made_up_and_printed_once(user, tmp_path):
    done = user("add", "wang", "--role", "viewer", "--json", "--data", "state")
    document = json.loads(done.stdout)
    assert (document["user"], document["role"]) == ("wang", "viewer")
    assert Users(tmp_path / "state").get("wang").password.fits(document["password"])


def test_the_state_directory_of_systemd_is_used(user, tmp_path):
    user("add", "wang", "--role", "viewer", env={"STATE_DIRECTORY": str(tmp_path / "var")})
    assert Users(tmp_path / "var").get("wang") is not None


def test_a_life(user, tmp_path):
    assert json.loads(user("list", "--json").stdout) == {"items": []}
    user("add", "wang", "--role", "admin")
    token = user("token", "wang").stdout.strip()
    assert Users(tmp_path / "data").by_token(token).name == "wang"
    assert json.loads(user("list", "--json").stdout) == {
        "items": [{"user": "wang", "role": "admin", "tokens": 1}]
    }
    assert json.loads(user("remove", "wang", "--json").stdout) == {"removed": "wang"}
    assert Users(tmp_path / "data").by_token(token) is None


@pytest.mark.parametrize(
    ("args", "stdin", "words"),
    [
        (["add", "wang", "--role", "boss"], "", "boss"),
        (["add", "wang"], "", "--role"),
        (["add", "a b", "--role", "viewer"], "", "user name"),
        (["add", "wang", "--role", "viewer"], "short\n", "12 to 256"),
        (["add", "wang", "--role", "viewer"], "password1234\n", "common"),
        (["remove", "nobody"], "", "no user 'nobody'"),
        (["token", "nobody"], "", "no user 'nobody'"),
        (["list", "--site", "gone.yaml"], "", "gone.yaml"),
    ],
)
def test_bad_input_is_exit_2_and_says_why(user, tmp_path, args, stdin, words):
    done = user(*args, stdin=stdin)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_damaged_file_is_exit_1(user, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "users.json").write_text("{")
    (tmp_path / "data" / "users.json").chmod(0o600)
    done = user("list")
    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1
