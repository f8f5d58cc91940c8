"""`maplebridge journal stats SITE.yaml`: what the journal holds, who is behind, and what is missing."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from gateway.commands.failing import exits
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show

app = typer.Typer(
    help="What the journal holds.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

_TEXTS = {
    "en": {
        "holds": "{frames} frames with {values} values in {megabytes:.1f} MB, {first} to {last}",
        "empty": "no frames yet",
        "reader": "reader {name}: {backlog_frames} frames behind, the oldest {backlog_age_s:.0f} s old",
        "gap": "gap {device}: {first} to {last}, {slots} polls: {reason}",
        "letters": "{count} records were refused for good (dead letters)",
        "aside": "set aside as damaged: {name}",
    },
    "zh": {
        "holds": "{frames} 帧,{values} 个值,{megabytes:.1f} MB,{first} 至 {last}",
        "empty": "还没有数据帧",
        "reader": "读取方 {name}:落后 {backlog_frames} 帧,最早一帧在 {backlog_age_s:.0f} 秒前",
        "gap": "缺口 {device}:{first} 至 {last},{slots} 次轮询:{reason}",
        "letters": "{count} 条记录被永久拒收(死信)",
        "aside": "已损坏并移开:{name}",
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


def _lines(document: dict[str, Any], texts: dict[str, str], zone: ZoneInfo) -> list[str]:
    def when(ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1_000, zone):%Y-%m-%d %H:%M:%S}"

    lines = [texts["empty"]]
    if document["frames"]:
        lines = [
            texts["holds"].format(
                frames=document["frames"],
                values=document["values"],
                megabytes=document["bytes"] / 1_000_000,
                first=when(document["first"]),
                last=when(document["last"]),
            )
        ]
    lines += (texts["reader"].format(name=name, **place) for name, place in document["cursors"].items())
    lines += (
        texts["gap"].format(
            device=gap["device"],
            first=when(gap["from"]),
            last=when(gap["to"]),
            slots="?" if gap["slots"] is None else gap["slots"],
            reason=gap["reason"],
        )
        for gap in document["gaps"]
    )
    if document["dead_letters"]:
        lines.append(texts["letters"].format(count=document["dead_letters"]))
    lines += (texts["aside"].format(name=name) for name in document["set_aside"])
    return lines
