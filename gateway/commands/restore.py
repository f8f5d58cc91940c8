"""`maplebridge restore FILE`: makes a dead gateway's successor of its backup."""

from pathlib import Path

import typer

from gateway.commands.failing import exits
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, show
from gateway.commands.password import asked

_FILE = typer.Argument(..., metavar="FILE", help="what `backup` wrote")
_OUT = typer.Option(Path(), "--out", metavar="DIR", help="the folder for the site file and what is beside it")
_DONE = {
    "en": "restored {site} and {data}; switch the old one off, then: maplebridge run {site} --data {data}",
    "zh": "已恢复 {site} 和 {data};请关闭旧网关,然后:maplebridge run {site} --data {data}",
}


def restore(
    file: Path = _FILE,
    *,
    out: Path = _OUT,
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the site file, its neighbours and the data folder in place; the data folder must be empty.

    The password comes from stdin.
    """
    from gateway.backup.archive import restore_backup

    speaks = language(lang)
    password = asked(speaks)
    with exits():
        site, folder = restore_backup(file, password, out, data)
    if as_json:
        show({"site": str(site), "data": str(folder)})
        return
    print(_DONE[speaks].format(site=site, data=folder))
