"""`maplebridge user add|list|remove|token`: the console's users, in the data folder.

Works beside a running gateway, which notices by itself.
"""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, show
from gateway.console.password import PasswordHash, WeakPassword, new_password, refuse_weak
from gateway.console.ports import RoleName
from gateway.console.users import UnknownUser, Users, check_name

app = typer.Typer(
    help="The console's users and their tokens.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_NAME = typer.Argument(..., metavar="NAME", help="the user's name")
_ROLE = typer.Option(..., "--role", help="what the user may do")
_DATA = typer.Option(
    None, "--data", metavar="DIR", help="the data folder; else that of --site, $STATE_DIRECTORY or ./data"
)
_SITE = typer.Option(None, "--site", metavar="SITE.yaml", help="the site whose data folder it is")
_TEXTS = {
    "added": {"en": "added {name} as {role}", "zh": "已添加 {name},角色 {role}"},
    "changed": {"en": "changed {name} to {role}", "zh": "已更改 {name},角色 {role}"},
    "password": {"en": "password: {password}", "zh": "密码:{password}"},
    "asked": {"en": "password (empty: one is made up): ", "zh": "密码(留空则自动生成):"},
    "none": {
        "en": "no users yet; add one with: maplebridge user add NAME --role admin",
        "zh": "还没有用户;添加:maplebridge user add NAME --role admin",
    },
    "user": {"en": "{name}\t{role}\t{tokens} tokens", "zh": "{name}\t{role}\t{tokens} 个令牌"},
    "removed": {"en": "removed {name}", "zh": "已删除 {name}"},
}


@app.command()
def add(
    name: str = _NAME,
    role: RoleName = _ROLE,
    *,
    data: Path | None = _DATA,
    site: Path | None = _SITE,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Add a user, or give one a new role and password (which ends their sessions and tokens).

    The password comes from stdin; without one it is made up and printed once.
    """
    speaks = language(lang)
    users = _users(data, site)
    try:
        check_name(name)
        given = _asked_password(speaks)
        password = given or new_password()
        refuse_weak(password, name)
    except (ValueError, WeakPassword) as error:
        fail(2, str(error))
    known = users.get(name) is not None
    with exits():
        users.add(name, role, PasswordHash.of(password))
    if as_json:
        show({"user": name, "role": role, "password": None if given else password})
        return
    print(_TEXTS["changed" if known else "added"][speaks].format(name=name, role=role))
    if not given:
        print(_TEXTS["password"][speaks].format(password=password))


@app.command("list")
def list_users(
    *,
    data: Path | None = _DATA,
    site: Path | None = _SITE,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show all users with role and number of tokens."""
    speaks = language(lang)
    users = _users(data, site).all()
    if as_json:
        items = [
            {"user": user.name, "role": user.role, "tokens": len(user.tokens)} for user in users.values()
        ]
        show({"items": items})
        return
    if not users:
        print(_TEXTS["none"][speaks], file=sys.stderr)
    for user in users.values():
        print(_TEXTS["user"][speaks].format(name=user.name, role=user.role, tokens=len(user.tokens)))


@app.command()
def remove(
    name: str = _NAME,
    *,
    data: Path | None = _DATA,
    site: Path | None = _SITE,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Remove a user with all sessions and tokens."""
    speaks = language(lang)
    users = _users(data, site)
    with exits(), _known(name):
        users.remove(name)
    if as_json:
        show({"removed": name})
    else:
        print(_TEXTS["removed"][speaks].format(name=name))


@app.command()
def token(
    name: str = _NAME,
    *,
    data: Path | None = _DATA,
    site: Path | None = _SITE,
    as_json: JsonOption = False,
) -> None:
    """Make a bearer token with the user's role; it is printed once and kept only as a hash."""
    users = _users(data, site)
    with exits(), _known(name):
        made = users.add_token(name)
    if as_json:
        show({"user": name, "token": made})
    else:
        print(made)


def _users(data: Path | None, site: Path | None) -> Users:
    with exits():
        return Users(_folder(data, site))


def _folder(data: Path | None, site: Path | None) -> Path:
    if site is not None:
        from gateway.config import data_folder

        if not site.is_file():
            fail(2, f"{site}: there is no such file; give the site file")
        return data_folder(site, data)
    state = os.environ.get("STATE_DIRECTORY")
    return data or Path(state.partition(":")[0] if state else "data")


def _asked_password(lang: Language) -> str:
    """The first line of stdin, hidden on a terminal; empty when there is none."""
    if sys.stdin.isatty():
        return getpass.getpass(_TEXTS["asked"][lang])
    return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def _known(name: str) -> Iterator[None]:
    try:
        yield
    except UnknownUser:
        fail(2, f"there is no user {name!r}; see maplebridge user list")
