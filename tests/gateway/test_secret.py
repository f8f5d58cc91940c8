"""Secrets come from files that nobody else can read."""

import pytest

from gateway.secret import SecretError, read_secret


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return tmp_path


def write(path, text: bytes = b"s3cret\n", mode: int = 0o600):
    path.write_bytes(text)
    path.chmod(mode)


def test_the_secret_is_the_file_without_its_last_newline(folder):
    write(folder / "mqtt.pass")
    assert read_secret("mqtt.pass", folder) == "s3cret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_open_to_others_is_refused_with_the_mode_to_set(folder, mode):
    write(folder / "mqtt.pass", mode=mode)
    with pytest.raises(SecretError, match=r"chmod 600 .*mqtt\.pass"):
        read_secret("mqtt.pass", folder)


@pytest.mark.parametrize(
    ("text", "says"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not text")]
)
def test_a_file_without_a_secret_is_refused(folder, text, says):
    write(folder / "mqtt.pass", text)
    with pytest.raises(SecretError, match=says):
        read_secret("mqtt.pass", folder)


def test_a_missing_file_says_where_to_create_it(folder):
    with pytest.raises(SecretError, match=r"mqtt\.pass is not there; create it"):
        read_secret("mqtt.pass", folder)


def test_systemd_credentials_come_first(folder, monkeypatch):
    credentials = folder / "credentials"
    credentials.mkdir()
    write(credentials / "mqtt.pass", b"from systemd", 0o440)
    write(folder / "mqtt.pass")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert read_secret("mqtt.pass", folder) == "from systemd"


@pytest.mark.parametrize("name", ["{folder}/mqtt.pass", "../mqtt.pass"])
def test_a_path_is_no_credential_and_its_mode_counts(folder, monkeypatch, name):
    credentials = folder / "credentials"
    credentials.mkdir()
    write(folder / "mqtt.pass", mode=0o644)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with pytest.raises(SecretError, match="chmod 600"):
        read_secret(name.format(folder=folder), credentials)
