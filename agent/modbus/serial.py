"""A serial port as a transport: configured by pyserial, locked, read through the event loop."""

import asyncio
import os
import termios

from serial import Serial, SerialException

from agent.modbus.endpoint import Endpoint
from agent.modbus.exchange import Exchange
from agent.modbus.pdu import BusDown


class SerialWire:
    """Feeds a `BufferedProtocol` from a serial port, as asyncio does from a socket."""

    def __init__(self, port: Serial, protocol: Exchange) -> None:
        self._port = port
        self._fd: int = port.fileno()
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        os.set_blocking(self._fd, False)
        protocol.connection_made(self)
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Send a request; they are short enough to go out whole, else the port is broken."""
        try:
            if os.write(self._fd, data) != len(data):
                self._end(OSError("the serial port takes no more bytes"))
        except OSError as error:
            self._end(error)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._end(None)

    def _readable(self) -> None:
        try:
            size = os.readv(self._fd, [self._protocol.get_buffer(-1)])
        except BlockingIOError:
            return
        except OSError as error:  # an unplugged adapter
            self._end(error)
            return
        if size:
            self._protocol.buffer_updated(size)
        else:
            self._end(OSError("the serial port is gone"))

    def _end(self, why: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._fd)
        self._port.close()
        self._loop.call_soon(self._protocol.connection_lost, why)


def open_serial(endpoint: Endpoint, exchange: Exchange) -> Exchange:
    """Open and lock the port, and let `exchange` own it.

    Raises:
        BusDown: no such port, no permission, another process holds it, or it was pulled meanwhile.
    """
    try:
        port = Serial(
            endpoint.path,
            baudrate=endpoint.baudrate,
            bytesize=endpoint.bytesize,
            parity=endpoint.parity,
            stopbits=endpoint.stopbits,
            timeout=0,
            exclusive=True,
        )
    except SerialException as error:
        why = "another process holds it" if "lock" in str(error) else error.strerror or str(error)
        raise BusDown(f"{endpoint.path} cannot be opened ({why})") from None
    except (OSError, ValueError, termios.error) as error:
        raise BusDown(f"{endpoint.path} cannot be opened ({error})") from None
    try:
        port.reset_input_buffer()
        SerialWire(port, exchange)
    except (OSError, termios.error) as error:  # the adapter was pulled just now
        port.close()
        raise BusDown(f"{endpoint.path} is gone ({error})") from None
    return exchange
