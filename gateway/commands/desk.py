"""One question to the desk of a site, for `alerts` and `tickets`: its answer, or one clear line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from gateway.commands.failing import exits, fail
from gateway.commands.options import show
from gateway.config import SiteConfig, data_folder, load_site
from gateway.rules import load_rules
from gateway.secret import read_secret
from gateway.site_facts import desk_site
from gateway.site_time import clock_beside
from gateway.tickets.ask import WrongArguments
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.desk import Desk
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import Forbidden

T = TypeVar("T")
_PAGE = 500


def site_of(path: Path) -> SiteConfig:
    """The checked site file. Exit 2 where it is faulty."""
    with exits():
        return load_site(path)


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
        async with _desk_beside(config, data, with_rules=with_rules) as desk:
            return await question(desk)

    with exits(), _refusals(lang, as_json=as_json):
        return asyncio.run(asked())


@contextmanager
def _refusals(lang: str, *, as_json: bool) -> Iterator[None]:
    try:
        yield
    except UnknownTicket as unknown:
        detail = f"there is no ticket {unknown}; maplebridge tickets list shows them all"
        problem: dict[str, Any] = {
            "type": "urn:maplebridge:problem:not_found",
            "title": "There is no such ticket",
            "status": 404,
            "detail": detail,
        }
        _refuse(problem, 1, as_json=as_json)
    except WrongArguments as wrong:
        _refuse(wrong.document(), 2, as_json=as_json)
    except Forbidden as forbidden:
        _refuse(forbidden.document(), 1, as_json=as_json)
    except Refused as refused:
        _refuse(refused.document(lang), 1, as_json=as_json)


def _refuse(problem: dict[str, Any], code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        show(problem)
    fail(code, f"{problem['title']}: {problem['detail']}")


@asynccontextmanager
async def _desk_beside(config: SiteConfig, data: Path | None, *, with_rules: bool) -> AsyncIterator[Desk]:
    """Opens the site's store, which must be there; what is written is acted upon by the gateway.

    `with_rules` reads the rule files too, so that a refusal can say what an alert needs.

    Raises:
        StoreError: there is no store, or it cannot be used.
        SecretError: its password cannot be read.
        DocumentError: a rule file is faulty.
    """
    tickets = config.file.tickets
    paths = [config.folder / name for name in config.file.rules]
    desk = await Desk.open(
        store_url=tickets.store,
        data=data_folder(config.path, data),
        site=desk_site(config),
        rules=load_rules(paths, standard=config.file.standard_rules).rules if with_rules else {},
        teams=config.file.teams,
        clock=clock_beside(
            config.file.time, config.path, data_folder(config.path, data) / config.file.journal.path
        ),
        password=read_secret(tickets.password_file, config.folder) if tickets.password_file else None,
        create=False,
    )
    try:
        yield desk
    finally:
        await desk.close()


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
