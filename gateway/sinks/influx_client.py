"""influxdb-client behind bounds: one write at a time, never longer and never more than we allow.

The package's own retries and batching are not used: its batching mode drops what
it cannot deliver, and the journal stands in front of it. Its transport reads an
answer to the end whatever its size; ours reads a bounded part of it. Importing
this module costs about 20 MB: only do so when a database is configured.
"""

import socket
import time
import weakref
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import urllib3
from influxdb_client._sync.rest import RESTClientObject
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.configuration import Configuration
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from gateway.sinks.influx_answer import Answer

_BODY_READ = 65_536
"""Bytes of an answer that we look at; a reason fits, an endless page does not."""


class NoAnswer(Exception):  # noqa: N818  # named for what happened, as the other links' errors are
    """The database cannot be reached, or did not answer in time."""


class InfluxWriter:
    """Writes line protocol to one bucket; every method blocks, call them in a thread.

    Args:
        url, org, bucket, token: as the database's administrator gave them.
        ca_file: certificate authority of an https address, the system's if None.
        timeout_s: for one whole write.
    """

    def __init__(
        self, url: str, org: str, bucket: str, token: str, *, ca_file: str | None, timeout_s: float
    ) -> None:
        self._bucket = bucket
        self._client = InfluxDBClient(
            url, token=token, org=org, timeout=int(timeout_s * 1_000), enable_gzip=True, ssl_ca_cert=ca_file
        )
        self._transport = _Bounded(self._client.api_client.configuration, timeout_s)
        self._client.api_client.rest_client = self._transport
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: bytes) -> Answer:
        """One POST.

        Raises:
            NoAnswer: nobody answered; the lines may or may not have been stored.
        """
        try:
            self._api.write(
                self._bucket,
                record=lines,
                write_precision="ms",  # type: ignore[arg-type]  # its constants are texts
            )
        except (HTTPError, OSError) as failed:
            raise NoAnswer(_shortly(failed)) from failed
        return self._transport.answers.pop()

    @property
    def breaks(self) -> int:
        """How often a new connection was needed although nobody had said that the old one would end."""
        return self._transport.breaks

    def cut(self) -> None:
        """End a write that is under way, from another thread."""
        self._transport.cut()

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


class _Bounded(RESTClientObject):
    """Posts like the package's transport, but bounded in time and size."""

    def __init__(self, configuration: Configuration, timeout_s: float) -> None:
        super().__init__(configuration)  # type: ignore[no-untyped-call]
        self.answers: list[Answer] = []
        self.breaks = 0
        self._expected = True
        """The next new connection says nothing: it is the first, or the last answer announced it."""
        self._timeout_s = timeout_s
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self.pool_manager.pool_classes_by_scheme = {
            "http": _tracked(urllib3.HTTPConnectionPool, HTTPConnection, self._note_connection),
            "https": _tracked(urllib3.HTTPSConnectionPool, HTTPSConnection, self._note_connection),
        }

    def request(  # type: ignore[override]  # only called by keyword
        self,
        method: str,
        url: str,
        *,
        query_params: Any = None,
        headers: Any = None,
        body: bytes | None = None,
        **_rest: Any,
    ) -> None:
        deadline_s = time.monotonic() + self._timeout_s
        response = self.pool_manager.request(
            method,
            f"{url}?{urlencode(query_params)}" if query_params else url,
            body=body,
            headers=headers,
            timeout=self._timeout_s,
            preload_content=False,
            decode_content=False,
            redirect=False,
        )
        said = b""
        complete = False
        while len(said) < _BODY_READ and time.monotonic() < deadline_s:
            piece = response.read1(_BODY_READ - len(said))
            if not piece:
                complete = True
                break
            said += piece
        if complete:
            response.release_conn()
        else:
            response.close()
        named = {name.lower(): value for name, value in response.headers.items()}
        if named.get("content-encoding") == "gzip":
            said = _unzipped(said)
        self._expected = named.get("connection", "").lower() == "close"
        self.answers[:] = [Answer(response.status, named, said)]

    def _note_connection(self, connection: HTTPConnection) -> None:
        self._connections.add(connection)
        self.breaks += not self._expected
        self._expected = False

    def cut(self) -> None:
        for connection in list(self._connections):
            if connection.sock is not None:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:  # it was closed already, which is what we want
                    continue


def _tracked(pool: Any, connection: Any, note: Callable[[HTTPConnection], None]) -> Any:
    """A pool class that tells of each connection that it opens."""

    class Connection(connection):  # type: ignore[misc]  # the base comes by argument
        def connect(self) -> None:
            super().connect()
            note(self)

    class Pool(pool):  # type: ignore[misc]  # the base comes by argument
        ConnectionCls = Connection

    return Pool


def _unzipped(said: bytes) -> bytes:
    """The start of a compressed answer; a bomb stays closed beyond what we look at."""
    try:
        return zlib.decompressobj(wbits=31).decompress(said, _BODY_READ)
    except zlib.error:
        return said


def _shortly(failed: BaseException) -> str:
    reason = getattr(failed, "reason", None) or failed
    return " ".join(str(reason).split())[:200] or type(failed).__name__
