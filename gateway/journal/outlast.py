"""Waits for work on a thread to its end, whatever happens to who waits."""

import asyncio
from typing import Any


async def outlast(work: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Until the work is done, even when cancelled, so that its outcome is never lost; that cancellation."""
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError as cancellation:
            cancelled = cancellation
    return cancelled
