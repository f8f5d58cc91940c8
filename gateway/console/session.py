"""Signed-in sessions and the one-time code: in memory, so a restart signs everybody out.

A cookie holds 256 random bits; what is kept is their SHA-256. A session ends 30 min after
its last use and 12 h after sign-in, both on the monotonic clock, and with its user.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from agent.clock import Clock
from gateway.console.ports import RoleName
from gateway.console.users import SETUP_USER, User, Users

IDLE_MS = 30 * 60 * 1_000
ABSOLUTE_MS = 12 * 3_600 * 1_000
MAX_SESSIONS = 1_000
_CODE_BYTES = 20  # 160 bit: 32 base32 characters without padding
_GROUP = 4
_LOOKALIKES = str.maketrans({"0": "O", "1": "I", "8": "B", "-": None, " ": None})


@dataclass(slots=True)
class Session:
    """One sign-in. `serial` is the user's at that time."""

    user: str
    serial: str
    role: RoleName
    language: Literal["zh", "en"] | None
    started_ms: int
    used_ms: int
    key: str
    setup: bool = False


class Sessions:
    """All sessions, by the hash of their cookie."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self._users = users
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def start(self, user: User) -> str:
        """A new session's cookie."""
        return self._start(user.name, user.serial, user.role, user.language, setup=False)

    def start_setup(self) -> str:
        """A session for who redeemed the one-time code."""
        return self._start(SETUP_USER, "", "admin", None, setup=True)

    def find(self, cookie: str, *, use: bool = True) -> Session | None:
        """The living session of this cookie, with the user's role of now; `use` keeps it alive."""
        session = self._sessions.get(_digest(cookie))
        if session is None:
            return None
        now_ms = self._clock.monotonic_ms()
        if not self._lives(session, now_ms):
            del self._sessions[session.key]
            return None
        if use:
            session.used_ms = now_ms
        return session

    def end(self, cookie: str) -> None:
        self._sessions.pop(_digest(cookie), None)

    def expires_ms(self, session: Session) -> int:
        """UTC milliseconds when it ends if it is not used again."""
        left_ms = (
            min(session.used_ms + IDLE_MS, session.started_ms + ABSOLUTE_MS) - self._clock.monotonic_ms()
        )
        return self._clock.utc_ms() + left_ms

    def _lives(self, session: Session, now_ms: int) -> bool:
        if now_ms - session.used_ms > IDLE_MS or now_ms - session.started_ms > ABSOLUTE_MS:
            return False
        if session.setup:
            return True
        user = self._users.get(session.user)
        if user is None or user.serial != session.serial:
            return False
        session.role, session.language = user.role, user.language
        return True

    def _start(
        self, name: str, serial: str, role: RoleName, language: Literal["zh", "en"] | None, *, setup: bool
    ) -> str:
        now_ms = self._clock.monotonic_ms()
        for old in [s for s in self._sessions.values() if not self._lives(s, now_ms)]:
            del self._sessions[old.key]
        if len(self._sessions) >= MAX_SESSIONS:
            longest_unused = min(self._sessions.values(), key=lambda s: s.used_ms)
            del self._sessions[longest_unused.key]
        cookie = secrets.token_urlsafe(32)
        key = _digest(cookie)
        self._sessions[key] = Session(name, serial, role, language, now_ms, now_ms, key, setup)
        return cookie


class OneTimeCode:
    """The code that opens a console without users: 160 bit, works once, ends with the process.

    It ends with the first user, too; one that was issued beside users is meant to work beside them.
    """

    def __init__(self, users: Users) -> None:
        self._users = users
        self._digest: str | None = None
        self._beside_users = False

    @property
    def open(self) -> bool:
        return self._digest is not None and (self._beside_users or not self._users.all())

    def issue(self) -> str:
        """A new code in groups of four; an older one is void."""
        self._beside_users = bool(self._users.all())
        text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().rstrip("=")
        self._digest = _digest(text)
        return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))

    def redeem(self, typed: str) -> bool:
        """Whether it is the code; then it is used up. Case, spaces, dashes and look-alikes do not matter."""
        if self._digest is None or not self.open:
            return False
        if not hmac.compare_digest(self._digest, _digest(typed.upper().translate(_LOOKALIKES))):
            return False
        self._digest = None
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
