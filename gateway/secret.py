"""Secrets come from files of their own, never from the site file, and never reach a log.

`*_file` names a file that holds just the secret: looked up in `$CREDENTIALS_DIRECTORY`
(systemd credentials), then beside the site file.
"""

import os
import stat
from pathlib import Path

from gateway.failure import Failure


class SecretError(Failure):
    """The secret's file is missing or open to others; the message says how to mend it."""


def find_file(name: str, beside: Path) -> Path:
    """The file that `name` means, where everybody may read it: a certificate.

    Raises:
        SecretError: no such file.
    """
    credential = _credential(name)
    if credential is not None:
        return credential
    if not (beside / name).is_file():
        raise SecretError(f"the file {beside / name} is not there; put it there or correct the name")
    return beside / name


def _credential(name: str) -> Path | None:
    """Only a plain name is a credential: a path would lead out of the guarded folder."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if Path(name).name != name:
        return None
    return Path(folder) / name if folder and (Path(folder) / name).is_file() else None


def find_secret(name: str, beside: Path) -> Path:
    """The file that `name` means.

    Raises:
        SecretError: no such file, or its mode lets group or others read it.
    """
    credential = _credential(name)
    if credential is not None:
        return credential  # systemd guards the folder itself; its files show ACL masks as modes
    path = beside / name
    if not path.is_file():
        raise SecretError(f"the file {path} is not there; create it with the secret and mode 600")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SecretError(f"{path} has mode {mode:04o} and others can read it; run chmod 600 {path}")
    return path


def read_secret(name: str, beside: Path) -> str:
    """The secret in the file that `name` means, without the newline at its end.

    Raises:
        SecretError: as `find_secret`; or the file is empty or not text.
    """
    path = find_secret(name, beside)
    try:
        secret = path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not text; write just the secret into it") from None
    if not secret:
        raise SecretError(f"{path} is empty; write the secret into it")
    return secret
