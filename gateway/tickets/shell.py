"""What the commands `alerts` and `tickets` share: one question to the desk, its answer or one clear line."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import orjson
import typer

from agent.document import DocumentError
from gateway.config import SiteConfig, load_site
from gateway.secret import SecretError
from gateway.tickets.ask import WrongArguments
from gateway.tickets.beside import desk_beside
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.desk import Desk
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import Forbidden
from gateway.tickets.store import StoreError

T = TypeVar("T")
_PAGE = 500


def language(asked: str | None) -> str:
    """`zh` or `en`, from `--lang` or `LANG`. Exit 2 for anything else."""
    if asked in ("zh", "en"):
        return asked
    if asked:
        fail(2, f"--lang {asked} is not known; use zh or en")
    return "zh" if os.environ.get("LANG", "").startswith("zh") else "en"


def fail(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)  # noqa: T201  # a command's own words
    raise typer.Exit(code)


def show(document: Any) -> None:
    print(orjson.dumps(document).decode())  # noqa: T201  # a command's own words


def site_of(path: Path) -> SiteConfig:
    """The checked site file. Exit 2 where it is faulty."""
    try:
        return load_site(path)
    except DocumentError as error:
        fail(2, str(error))


def ask_desk(
    config: SiteConfig,
    data: Path | None,
    lang: str,
    question: Callable[[Desk], Awaitable[T]],
    *,
    as_json: bool,
    with_rules: bool = False,
) -> T:
    """The desk's answer. Exit 2 for a faulty file or arguments, 1 where the desk refuses.

    With `as_json` a refusal's problem document goes to stdout too.
    """

    async def asked() -> T:
        async with desk_beside(config, data, with_rules=with_rules) as desk:
            return await question(desk)

    try:
        return asyncio.run(asked())
    except DocumentError as error:
        fail(2, str(error))
    except (StoreError, SecretError) as error:
        fail(1, str(error))
    except UnknownTicket as unknown:
        problem: dict[str, Any] = {
            "type": "urn:maplebridge:problem:not_found",
            "title": "There is no such ticket",
            "status": 404,
            "detail": f"there is no ticket {unknown}; maplebridge tickets list shows them all",
        }
        code = 1
    except WrongArguments as wrong:
        problem, code = wrong.document(), 2
    except Forbidden as forbidden:
        problem, code = forbidden.document(), 1
    except Refused as refused:
        problem, code = refused.document(lang), 1
    if as_json:
        show(problem)
    fail(code, f"{problem['title']}: {problem['detail']}")


async def every(page_of: Callable[..., Awaitable[Any]], **wanted: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await page_of(limit=_PAGE, cursor=cursor, **wanted)
        items += page.items
        if page.next is None:
            return items
        cursor = page.next
