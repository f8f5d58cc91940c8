"""Which process holds a serial port: from the kernel's table of locks and of open files (proc(5))."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process; `pid` is 0 and `command` empty where it lives in another container."""

    pid: int
    command: str

    def __str__(self) -> str:
        if not self.pid:
            return "a process in another container"
        return f"{self.command} (pid {self.pid})" if self.command else f"pid {self.pid}"


def lock_holder(path: str) -> Holder | None:
    """Who has locked the port, None where nobody has."""
    try:
        state = Path(path).stat()
        table = (_PROC / "locks").read_text()
    except OSError:
        return None
    place = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}:{state.st_ino}"
    for line in table.splitlines():
        words = line.split()  # 1: FLOCK ADVISORY WRITE 708 00:05:13042 0 EOF
        if len(words) > 5 and words[1] != "->" and words[5] == place:
            pid = int(words[4])
            if pid > 0:
                return Holder(pid, _command(pid))
            others = [Holder(p, _command(p)) for p in _with_open(state.st_rdev) if p != os.getpid()]
            return others[0] if others else Holder(0, "")
    return None


def _with_open(device: int) -> Iterator[int]:
    """Processes that have the device open, as far as this user may see."""
    for folder in _PROC.glob("[0-9]*/fd"):
        try:
            files = list(folder.iterdir())
        except OSError:  # it has just ended, or it is somebody else's
            continue
        if any(_is_device(file, device) for file in files):
            yield int(folder.parent.name)


def _is_device(file: Path, device: int) -> bool:
    try:
        state = file.stat()
    except OSError:
        return False
    return stat.S_ISCHR(state.st_mode) and state.st_rdev == device


def _command(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""
