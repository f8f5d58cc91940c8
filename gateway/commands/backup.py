"""`maplebridge backup SITE.yaml FILE`: everything that a dead gateway's successor needs, encrypted."""

from pathlib import Path

import typer

from gateway.commands.failing import exits
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show
from gateway.commands.password import asked

_FILE = typer.Argument(..., metavar="FILE", help="the backup to write; one of that name is replaced")
_DONE = {
    "en": "{file}: {count} files, {megabytes:.1f} MB; without its password nobody can open it",
    "zh": "{file}:{count} 个文件,{megabytes:.1f} MB;没有密码无法打开",
}


def backup(
    site: SiteArgument,
    file: Path = _FILE,
    *,
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Site file, profiles, rules, secrets, users, tickets, history and journal in one encrypted file.

    The password comes from stdin. Works beside a running gateway.
    """
    from gateway.backup.archive import write_backup
    from gateway.config import data_folder, load_site

    speaks = language(lang)
    password = asked(speaks)
    with exits():
        config = load_site(site)
        count = write_backup(config, data_folder(site, data), file, password)
        size = file.stat().st_size
    if as_json:
        show({"file": str(file), "files": count, "bytes": size})
        return
    print(_DONE[speaks].format(file=file, count=count, megabytes=size / 1_000_000))
