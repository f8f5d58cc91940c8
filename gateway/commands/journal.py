"""`maplebridge journal stats|verify|export|import SITE.yaml`: what it holds, is it sound, a part to carry."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from gateway.commands.failing import exits, fail
from gateway.commands.journal_import import import_
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show
from gateway.commands.times import utc_ms

app = typer.Typer(
    help="What the journal holds, whether it is sound, and a part of it to carry.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

app.command("import")(import_)

_NO_END_MS = 1 << 52
_TEXTS = {
    "en": {
        "holds": "{frames} frames with {values} values in {megabytes:.1f} MB, {first} to {last}",
        "empty": "no frames yet",
        "reader": "reader {name}: {backlog_frames} frames behind, the oldest {backlog_age_s:.0f} s old",
        "gap": "gap {device}: {first} to {last}, {slots} polls: {reason}",
        "letters": "{count} records were refused for good (dead letters)",
        "aside": "set aside as damaged: {name}",
        "sound": "sound: {blocks} blocks with {frames} frames and {changes} changes",
        "fault": "{what}: {first} to {last}: {why}",
        "exported": "{file}: {frames} frames, signed; whoever takes it in compares the key: {key}",
    },
    "zh": {
        "holds": "{frames} 帧,{values} 个值,{megabytes:.1f} MB,{first} 至 {last}",
        "empty": "还没有数据帧",
        "reader": "读取方 {name}:落后 {backlog_frames} 帧,最早一帧在 {backlog_age_s:.0f} 秒前",
        "gap": "缺口 {device}:{first} 至 {last},{slots} 次轮询:{reason}",
        "letters": "{count} 条记录被永久拒收(死信)",
        "aside": "已损坏并移开:{name}",
        "sound": "完好:{blocks} 块,{frames} 帧,{changes} 条变更",
        "fault": "{what}:{first} 至 {last}:{why}",
        "exported": "{file}:{frames} 帧,已签名;接收方请核对公钥:{key}",
    },
}


@app.callback()
def _journal() -> None:
    """What the journal holds."""


@app.command()
def stats(
    site: SiteArgument,
    *,
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Frames, values, bytes, readers' places, gaps and dead letters; works beside a running gateway."""
    from gateway.config import data_folder, load_site
    from gateway.journal.query import read_statistics

    speaks = language(lang)
    with exits():
        config = load_site(site)
        document = read_statistics(data_folder(site, data), config.file.journal.path)
    if as_json:
        show(document)
        return
    for line in _lines(document, _TEXTS[speaks], ZoneInfo(config.file.site.timezone)):
        print(line)


@app.command()
def verify(
    site: SiteArgument,
    *,
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read everything and name what is damaged, with its bounds; exit 1 where something is."""
    from gateway.config import data_folder, load_site
    from gateway.journal.verify import verify as read_all

    speaks = language(lang)
    with exits():
        config = load_site(site)
        document = read_all(data_folder(site, data), config.file.journal.path).document()
    texts, zone = _TEXTS[speaks], ZoneInfo(config.file.site.timezone)
    if as_json:
        show(document)
    elif document["ok"]:
        print(texts["sound"].format(**document))
    if not document["ok"]:
        fail(
            1,
            *(
                texts["fault"].format(
                    what=fault["what"],
                    first=_when(fault.get("from"), zone),
                    last=_when(fault.get("to"), zone),
                    why=fault["why"],
                )
                for fault in document["faults"]
            ),
        )


@app.command()
def export(
    site: SiteArgument,
    file: Path = typer.Argument(..., metavar="FILE", help="the file to write"),
    *,
    since: str | None = typer.Option(None, "--from", metavar="TIME", help="from this time on"),
    to: str | None = typer.Option(None, "--to", metavar="TIME", help="up to this time"),
    device: str | None = typer.Option(None, "--device", metavar="ID", help="of this device only"),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Frames as one signed file, to be carried by hand; works beside a running gateway."""
    from gateway.config import data_folder, load_site
    from gateway.journal.carry import export as write

    speaks = language(lang)
    with exits():
        config = load_site(site)
        zone = ZoneInfo(config.file.site.timezone)
        document = write(
            data_folder(site, data),
            config.file.journal.path,
            config.id,
            file,
            from_ms=0 if since is None else utc_ms(since, zone, speaks),
            to_ms=_NO_END_MS if to is None else utc_ms(to, zone, speaks),
            device=device,
        )
    if as_json:
        show({"file": str(file), **document})
        return
    print(_TEXTS[speaks]["exported"].format(file=file, **document))


def _when(ms: int | None, zone: ZoneInfo) -> str:
    return "?" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, zone):%Y-%m-%d %H:%M:%S}"


def _lines(document: dict[str, Any], texts: dict[str, str], zone: ZoneInfo) -> list[str]:
    lines = [texts["empty"]]
    if document["frames"]:
        lines = [
            texts["holds"].format(
                frames=document["frames"],
                values=document["values"],
                megabytes=document["bytes"] / 1_000_000,
                first=_when(document["first"], zone),
                last=_when(document["last"], zone),
            )
        ]
    lines += (texts["reader"].format(name=name, **place) for name, place in document["cursors"].items())
    lines += (
        texts["gap"].format(
            device=gap["device"],
            first=_when(gap["from"], zone),
            last=_when(gap["to"], zone),
            slots="?" if gap["slots"] is None else gap["slots"],
            reason=gap["reason"],
        )
        for gap in document["gaps"]
    )
    if document["dead_letters"]:
        lines.append(texts["letters"].format(count=document["dead_letters"]))
    lines += (texts["aside"].format(name=name) for name in document["set_aside"])
    return lines
