"""The running parts of a site: each a named task of one TaskGroup, replaceable one by one."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Parts:
    """Named tasks of a group. A part that fails takes the group down, loudly; a stopped one does not."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` under `name`; after `stop_all` nothing starts any more.

        Raises:
            ValueError: a part of that name runs already.
        """
        if name in self._tasks:
            work.close()
            raise ValueError(f"the part {name!r} runs already")
        if self._closed:
            work.close()
            return
        self._tasks[name] = self._group.create_task(work, name=name)

    async def stop(self, name: str) -> None:
        """Cancel the part and wait until it has cleaned up after itself; one that is gone already is fine."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def stop_all(self) -> None:
        """Cancel all parts at once and wait for them."""
        self._closed = True
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
