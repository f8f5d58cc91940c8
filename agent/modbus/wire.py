"""The only place that sends bytes to a device, and the only one that receives them.

A socket or a serial port without buffers of its own: what comes goes straight into the small
buffer of the exchange, and a request goes out whole or the line has ended.
"""

import asyncio
import os
from typing import Protocol


class Port(Protocol):
    """An open, non-blocking socket or serial port."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Receiver(Protocol):
    """Who takes what comes in."""

    def room(self) -> memoryview:
        """Where the next bytes go; never empty."""

    def received(self, size: int) -> None:
        """`size` bytes are there now."""

    def ended(self, why: str) -> None:
        """The line is closed; called once."""


class Wire:
    """One open line; closes the port when it ends."""

    def __init__(self, port: Port, receiver: Receiver) -> None:
        self._port = port
        self._fd = port.fileno()
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self.is_open = True
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._readable)

    def send(self, request: bytes) -> None:
        """Send a request. They are far smaller than any send buffer: if it does not fit, nobody reads."""
        try:
            if os.write(self._fd, request) != len(request):
                self.end("the line takes no more bytes")
        except OSError as error:
            self.end(f"the link broke ({error.strerror or error})")

    def end(self, why: str) -> None:
        """Close the line, if it is open."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._fd)
        self._port.close()
        self._receiver.ended(why)

    def _readable(self) -> None:
        try:
            size = os.readv(self._fd, (self._receiver.room(),))
        except BlockingIOError:
            return
        except OSError as error:  # a reset connection, an unplugged adapter
            self.end(f"the link broke ({error.strerror or error})")
            return
        if size:
            self._receiver.received(size)
        else:
            self.end("the device closed the connection")
