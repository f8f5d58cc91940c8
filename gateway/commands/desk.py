"""One question to the desk of a site, for `alerts` and `tickets`: its answer, or one clear line."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from gateway.commands.failing import exits, fail
from gateway.commands.options import show
from gateway.config import SiteConfig
from gateway.tickets.ask import WrongArguments
from gateway.tickets.beside import desk_beside
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.desk import Desk
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import Forbidden

T = TypeVar("T")
_PAGE = 500


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
