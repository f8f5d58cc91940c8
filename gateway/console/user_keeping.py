"""What the routes that change users share: what a name and a password must be, and that it was kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from gateway.console.password import WeakPassword, refuse_weak
from gateway.console.problem import Problem, invalid
from gateway.console.users import UsersDamaged, check_name

log = structlog.get_logger(__name__)


def checked(name: str, password: str) -> None:
    """Raises Problem `invalid` for a name that is none, and for a password that is guessed soon."""
    faults: list[tuple[str, str]] = []
    try:
        check_name(name)
    except ValueError as error:
        faults.append(("body.user", str(error)))
    try:
        refuse_weak(password, name)
    except WeakPassword as error:
        faults.append(("body.password", str(error)))
    if faults:
        raise invalid(faults)


@contextmanager
def kept() -> Iterator[None]:
    """Raises Problem `unavailable` where the file of users cannot be read or written."""
    try:
        yield
    except (OSError, UsersDamaged) as error:
        log.warning("users.not_written", why=str(error))
        raise Problem("unavailable", f"the users cannot be kept: {error}") from None
