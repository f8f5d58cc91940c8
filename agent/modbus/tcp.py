"""Opens TCP connections to devices and to serial servers."""

import asyncio
import socket
from typing import TypeVar

from agent.modbus.exchange import Exchange
from agent.modbus.pdu import BusDown

E = TypeVar("E", bound=Exchange)


async def open_tcp(host: str, port: int, exchange: E, *, timeout_s: float) -> E:
    """Connect, and let `exchange` own the connection.

    Raises:
        BusDown: nobody there, refused, or no answer within `timeout_s`.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await loop.create_connection(lambda: exchange, host, port)
    except TimeoutError:
        raise BusDown(f"{host}:{port} does not answer") from None
    except ConnectionRefusedError:
        raise BusDown(f"{host}:{port} refuses the connection", refused=True) from None
    except OSError as error:
        raise BusDown(f"{host}:{port} cannot be reached ({error.strerror or error})") from None
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return exchange
