"""Passwords: what is refused, and how they are kept (scrypt, RFC 7914)."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any

MIN_LENGTH = 12
MAX_LENGTH = 256
_N, _R, _P = 2**14, 8, 1  # 16 MiB and some 50 ms: OWASP's floor for an interactive sign-in is below that
_MAX_MEMORY = 64 * 1024 * 1024
_SALT_BYTES = 16
_KEY_BYTES = 32
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
)
_COMMON = (
    "password",
    "admin",
    "administrator",
    "maplebridge",
    "microgrid",
    "welcome",
    "letmein",
    "iloveyou",
    "sunshine",
    "football",
    "baseball",
    "princess",
    "superman",
    "trustno",
    "dragon",
    "monkey",
    "master",
    "shadow",
    "changeme",
    "default",
    "raspberry",
    "woaini",
    "mima",
    "test",
    "user",
    "root",
    "guest",
    "operator",
)


_LEET = str.maketrans("013457$@", "oleastsa")


class WeakPassword(ValueError):  # noqa: N818  # named for what it tells
    """The password is refused; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A stored password: cost, salt and key."""

    n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    @classmethod
    def of(cls, password: str) -> "PasswordHash":
        """Takes some 50 ms of CPU and 16 MiB: not on the event loop."""
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(_N, _R, _P, salt, _derive(password, salt, _N, _R, _P))

    def fits(self, password: str) -> bool:
        """Takes as long as `of`, whatever the password."""
        key = _derive(password, self.salt, self.n, self.r, self.p)
        return hmac.compare_digest(key, self.key)

    def document(self) -> dict[str, Any]:
        return {
            "scheme": "scrypt",
            "n": self.n,
            "r": self.r,
            "p": self.p,
            "salt": base64.b64encode(self.salt).decode(),
            "key": base64.b64encode(self.key).decode(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "PasswordHash":
        """Raises ValueError or KeyError where the document is not one of ours."""
        salt, key = (base64.b64decode(document[name], validate=True) for name in ("salt", "key"))
        n, r, p = int(document["n"]), int(document["r"]), int(document["p"])
        if document["scheme"] != "scrypt" or n < _N or n & (n - 1) or len(key) != _KEY_BYTES:
            raise ValueError("unknown scheme or cost")
        return cls(n, r, p, salt, key)


NOBODY = PasswordHash(_N, _R, _P, secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_KEY_BYTES))
"""Fits no password; checked for unknown users, so that they take as long as known ones."""


def refuse_weak(password: str, user: str) -> None:
    """Raises WeakPassword for what a guesser tries first."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPassword(
            f"the password has {len(password)} characters; use {MIN_LENGTH} to {MAX_LENGTH}, or four words"
        )
    lowered = password.lower()
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", lowered).translate(_LEET)
    cores = {re.sub(r"[\W\d_]+", "", text) for text in (lowered, inner)}
    if any(word in cores or word * 2 in cores for word in (*_COMMON, user.lower())):
        raise WeakPassword("the password is a common word with decoration; use three or four words")
    if len(set(lowered)) < 5 or re.fullmatch(r"(.{1,6}?)\1+.?", lowered):
        raise WeakPassword("the password repeats itself; use three or four words")
    if _walks(lowered):
        raise WeakPassword("the password follows the keyboard or the alphabet; use three or four words")


def new_password() -> str:
    """A random one, easy to read out: five groups of five, 125 bit."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(5))
    return "-".join(groups)


def _walks(lowered: str) -> bool:
    """Whether nearly all neighbours in the password are neighbours on a keyboard row or in the alphabet."""
    pairs = {row[i : i + 2] for row in _ROWS for i in range(len(row) - 1)}
    pairs |= {pair[::-1] for pair in pairs}
    steps = sum(lowered[i : i + 2] in pairs or lowered[i] == lowered[i + 1] for i in range(len(lowered) - 1))
    return steps >= 0.75 * (len(lowered) - 1)


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=_KEY_BYTES)
