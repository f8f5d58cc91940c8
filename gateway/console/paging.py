"""`?limit=&cursor=` of lists in memory (the cursor names the last item seen), and times in requests."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Query
from pydantic import Field

from gateway.console.problem import invalid

Limit: TypeAlias = Annotated[int, Query(ge=1, le=500)]
LATEST_MS = 4_102_444_800_000
"""The year 2100: what lies beyond is no time but a mistake."""
Since: TypeAlias = Annotated[int | None, Query(alias="from", ge=0, le=LATEST_MS)]
Until: TypeAlias = Annotated[int | None, Query(ge=0, le=LATEST_MS)]
"""Bounds of a span of time in a query, UTC ms."""
Instant: TypeAlias = Annotated[int, Field(ge=0, le=LATEST_MS)]
"""A time in a body, UTC ms."""
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
