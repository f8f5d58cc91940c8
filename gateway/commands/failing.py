"""How a command fails: one clear line on stderr for each thing, 2 for bad input, 1 for the rest."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from agent.document import DocumentError
from gateway.failure import Failure
from gateway.profiles import UnknownProfileError
from gateway.secret import SecretError

BAD_INPUT = (DocumentError, SecretError, UnknownProfileError)
FAILURES = (Failure, OSError, sqlite3.Error)


def fail(code: int, *lines: str) -> NoReturn:
    """End the command with these lines on stderr."""
    for line in lines:
        print(line, file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def exits() -> Iterator[None]:
    """Turn the errors that a user can mend into a line and an exit code; all others stay loud."""
    try:
        yield
    except (*BAD_INPUT, *FAILURES) as error:
        _end(error)
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if not all(isinstance(leaf, (*BAD_INPUT, *FAILURES)) for leaf in leaves):
            raise
        _end(*leaves)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _end(*errors: BaseException) -> NoReturn:
    code = 2 if all(isinstance(error, BAD_INPUT) for error in errors) else 1
    fail(code, *(line for error in errors for line in _said(error).splitlines()))


def _said(error: BaseException) -> str:
    match error:
        case UnknownProfileError():
            return f"{error}; {error.remedy}"
        case OSError(filename=str(name), strerror=str(problem)):
            return f"{name}: {problem}"
        case OSError(strerror=str(problem)):
            return problem
        case sqlite3.Error():
            return f"the site's state cannot be used: {error}"
        case _:
            return str(error)
