"""Writes a backup beside a running gateway, and makes a gateway of one."""

import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, cast

import orjson

from gateway.backup.gather import Item, data_items, site_items
from gateway.backup.sealed import Opener, Sealer, SealError
from gateway.config import SiteConfig, data_folder
from gateway.failure import Failure
from gateway.journal.query import FILE as JOURNAL
from gateway.journal.query import load_base

_MANIFEST = "manifest.json"
_FORMAT = 1
_MARGIN = 1_000_000
_SQLITE = b"SQLite format 3\x00"


class RestoreError(Failure):
    """The place is not free, or the file holds what no backup holds."""


def write_backup(config: SiteConfig, data: Path, file: Path, password: str) -> int:
    """One encrypted file with all that the successor needs; how many files are in it.

    Copies of databases lie beside `file` for the time, never on the gateway's card unless it is there.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written; no half backup stays.
        SecretError: a secret that the site file names is missing or open to others.
    """
    items = [*(("site", item) for item in site_items(config))]
    items += [("data", item) for item in data_items(data, config.file.journal.path)]
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as work:
        new = Path(work) / "new"
        with new.open("wb") as out:
            new.chmod(0o600)
            sealer = Sealer(out, password)
            with tarfile.open(fileobj=cast("IO[bytes]", sealer), mode="w|") as archive:
                about = {"format": _FORMAT, "site": config.path.name, "journal": config.file.journal.path}
                (Path(work) / _MANIFEST).write_bytes(orjson.dumps(about))
                archive.add(Path(work) / _MANIFEST, _MANIFEST)
                for where, item in items:
                    _add(archive, where, item, Path(work) / "copy")
            sealer.close()
        new.replace(file)
    return len(items)


def _add(archive: tarfile.TarFile, where: str, item: Item, copy: Path) -> None:
    with item.source.open("rb") as source:
        is_database = source.read(len(_SQLITE)) == _SQLITE
    if is_database:
        uri = f"{item.source.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=30)) as live,
            closing(sqlite3.connect(copy)) as own,
        ):
            live.backup(own)
    else:
        shutil.copyfile(item.source, copy)
    copy.chmod(item.source.stat().st_mode & 0o777)
    archive.add(copy, f"{where}/{item.name}")
    copy.unlink()


def restore_backup(file: Path, password: str, folder: Path, data: Path | None) -> tuple[Path, Path]:
    """The site file and the data folder of the successor, made in `folder` and `data`.

    Raises:
        RestoreError: the data folder is not empty, or the site's files are there and differ.
        SealError: wrong password or a damaged file; nothing was put in place.
        OSError: the storage refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as work:
        place = Path(work)
        with file.open("rb") as sealed:
            opener = Opener(sealed, password)
            try:
                with tarfile.open(fileobj=cast("IO[bytes]", opener), mode="r|") as archive:
                    archive.extractall(place, filter="data")
            except tarfile.TarError as error:
                raise SealError(f"{file}: {error}; use another copy") from error
            opener.finish()
        about = orjson.loads((place / _MANIFEST).read_bytes())
        if about["format"] != _FORMAT:
            raise RestoreError(f"{file} was written by a newer version; install that one")
        site = folder / about["site"]
        target = data_folder(site, data)
        _refuse_what_is_there(place / "site", folder, target)
        journal = place / "data" / about["journal"] / JOURNAL
        if journal.is_file():
            _go_on_behind(journal)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(place / "site", folder, dirs_exist_ok=True)
        target.mkdir(mode=0o700, exist_ok=True)
        if (place / "data").is_dir():
            shutil.copytree(place / "data", target, dirs_exist_ok=True)
        target.chmod(0o700)
    return site, target


def _refuse_what_is_there(new: Path, folder: Path, data: Path) -> None:
    if data.is_dir() and any(data.iterdir()):
        raise RestoreError(f"{data} is not empty; restore into a new folder, or move that one away")
    for file in sorted(new.rglob("*")):
        there = folder / file.relative_to(new)
        if file.is_file() and there.exists() and there.read_bytes() != file.read_bytes():
            raise RestoreError(f"{there} is there and differs; restore with --out into another folder")


def _go_on_behind(journal: Path) -> None:
    """New positions begin far beyond any that the dead gateway may have told others since the backup."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        base = load_base(connection) + _MARGIN
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('base', ?)", (base,))
