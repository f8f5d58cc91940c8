"""Keeps one line open: opens it when it is needed, and waits longer after each failure."""

import random

from agent.modbus.endpoint import Endpoint
from agent.modbus.exchange import Lost, RtuExchange, TcpExchange
from agent.modbus.pdu import BusDown
from agent.modbus.tcp import open_tcp

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 8.0
_CONNECT_S = 3.0
_RANDOM = random.SystemRandom()


class Link:
    """At most one open line to an endpoint. After a failure, `line` refuses at once until it is time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.opened = 0
        """How often the line was opened; a new number is a new conversation."""
        self._exchange: TcpExchange | RtuExchange | None = None
        self._lost: Lost = {}
        self._failures = 0
        self._next_try_s = 0.0
        self._why = BusDown("not opened yet")

    @property
    def is_open(self) -> bool:
        return self._exchange is not None and self._exchange.is_open

    async def line(self, now_s: float) -> TcpExchange | RtuExchange:
        """The open line.

        Raises:
            BusDown: it cannot be opened, or it is too early to try again.
        """
        if self._exchange is not None and self._exchange.is_open:
            return self._exchange
        if now_s < self._next_try_s:
            raise BusDown(str(self._why), refused=self._why.refused)
        try:
            self._exchange = await self._open()
        except BusDown as error:
            self._why = error
            wait_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2**self._failures)
            self._failures = min(self._failures + 1, 10)
            # a town's gateways must not all knock at the same instant after a power cut
            self._next_try_s = now_s + wait_s * _RANDOM.uniform(0.6, 1.0)
            raise
        self._failures = 0
        self.opened += 1
        return self._exchange

    def close(self) -> None:
        """Close the line; the next `line` opens it again."""
        if self._exchange is not None:
            self._exchange.close()
            self._exchange = None

    async def _open(self) -> TcpExchange | RtuExchange:
        endpoint = self.endpoint
        match endpoint.scheme:
            case "tcp":
                return await open_tcp(endpoint.host, endpoint.port, TcpExchange(), timeout_s=_CONNECT_S)
            case "rtu+tcp":
                exchange = RtuExchange(endpoint.byte_ms, self._lost)
                return await open_tcp(endpoint.host, endpoint.port, exchange, timeout_s=_CONNECT_S)
            case "rtu":
                from agent.modbus.serial import open_serial  # noqa: PLC0415  # most sites have no serial port

                exchange = RtuExchange(endpoint.byte_ms, self._lost)
                open_serial(endpoint, exchange)
                return exchange
