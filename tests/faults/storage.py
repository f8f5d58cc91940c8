"""What was done to a folder's files (see storage.c), and what a power cut at any moment leaves of it.

The model: what was written since a file's last sync is kept, dropped or torn in sectors of 512 bytes, in any
combination; names that were made, changed or taken away since the folder's last sync are kept up to a random one,
in order, as journalling file systems do. What was synced stays, unless the card lies.
"""

import ctypes
import errno
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_HEAD = struct.Struct("=8Q")
_SOURCE = Path(__file__).with_name("storage.c")


def compiled(folder: Path) -> str:
    """The shared object that a child is to be started with."""
    made = folder / "storage.so"
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(made), str(_SOURCE)]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return str(made)


def begin(job: dict, ledger: int) -> None:
    """In the child: record into `job["record"]`, or refuse `job["refuse"]` = (kind, k, how often)."""
    here = ctypes.CDLL(None)
    folder = os.fsencode(job["folder"])
    if "record" in job:
        trace = os.open(job["record"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        here.storage_record(folder, trace, ledger)
    if "refuse" in job:
        kind, k, times = job["refuse"]
        error = errno.ENOSPC if kind == "f" else errno.EIO
        kind = "w" if kind == "f" else kind
        here.storage_fail(folder, ctypes.c_char(kind.encode()), ctypes.c_long(k), error, ctypes.c_long(times))


@dataclass(frozen=True, slots=True)
class Operation:
    kind: str
    file: int
    offset: int
    data: bytes
    path: str
    second: str


def operations(trace: Path) -> list[Operation]:
    content, at, found = trace.read_bytes(), 0, []
    while at + _HEAD.size <= len(content):
        kind, file, offset, size, path, second, _, _ = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        parts = []
        for length in (path, second, size if chr(kind) in "wa" else 0):
            parts.append(content[at : at + length])
            at += length
        found.append(
            Operation(chr(kind), file, offset, parts[2], os.fsdecode(parts[0]), os.fsdecode(parts[1]))
        )
    return found


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)


def _apply(content: bytearray, operation: Operation, keep: float, dice: random.Random) -> None:
    """All of an operation that reached the card."""
    if operation.kind == "t":
        if dice.random() < keep:
            size = operation.offset
            del content[size:]
            content.extend(bytes(size - len(content)))
        return
    at, data = operation.offset, operation.data
    while data:
        size = min(len(data), SECTOR - at % SECTOR)
        if dice.random() < keep:
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + size] = data[:size]
        at, data = at + size, data[size:]


_WHOLE = random.Random(0)  # noqa: S311  # keeps all


class Card:
    """Files and names as the card has them, with what is still on its way to it."""

    def __init__(self, *, lies: bool = False) -> None:
        self._lies = lies
        self._files: dict[int, _File] = {}
        self._names: dict[str, int] = {}
        self._now: dict[str, int] = {}
        self._changing: list[Operation] = []
        self.said = b""
        """All that was acknowledged."""

    def do(self, operation: Operation) -> None:
        match operation.kind:
            case "a":
                self.said += operation.data
            case "w" | "t":
                self._files.setdefault(operation.file, _File()).pending.append(operation)
            case "s" if not self._lies:
                file = self._files.setdefault(operation.file, _File())
                for pending in file.pending:
                    _apply(file.synced, pending, 1.0, _WHOLE)
                file.pending.clear()
            case "d" if not self._lies:
                folder = operation.path
                for change in [c for c in self._changing if str(Path(c.path).parent) == folder]:
                    _rename(self._names, change)
                    self._changing.remove(change)
            case "o" | "r" | "u":
                self._changing.append(operation)

    def cut(self, target: Path, origin: Path, dice: random.Random) -> None:
        """What is found in `target` after the power comes back; `origin` is the folder that was recorded."""
        names = dict(self._names)
        for change in self._changing[: dice.randint(0, len(self._changing))]:
            _rename(names, change)
        for path, number in names.items():
            file = self._files.get(number, _File())
            content, keep = bytearray(file.synced), dice.choice((0.0, 0.5, 0.9, 1.0))
            for pending in file.pending:
                _apply(content, pending, keep, dice)
            made = target / Path(path).relative_to(origin)
            made.parent.mkdir(parents=True, exist_ok=True)
            if not path.endswith("-shm"):  # shared memory: never read after a start
                made.write_bytes(content)


def _rename(names: dict[str, int], change: Operation) -> None:
    if change.kind == "o":
        names[change.path] = change.file
    elif change.kind == "u":
        names.pop(change.path, None)
    elif change.path in names:
        names[change.second] = names.pop(change.path)


def cuts(found: list[Operation], count: int, dice: random.Random, *, lies: bool = False) -> Iterator[Card]:
    """The card at `count` random instants, in order."""
    card, at = Card(lies=lies), 0
    for instant in sorted(dice.randint(0, len(found)) for _ in range(count)):
        for operation in found[at:instant]:
            card.do(operation)
        at = instant
        yield card
