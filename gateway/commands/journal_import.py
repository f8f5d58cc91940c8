"""`maplebridge journal import SITE.yaml FILE...`: readings from elsewhere into the journal, once."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show
from gateway.logs import log_to_stderr

if TYPE_CHECKING:
    from agent.document import Fault
    from agent.points import ValueType
    from agent.reading import Frame
    from gateway.config import SiteConfig
    from gateway.journal.intake import Taken

_LOOK_S = 0.2
_FAULTS_TOLD = 20
_GZIP = b"\x1f\x8b"
_TEXTS = {
    "en": {
        "taken": "{file}: {frames} frames taken in, {known} were there already",
        "found": "{file}: {frames} frames are sound; nothing was taken in",
        "differing": "{file}: {differing} values differ from what the journal has; its own stay",
        "timeless": "{file}: {timeless} frames whose true time was never known are left out",
        "strange": "{file}: {count} frames of devices that the site file does not have left out: {devices}",
        "waiting": "the running gateway takes it in",
        "more": "{file}: and {count} more",
        "key": "{file}: signed with {key}, which is not this site's own; compare it with what"
        " `journal export` showed there, and give it by --key",
        "site": "{file}: of site {other}, not of {site}",
    },
    "zh": {
        "taken": "{file}:导入 {frames} 帧,{known} 帧已有",
        "found": "{file}:{frames} 帧完好;未导入任何数据",
        "differing": "{file}:{differing} 个值与日志中的不同;保留日志中的值",
        "timeless": "{file}:{timeless} 帧的真实时间无从得知,未导入",
        "strange": "{file}:{count} 帧属于站点文件中没有的设备,未导入:{devices}",
        "waiting": "由运行中的网关导入",
        "more": "{file}:另有 {count} 处",
        "key": "{file}:签名公钥为 {key},不是本站的;请与当时 `journal export` 显示的公钥核对,再用 --key 给出",
        "site": "{file}:属于站点 {other},不是 {site}",
    },
}


def import_(
    site: SiteArgument,
    files: list[Path] = typer.Argument(
        ..., metavar="FILE...", help="exports, or tables ts,device,point,value,quality"
    ),
    *,
    key: str | None = typer.Option(None, "--key", metavar="KEY", help="the public key of whoever signed"),
    dry_run: bool = typer.Option(False, "--dry-run", help="only say what is wrong"),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in exports and CSV tables, once however often; works beside a running gateway.

    A file with anything wrong in it is refused whole.
    """
    from gateway.config import data_folder, load_site

    log_to_stderr(logging.WARNING)
    texts = _TEXTS[language(lang)]
    with exits():
        config = load_site(site)
        folder = data_folder(site, data)
        hand_over = _HandOver(config, folder, texts, key)
        for file in files:
            hand_over.examine(file)
        for file in files:
            taken = None if dry_run else hand_over.take(file)
            if as_json:
                found = hand_over.found[file]
                show({"file": str(file), "found": found, **({} if taken is None else asdict(taken))})
                continue
            for line in hand_over.words(file, taken):
                print(line)


class _HandOver:
    """Files on their way into one site's journal."""

    def __init__(self, config: "SiteConfig", data: Path, texts: dict[str, str], key: str | None) -> None:
        from agent.time_source import FLOOR_MS
        from gateway.journal.csv_file import Wanted

        self.found: dict[Path, int] = {}
        """Frames of each file that the site has a device for."""
        self._strange: dict[Path, dict[str, int]] = {}
        self._config, self._data, self._texts, self._key = config, data, texts, key
        self._devices = frozenset(device.id for device in config.devices)
        latest_ms = round((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1_000)
        if latest_ms < FLOOR_MS:  # this machine does not know the time
            latest_ms = 1 << 52
        self._wanted = Wanted(_types(config), ZoneInfo(config.file.site.timezone), latest_ms)

    def examine(self, file: Path) -> None:
        """Read all of it; end the command where anything is wrong."""
        from agent.document import Fault
        from gateway.journal.carry import examine

        if _is_export(file):
            signed = examine(file)
            if signed.site != self._config.id:
                fail(2, self._texts["site"].format(file=file, other=signed.site, site=self._config.id))
            if signed.key not in (self._own_key(), self._key):
                fail(2, self._texts["key"].format(file=file, key=signed.key))
        faults: list[Fault] = []
        count, more, strange = 0, 0, dict[str, int]()
        for found in self._read(file):
            if isinstance(found, Fault):
                more += len(faults) == _FAULTS_TOLD
                faults += [found][: _FAULTS_TOLD - len(faults)]
            elif found.device in self._devices:
                count += 1
            else:
                strange[found.device] = strange.get(found.device, 0) + 1
        if faults:
            rest = [self._texts["more"].format(file=file, count=more)] if more else []
            fail(2, *map(str, faults), *rest)
        self.found[file], self._strange[file] = count, strange

    def take(self, file: Path) -> "Taken":
        """Into the journal, by the running gateway or by ourselves."""
        from gateway.journal.errors import JournalLocked, JournalUnavailable
        from gateway.journal.intake import Taken, lay

        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        receipt = lay(self._data, (f for f in self._frames(file) if f.device in self._devices))
        told = False
        while not receipt.exists():
            try:
                asyncio.run(self._take_all())
            except JournalLocked:
                if not told:
                    typer.echo(self._texts["waiting"], err=True)
                told = True
                time.sleep(_LOOK_S)
        taken = Taken.read(receipt)
        receipt.unlink()
        if taken.why:
            raise JournalUnavailable(f"{file}: {taken.why}")
        return taken

    def words(self, file: Path, taken: "Taken | None") -> Iterator[str]:
        """For people."""
        texts = self._texts
        if taken is None:
            yield texts["found"].format(file=file, frames=self.found[file])
        else:
            yield texts["taken"].format(file=file, **asdict(taken))
            if taken.differing:
                yield texts["differing"].format(file=file, **asdict(taken))
            if taken.timeless:
                yield texts["timeless"].format(file=file, **asdict(taken))
        if strange := self._strange[file]:
            names = ", ".join(sorted(strange))
            yield texts["strange"].format(file=file, count=sum(strange.values()), devices=names)

    async def _take_all(self) -> None:
        from agent.clock import SystemClock
        from gateway.journal.intake import Intake
        from gateway.journal.journal import Journal

        journal = await Journal.open(self._data, self._config.file.journal, SystemClock())
        try:
            await Intake(self._data, journal).take_all()
        finally:
            await journal.close()

    def _own_key(self) -> str | None:
        from gateway.journal.carry import KEY, public_key, signing_key

        return public_key(signing_key(self._data)) if (self._data / KEY).exists() else None

    def _frames(self, file: Path) -> "Iterator[Frame]":
        from agent.document import DocumentError, Fault

        for found in self._read(file):
            if isinstance(found, Fault):
                raise DocumentError([found])  # it has changed since it was examined
            yield found

    def _read(self, file: Path) -> "Iterator[Frame | Fault]":
        from agent.document import Fault
        from gateway.journal.carry import frames_in
        from gateway.journal.csv_file import frames_of

        if _is_export(file):
            yield from frames_in(file)
            return
        try:
            with file.open(encoding="utf-8-sig", newline="") as lines:
                yield from frames_of(lines, str(file), self._wanted)
        except UnicodeDecodeError:
            yield Fault(str(file), 1, 1, "", "this is not UTF-8", "save it as `CSV UTF-8`")


def _is_export(file: Path) -> bool:
    with file.open("rb") as raw:
        return raw.read(len(_GZIP)) == _GZIP


def _types(config: "SiteConfig") -> "Callable[[str, str], ValueType | str]":
    """Which points the site's devices have; a word about what is not there."""
    from agent.points import standard

    own = {device.id: {point.name for point in device.profile.points} for device in config.devices}

    def type_of(device: str, point: str) -> "ValueType | str":
        if device not in own:
            return f"the site has no device {device!r}"
        known = standard(point)
        if known is not None:
            return known.type
        return "number" if point in own[device] else f"{device} has no point {point!r}"

    return type_of
