"""`users.json`: what is kept, who can read it, and what happens when it is damaged."""

import json
import os
import threading

import pytest

from gateway.console.password import PasswordHash, WeakPassword, new_password, refuse_weak
from gateway.console.users import UnknownUser, Users, UsersDamaged, check_name

GOOD = "three green maple leaves"
HASH = PasswordHash.of(GOOD)


def test_there_is_nobody_before_somebody_is_added(tmp_path):
    assert Users(tmp_path).all() == {}
    assert not (tmp_path / "users.json").exists()


def test_a_password_is_kept_by_a_hash_that_takes_memory_and_time(tmp_path):
    Users(tmp_path).add("wang", "operator", HASH)
    text = (tmp_path / "users.json").read_text()
    stored = json.loads(text)["users"]["wang"]["password"]
    assert (stored["scheme"], stored["r"], stored["p"]) == ("scrypt", 8, 1)
    assert stored["n"] >= 2**14
    assert GOOD not in text
    user = Users(tmp_path).get("wang")
    assert user.password.fits(GOOD)
    assert not user.password.fits(GOOD + " ")


def test_equal_passwords_look_different():
    assert PasswordHash.of(GOOD).key != HASH.key


def test_the_files_are_the_owners_alone(tmp_path):
    users = Users(tmp_path)
    users.add("wang", "operator", HASH)
    users.add_token("wang")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "users.json": 0o600,
        "users.lock": 0o600,
    }


def test_a_token_is_shown_once_and_kept_as_a_sum(tmp_path):
    users = Users(tmp_path)
    users.add("wang", "operator", HASH)
    token = users.add_token("wang")
    assert token not in (tmp_path / "users.json").read_text()
    assert users.by_token(token).name == "wang"
    assert users.by_token(token + "x") is None
    with pytest.raises(UnknownUser):
        users.add_token("nobody")


def test_changes_beside_a_running_gateway_are_noticed(tmp_path):
    running = Users(tmp_path)
    Users(tmp_path).add("wang", "operator", None)
    assert running.get("wang").role == "operator"
    Users(tmp_path).add("wang", "viewer", None)
    assert running.get("wang").role == "viewer"
    Users(tmp_path).remove("wang")
    assert running.get("wang") is None


def test_adding_again_ends_tokens_and_keeps_the_language(tmp_path):
    users = Users(tmp_path)
    users.add("wang", "operator", HASH)
    token, serial = users.add_token("wang"), users.get("wang").serial
    users.speak("wang", "zh")
    users.add("wang", "viewer", HASH)
    assert users.by_token(token) is None
    assert (users.get("wang").language, users.get("wang").role) == ("zh", "viewer")
    assert users.get("wang").serial != serial


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    def write(n):
        Users(tmp_path).add(f"user-{n}", "viewer", None)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Users(tmp_path).all()) == 20


DAMAGE = {
    "cut off": '{"version": 1, "users": {"wa',
    "empty": "",
    "not an object": "[]",
    "newer": '{"version": 2, "users": {}}',
    "a role that is none": '{"version": 1, "users": {"x": {"role": "root", "password": null, "tokens": [], '
    '"language": null, "serial": ""}}}',
    "a weak hash": '{"version": 1, "users": {"x": {"role": "admin", "password": {"scheme": "scrypt", "n": 2, "r": 8, '
    '"p": 1, "salt": "AAAA", "key": "AAAA"}, "tokens": [], "language": null, "serial": ""}}}',
}


@pytest.mark.parametrize("text", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_stops_a_start_and_leaves_a_running_gateway_as_it_was(tmp_path, text, capsys):
    running = Users(tmp_path)
    running.add("wang", "operator", None)
    (tmp_path / "users.json").write_text(text)
    for _ask in range(3):
        assert running.get("wang").role == "operator"
    assert capsys.readouterr().out.count("users.damaged") == 1
    with pytest.raises(UsersDamaged, match=r"users\.json"):
        Users(tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    Users(tmp_path).add("wang", "operator", None)
    (tmp_path / "users.json").chmod(0o644)
    with pytest.raises(UsersDamaged, match="chmod 600"):
        Users(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_adds_stays_the_gateways_own(tmp_path):
    os.chown(tmp_path, 12_345, 12_345)
    Users(tmp_path).add("wang", "operator", None)
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {12_345}


@pytest.mark.parametrize("name", ["wang", "王芳", "a.b-c_d@e", "7"])
def test_names_of_people_are_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "<script>", "x\n", "-rf", ".hidden", "setup", "x" * 65, "a/b", "\u202eabc"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="user name"):
        check_name(name)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "Password!!2026",
        "PASSWORDPASSWORD",
        "passw0rd12345",
        "admin123456789",
        "maplebridge2026",
        "123456789012",
        "098765432109",
        "qwertyuiop12",
        "qwertyuiopasdf",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "iloveyou2026!!",
        "wang-wang-2026",
        "w" * 300,
    ],
)
def test_what_a_guesser_tries_first_is_refused(password):
    with pytest.raises(WeakPassword):
        refuse_weak(password, "wang")


@pytest.mark.parametrize(
    "password", [GOOD, "correct horse battery", "枫桥经验在我心中永远不忘", "x7#Kq!92mZp&"]
)
def test_a_decent_password_is_taken(password):
    refuse_weak(password, "wang")


def test_a_made_up_password_is_never_weak():
    made = {new_password() for _ in range(300)}
    assert len(made) == 300
    for password in made:
        refuse_weak(password, "wang")
