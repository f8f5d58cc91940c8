"""`?limit=&cursor=` of lists that are in memory: the cursor is the id of the last item seen."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Query

from gateway.console.problem import invalid

Limit: TypeAlias = Annotated[int, Query(ge=1, le=500)]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=500)]
Item = TypeVar("Item")


def page_of(names: Sequence[str], limit: int, cursor: str | None) -> tuple[Sequence[str], str | None]:
    """The names after the cursor, and the cursor of the next page.

    Raises:
        Problem: `invalid` for a cursor that is not ours.
    """
    start = 0
    if cursor is not None:
        try:
            last = base64.urlsafe_b64decode(cursor.encode()).decode()
            start = names.index(last) + 1
        except (binascii.Error, ValueError):
            raise invalid([("query.cursor", "is not one that this list gave out")]) from None
    part = names[start : start + limit]
    more = start + limit < len(names)
    return part, base64.urlsafe_b64encode(part[-1].encode()).decode() if more else None
