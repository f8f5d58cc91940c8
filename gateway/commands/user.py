"""`maplebridge user add|list|remove|token`: the console's users, in the data folder.

Works beside a running gateway, which notices by itself.
"""

import getpass
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import orjson
import typer

from gateway.console.password import PasswordHash, WeakPassword, new_password, refuse_weak
from gateway.console.ports import RoleName
from gateway.console.users import UnknownUser, Users, UsersDamaged, check_name

app = typer.Typer(
    help="The console's users and their tokens.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_NAME = typer.Argument(..., metavar="NAME", help="the user's name")
_ROLE = typer.Option(..., "--role", help="what the user may do")
_DATA = typer.Option(None, "--data", help="the data folder; else that of --site, $STATE_DIRECTORY or ./data")
_SITE = typer.Option(None, "--site", metavar="SITE.yaml", help="the site whose data folder it is")
_JSON = typer.Option(False, "--json", help="print one JSON document")


@app.command()
def add(
    name: str = _NAME,
    role: RoleName = _ROLE,
    *,
    data: Path | None = _DATA,
    site: Path | None = _SITE,
    as_json: bool = _JSON,
) -> None:
    """Add a user, or give one a new role and password (which ends their sessions and tokens).

    The password comes from stdin; without one it is made up and printed once.
    """
    users = _users(data, site)
    try:
        check_name(name)
        given = _asked_password()
        password = given or new_password()
        refuse_weak(password, name)
    except (ValueError, WeakPassword) as error:
        _fail(str(error), 2)
    known = users.get(name) is not None
    users.add(name, role, PasswordHash.of(password))
    if as_json:
        _print_json({"user": name, "role": role, "password": None if given else password})
        return
    print(f"{'changed' if known else 'added'} {name} as {role}")
    if not given:
        print(f"password: {password}")


@app.command("list")
def list_users(*, data: Path | None = _DATA, site: Path | None = _SITE, as_json: bool = _JSON) -> None:
    """Show all users with role and number of tokens."""
    users = _users(data, site).all()
    if as_json:
        items = [
            {"user": user.name, "role": user.role, "tokens": len(user.tokens)} for user in users.values()
        ]
        _print_json({"items": items})
        return
    if not users:
        print("no users yet; add one with: maplebridge user add NAME --role admin", file=sys.stderr)
    for user in users.values():
        print(f"{user.name}\t{user.role}\t{len(user.tokens)} tokens")


@app.command()
def remove(
    name: str = _NAME, *, data: Path | None = _DATA, site: Path | None = _SITE, as_json: bool = _JSON
) -> None:
    """Remove a user with all sessions and tokens."""
    users = _users(data, site)
    try:
        users.remove(name)
    except UnknownUser:
        _unknown(name)
    if as_json:
        _print_json({"removed": name})
    else:
        print(f"removed {name}")


@app.command()
def token(
    name: str = _NAME, *, data: Path | None = _DATA, site: Path | None = _SITE, as_json: bool = _JSON
) -> None:
    """Make a bearer token with the user's role; it is printed once and kept only as a hash."""
    users = _users(data, site)
    try:
        made = users.add_token(name)
    except UnknownUser:
        _unknown(name)
    if as_json:
        _print_json({"user": name, "token": made})
    else:
        print(made)


def _users(data: Path | None, site: Path | None) -> Users:
    try:
        return Users(_folder(data, site))
    except UsersDamaged as damage:
        _fail(str(damage), 1)


def _folder(data: Path | None, site: Path | None) -> Path:
    if site is not None:
        from gateway.config import data_folder

        if not site.is_file():
            _fail(f"{site} is not a file; give the site file", 2)
        return data_folder(site, data)
    state = os.environ.get("STATE_DIRECTORY")
    return data or Path(state.partition(":")[0] if state else "data")


def _asked_password() -> str:
    """The first line of stdin, hidden on a terminal; empty when there is none."""
    if sys.stdin.isatty():
        return getpass.getpass("password (empty: one is made up): ")
    return sys.stdin.readline().rstrip("\r\n")


def _unknown(name: str) -> NoReturn:
    _fail(f"there is no user {name!r}; see maplebridge user list", 2)


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)


def _print_json(document: dict[str, Any]) -> None:
    print(orjson.dumps(document).decode())
