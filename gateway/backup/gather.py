"""What belongs into a backup of a site, and in which order it can be copied beside a running gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config import SiteConfig
from gateway.history.history import FILE as HISTORY
from gateway.journal.query import FILE as JOURNAL
from gateway.secret import find_file, find_secret

FOLDERS = ("profiles", "rules", "checklists", "calendars")
"""Beside the site file, and part of what it says."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file, and where it goes: relative to the site file's folder, or to the data folder."""

    source: Path
    name: str


def site_items(config: SiteConfig) -> list[Item]:
    """The site file, what stands beside it, and the secrets that it names, wherever they came from.

    Raises:
        SecretError: a secret is missing or open to others.
    """
    folder = config.folder
    items = {config.path.name: Item(config.path, config.path.name)}
    places = [folder / name for name in (*FOLDERS, *config.file.rules)]
    for place in places:
        inside = place.resolve().is_relative_to(folder.resolve())
        for file in (*([place] if place.is_file() else ()), *sorted(place.rglob("*"))):
            if file.is_file() and inside:
                name = file.resolve().relative_to(folder.resolve()).as_posix()
                items[name] = Item(file, name)
    for key, name in _files_named(config.file.model_dump()):
        public = key in ("ca_file", "cert_file")
        items[name] = Item((find_file if public else find_secret)(name, folder), name)
    return [item for item in items.values() if _stays_inside(item.name)]


def data_items(data: Path, journal: str) -> list[Item]:
    """The files of the data folder in the order in which they must be copied.

    History before the journal, so that it is never ahead of it; the journal's mark before the journal, for
    the same reason; the tickets behind it: an alert that is read twice opens one ticket, one that is never
    read opens none.
    """
    marks = [f"{journal}/mark.0", f"{journal}/mark.1"]
    first = [HISTORY, *marks, f"{journal}/{JOURNAL}"]
    names = [f.relative_to(data).as_posix() for f in sorted(data.rglob("*")) if f.is_file()]
    names = [n for n in names if not _is_passing(n)]
    ordered = [n for n in first if n in names] + [n for n in names if n not in first]
    return [Item(data / name, name) for name in ordered]


def _is_passing(name: str) -> bool:
    return name == "lock" or name.endswith(("-wal", "-shm", ".new", "-journal")) or ".damaged-" in name


def _stays_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _files_named(value: Any) -> Iterator[tuple[str, str]]:
    """All `*_file` keys with what they name, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if str(key).endswith("_file") and isinstance(inner, str):
                yield key, inner
            else:
                yield from _files_named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _files_named(inner)
