"""The console's server: plain uvicorn in the gateway's own event loop, without its signal handlers."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from gateway.console.app import Console
from gateway.console.config import ConsoleConfig, TlsFiles
from gateway.console.connection import MAX_HEAD_BYTES, LimitedConnection
from gateway.console.self_signed import self_signed_files
from gateway.secret import find_file, find_secret

_STOP_S = 1
_BACKLOG = 128


class ConsoleServer:
    """Listens, serves until cancelled, and stops within two seconds.

    Args:
        console: from `create_app`.
        config: the `console:` block.
        folder: relative certificate files start here (the site file's folder).
        data: the data folder, where a self-signed certificate is kept.

    Raises:
        SecretError: the key file is missing or open to others.
        CertificateError: no self-signed certificate could be made.
    """

    def __init__(self, console: Console, config: ConsoleConfig, *, folder: Path, data: Path) -> None:
        self._console = console
        self._config = config
        self._files = _tls_files(config, folder, data)
        self._socket: socket.socket | None = None

    def bind(self) -> str:
        """Take the port; connections wait there until `run`. The answer is the address to open.

        Raises:
            OSError: the port is taken, or the host is not this machine's.
        """
        family = socket.AF_INET6 if ":" in self._config.host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms an answer.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._config.host, self._config.port))
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            place = f"{self._config.host}:{self._config.port}"
            raise OSError(error.errno, error.strerror, place) from None
        bound.setblocking(False)
        self._socket = bound
        host = f"[{self._config.host}]" if family == socket.AF_INET6 else self._config.host
        scheme = "https" if self._files else "http"
        return f"{scheme}://{host}:{self.port}"

    @property
    def port(self) -> int:
        """The real port, after `bind`."""
        if self._socket is None:
            raise RuntimeError("bind first")
        port: int = self._socket.getsockname()[1]
        return port

    async def run(self) -> None:
        """Serve until cancelled; open streams end, then connections, then the port is free."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None  # noqa: S101  # bind sets it
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        server = _QuietServer(self._uvicorn_config())
        async with asyncio.TaskGroup() as tasks:
            hub = tasks.create_task(self._console.hub.run(), name="console:hub")
            http = tasks.create_task(server.serve(sockets=[self._socket]), name="console:http")
            try:
                await asyncio.wait({http})
            except asyncio.CancelledError:
                self._console.hub.end()
                server.should_exit = True
                await asyncio.wait({http}, timeout=_STOP_S + 0.8)
                raise
            finally:
                hub.cancel()

    def _uvicorn_config(self) -> uvicorn.Config:
        cert, key = self._files or (None, None)
        return uvicorn.Config(
            self._console,
            http=LimitedConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_STOP_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ssl_certfile=cert,
            ssl_keyfile=key,
        )


def _tls_files(config: ConsoleConfig, folder: Path, data: Path) -> tuple[Path, Path] | None:
    if config.tls is None:
        return None
    if isinstance(config.tls, TlsFiles):
        return find_file(config.tls.cert_file, folder), find_secret(config.tls.key_file, folder)
    return self_signed_files(config.host, data)


class _QuietServer(uvicorn.Server):
    """Signals are the gateway's business, not the console's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
