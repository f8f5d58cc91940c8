"""Keeps one line open: opens it when it is needed, and waits longer after each failure."""

import random

from agent.modbus.endpoint import Endpoint
from agent.modbus.exchange import RtuExchange, TcpExchange
from agent.modbus.late import LateReplies
from agent.modbus.pdu import BusDown
from agent.modbus.tcp import open_tcp
from agent.modbus.wire import Port, Wire

_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 5.0
"""With the slots of a device each 5 s, whatever ends is over within 10 s."""
_CONNECT_S = 3.0
_RANDOM = random.SystemRandom()


class Link:
    """At most one open line to an endpoint. After a failure, `line` refuses at once until it is time.

    Args:
        endpoint: what to open.
        late: on a serial line, the replies that may still come from before.
    """

    def __init__(self, endpoint: Endpoint, late: LateReplies) -> None:
        self.endpoint = endpoint
        self.opened = 0
        """How often the line was opened; a new number is a new conversation."""
        self.exchange: TcpExchange | RtuExchange | None = None
        """The last line that was opened; it may have ended since."""
        self._late = late
        self._failures = 0
        self._broken = 0
        self._next_try_s = 0.0
        self._why = BusDown("not opened yet")
        self._device: tuple[int, int] | None = None

    @property
    def is_open(self) -> bool:
        return self.exchange is not None and self.exchange.is_open

    async def line(self, now_s: float) -> TcpExchange | RtuExchange:
        """The open line.

        Raises:
            BusDown: it cannot be opened, or it is too early to try again.
        """
        if self.exchange is not None:
            if self.exchange.is_open:
                return self.exchange
            self._note_end(self.exchange, now_s)
            self.exchange = None
        if now_s < self._next_try_s:
            raise BusDown(str(self._why), refused=self._why.refused)
        try:
            self.exchange = await self._open()
        except BusDown as error:
            self._failures += 1
            self._wait(error, self._failures, now_s)
            raise
        self._failures = 0
        self.opened += 1
        return self.exchange

    def close(self) -> None:
        """Close the line; the next `line` opens it again."""
        if self.exchange is not None:
            self.exchange.close()
            self.exchange = None

    def close_if_moved(self) -> None:
        """Close a serial port whose name leads elsewhere now: the adapter came back as another device."""
        if self._device is not None:
            from agent.modbus.serial import device_of  # noqa: PLC0415  # most sites have no serial port

            if device_of(self.endpoint.path) != self._device:
                self.close()

    def _note_end(self, ended: TcpExchange | RtuExchange, now_s: float) -> None:
        """A peer that takes connections only to end them is not called again and again without a pause."""
        self._broken = self._broken + 1 if ended.is_useless else 0
        if self._broken > 1:
            self._wait(BusDown("the device ends every connection"), self._broken - 1, now_s)

    def _wait(self, why: BusDown, failures: int, now_s: float) -> None:
        self._why = why
        wait_s = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(failures - 1, 10))
        # a town's gateways must not all knock at the same instant after a power cut
        self._next_try_s = now_s + wait_s * _RANDOM.uniform(0.6, 1.0)

    async def _open(self) -> TcpExchange | RtuExchange:
        endpoint = self.endpoint
        exchange: TcpExchange | RtuExchange
        if endpoint.scheme == "tcp":
            exchange = TcpExchange()
        else:
            exchange = RtuExchange(endpoint.byte_ms, endpoint.silence_ms, self._late)
        port: Port
        if endpoint.scheme == "rtu":
            from agent.modbus.serial import device_of, open_serial  # noqa: PLC0415  # see above

            self._device = device_of(endpoint.path)
            port = open_serial(endpoint)
        else:
            port = await open_tcp(endpoint.host, endpoint.port, timeout_s=_CONNECT_S)
        exchange.use(Wire(port, exchange))
        return exchange
