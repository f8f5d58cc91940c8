"""uvicorn's HTTP/1.1 connection with the limits of a box that must not be talked to death.

A request's head has ten seconds to arrive, connections are counted, an answer to bytes
that are not HTTP is a problem document too, and a stream can cut its own connection.
"""

import asyncio
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.console.headers import secured
from gateway.console.problem import Problem

HEAD_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 256
MAX_HEAD_BYTES = 16_384


class LimitedConnection(H11Protocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "abort": self._abort}, _loop)
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_has_come()
        elif self._head_timer is None:
            self._expect_head()

    def on_response_complete(self) -> None:
        self._head_has_come()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        response = Problem("bad-request", msg).response()
        headers = secured([*response.raw_headers, (b"connection", b"close")], tls=self.scheme == "https")
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._abort)

    def _head_has_come(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _abort(self) -> None:
        self.transport.abort()
