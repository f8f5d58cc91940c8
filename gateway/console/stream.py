"""`GET /events` as a plain ASGI response: no task or object per event."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.console.hub import Detail, Hub, Viewer

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """Sends a viewer's chunks as they come, until the hub or the viewer ends the stream."""

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        *,
        detail: Detail,
        sites: frozenset[str] | None,
        alive: Callable[[], bool],
        last_event_id: str | None,
    ) -> None:
        super().__init__()
        self._hub = hub
        self._detail: Detail = detail
        self._sites = sites
        self._alive = alive
        self._last_event_id = last_event_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort: Callable[[], None] = scope.get("state", {}).get("abort", lambda: None)
        viewer = Viewer(self._detail, self._sites, self._alive, abort)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        self._hub.join(viewer, self._last_event_id)
        try:
            async with asyncio.TaskGroup() as stream:
                watcher = stream.create_task(_until_gone(receive, viewer))
                while (chunk := await viewer.next()) is not None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                watcher.cancel()
        finally:
            self._hub.leave(viewer)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
