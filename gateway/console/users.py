"""Who may use the console: `users.json` in the data folder, mode 600, written whole or not at all.

The command line writes it beside a running gateway; `Users` notices by the file's
own time and size. There is no user and no password before somebody adds one.
Bearer tokens are 256 random bits and kept as SHA-256: there is nothing to guess.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import orjson
import structlog

from gateway.console.password import PasswordHash
from gateway.console.ports import RoleName
from gateway.failure import Failure

log = structlog.get_logger(__name__)

Language: TypeAlias = Literal["zh", "en"] | None

ROLES: tuple[RoleName, ...] = get_args(RoleName)
"""From least to most."""
SETUP_USER = "setup"
"""Who signs in by the one-time code."""
_NAME = re.compile(r"[\w][\w.@-]{0,63}")
_TOKEN_PREFIX = "mb_"  # noqa: S105  # tells what it is, is no secret
_VERSION = 1


class UsersDamaged(Failure):  # named for what it tells
    """`users.json` cannot be used; the message says how to mend it."""


class UnknownUser(Exception):  # noqa: N818  # named for what it tells
    """No user of that name."""


class UserExists(Exception):  # noqa: N818  # named for what it tells
    """There is a user of that name, or any at all where the first one was to be made."""


class LastAdmin(Exception):  # noqa: N818  # named for what it tells
    """Without this user nobody could look after the others."""


@dataclass(frozen=True, slots=True)
class User:
    """One user; `tokens` are SHA-256 sums in hex."""

    name: str
    role: RoleName
    password: PasswordHash | None
    tokens: tuple[str, ...] = ()
    language: Language = None
    serial: str = ""
    """New each time the user is added: a session of a removed namesake is not theirs."""

    def document(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "password": None if self.password is None else self.password.document(),
            "tokens": list(self.tokens),
            "language": self.language,
            "serial": self.serial,
        }


def may(role: RoleName, least: RoleName) -> bool:
    """Whether `role` is at least `least`."""
    return ROLES.index(role) >= ROLES.index(least)


def check_name(name: str) -> str:
    """Raises ValueError for a name that is no user's."""
    if not _NAME.fullmatch(name) or name == SETUP_USER:
        raise ValueError(f"{name!r} is not a user name; use 1 to 64 letters, digits, . _ @ or -, not 'setup'")
    return name


class Users:
    """The users as they are now, and the changes that administrators make.

    Raises:
        UsersDamaged: from the constructor. Later a damaged file changes nothing; it is logged once.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "users.json"
        self._stamp: tuple[int, int, int] | None = None
        self._users: Mapping[str, User] = {}
        self._complained: tuple[int, int, int] | None = None
        self._load()

    def all(self) -> Mapping[str, User]:
        self._refresh()
        return self._users

    def get(self, name: str) -> User | None:
        return self.all().get(name)

    def by_token(self, token: str) -> User | None:
        """The user whose bearer token it is."""
        digest = _digest(token)
        found = None
        for user in self.all().values():
            for known in user.tokens:
                if hmac.compare_digest(known, digest):
                    found = user
        return found

    def add(self, name: str, role: RoleName, password: PasswordHash | None) -> None:
        """Add a user, or give an existing one a new role and password, which ends their sessions and tokens.

        Raises:
            ValueError: the name cannot be a user's.
        """
        check_name(name)
        with self._changing() as users:
            before = users.get(name)
            language = before.language if before else None
            users[name] = User(name, role, password, language=language, serial=secrets.token_hex(8))

    def add_new(
        self,
        name: str,
        role: RoleName,
        password: PasswordHash,
        *,
        language: Language = None,
        first: bool = False,
    ) -> User:
        """Add a user that is not there yet; `first`: only where there is none at all.

        Raises:
            ValueError: the name cannot be a user's.
            UserExists: it is there already.
        """
        check_name(name)
        with self._changing() as users:
            if users if first else name in users:
                raise UserExists(name)
            made = users[name] = User(name, role, password, language=language, serial=secrets.token_hex(8))
        return made

    def renew(self, name: str, password: PasswordHash) -> User:
        """A new password, which ends the user's sessions and tokens.

        Raises:
            UnknownUser: no such user.
        """
        with self._changing() as users:
            if name not in users:
                raise UnknownUser(name)
            made = users[name] = replace(
                users[name], password=password, tokens=(), serial=secrets.token_hex(8)
            )
        return made

    def remove(self, name: str, *, leave_admin: bool = False) -> None:
        """Remove a user with all sessions and tokens.

        Raises:
            UnknownUser: no such user.
            LastAdmin: the last one of that role, with `leave_admin`.
        """
        with self._changing() as users:
            gone = users.pop(name, None)
            if gone is None:
                raise UnknownUser(name)
            if leave_admin and gone.role == "admin" and all(u.role != "admin" for u in users.values()):
                raise LastAdmin(name)

    def add_token(self, name: str) -> str:
        """A new bearer token, which nobody can read again.

        Raises:
            UnknownUser: no such user.
        """
        token = _TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._changing() as users:
            if name not in users:
                raise UnknownUser(name)
            users[name] = replace(users[name], tokens=(*users[name].tokens, _digest(token)))
        return token

    def speak(self, name: str, language: Literal["zh", "en"]) -> None:
        """Remember the user's language; a user who is gone is none to remember."""
        with self._changing() as users:
            if name in users:
                users[name] = replace(users[name], language=language)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """Read, change, write whole: one writer at a time over all processes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            self._give_to_owner(lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._load()
            users = dict(self._users)
            yield users
            self._write(users)
            self._load()
        finally:
            os.close(lock)

    def _write(self, users: Mapping[str, User]) -> None:
        document = {"version": _VERSION, "users": {name: user.document() for name, user in users.items()}}
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            self._give_to_owner(descriptor)
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _give_to_owner(self, descriptor: int) -> None:
        """What root writes at the command line must stay readable to the gateway's own user."""
        if os.geteuid() == 0:
            owner = self._path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _refresh(self) -> None:
        if self._stamp_now() == self._stamp:
            return
        try:
            self._load()
        except UsersDamaged as damage:
            if self._complained != self._stamp_now():
                self._complained = self._stamp_now()
                log.error("users.damaged", why=str(damage))  # noqa: TRY400  # the message says it all

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _load(self) -> None:
        stamp = self._stamp_now()
        self._users = {} if stamp is None else self._read()
        self._stamp = stamp

    def _read(self) -> Mapping[str, User]:
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if mode & 0o077:
            raise UsersDamaged(
                f"{self._path} has mode {mode:04o} and others can read it; chmod 600 {self._path}"
            )
        try:
            document = orjson.loads(self._path.read_bytes())
            version = document["version"]
            if version != _VERSION:
                raise UsersDamaged(
                    f"{self._path} has version {version}; this gateway reads version {_VERSION}"
                )
            return {name: _user(name, entry) for name, entry in document["users"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsersDamaged(
                f"{self._path} is damaged ({error}); restore it, or remove it and add the users again"
            ) from error


def _user(name: str, entry: Mapping[str, Any]) -> User:
    role, language, password = entry["role"], entry["language"], entry["password"]
    if role not in ROLES or language not in (None, "zh", "en"):
        raise ValueError(f"user {name!r} has role {role!r} and language {language!r}")
    return User(
        name,
        role,
        None if password is None else PasswordHash.from_document(password),
        tuple(str(token) for token in entry["tokens"]),
        language,
        str(entry["serial"]),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
