"""Ends the process by SIGKILL at a named place: around a function of the program, or around a statement to SQLite.

Nothing of this is in the program: functions are wrapped, and connections are opened as watched ones, in the
process that is to die. A name that the program does not have any more is an error, never a silent pass.
"""

import functools
import importlib
import inspect
import os
import signal
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """`target` is `module:attribute.path` (the module that calls it) or `sql:<beginning of a statement>`."""

    target: str
    when: str = "after"


class Countdown:
    """Kills at the k-th passing."""

    def __init__(self, k: int) -> None:
        self._left = k

    def pass_(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(place: Place, k: int) -> None:
    """From now on the k-th passing of the place is the end."""
    countdown = Countdown(k)
    kind, _, rest = place.target.partition(":")
    if kind == "sql":
        _watch_sql(rest, place.when, countdown)
    else:
        replace(place.target, lambda original: _around(original, place.when, countdown))


def replace(target: str, make) -> None:
    """Put `make(original)` in the place of `module:attribute.path`."""
    module, _, path = target.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, make(getattr(owner, name)))


def _around(original, when: str, countdown: Countdown):
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def wrapped(*args, **kwargs):
            if when == "before":
                countdown.pass_()
            answer = await original(*args, **kwargs)
            if when == "after":
                countdown.pass_()
            return answer
    else:

        @functools.wraps(original)
        def wrapped(*args, **kwargs):
            if when == "before":
                countdown.pass_()
            answer = original(*args, **kwargs)
            if when == "after":
                countdown.pass_()
            return answer

    return wrapped


def _watch_sql(beginning: str, when: str, countdown: Countdown) -> None:
    watch_connections(lambda sql: countdown.pass_() if sql.startswith(beginning) else None, when)


def watch_connections(see, when: str) -> None:
    """`see(statement)` before or after each `execute` on connections that are opened from now on."""

    class Watched(sqlite3.Connection):
        def execute(self, sql, *args):
            if when == "before":
                see(sql)
            answer = super().execute(sql, *args)
            if when == "after":
                see(sql)
            return answer

        def executemany(self, sql, *args):
            answer = super().executemany(sql, *args)
            if when == "after":
                see(sql)
            return answer

    plain = sqlite3.connect
    sqlite3.connect = functools.partial(plain, factory=Watched)


def torn_write(size_kept: float, countdown: Countdown, plain=os.pwrite):
    """An `os.pwrite` that dies with a part of the bytes written, at the end of the countdown."""

    def pwrite(file, data, offset):
        if countdown._left == 1:
            plain(file, bytes(data)[: int(len(data) * size_kept)], offset)
        countdown.pass_()
        return plain(file, data, offset)

    return pwrite
