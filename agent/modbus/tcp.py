"""Opens TCP connections to devices and to serial servers."""

import asyncio
import socket
from contextlib import ExitStack

from agent.modbus.pdu import BusDown


async def open_tcp(host: str, port: int, *, timeout_s: float) -> socket.socket:
    """A connected socket.

    Raises:
        BusDown: nobody there, refused, or no answer within `timeout_s`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _connect(host, port)
    except TimeoutError:
        raise BusDown(f"{host}:{port} does not answer") from None
    except ConnectionRefusedError:
        raise BusDown(f"{host}:{port} refuses the connection", refused=True) from None
    except OSError as error:
        raise BusDown(f"{host}:{port} cannot be reached ({error.strerror or error})") from None
    except UnicodeError as error:  # from the encoding of host names
        raise BusDown(f"{host!r} is no name of a host ({error})") from None


async def _connect(host: str, port: int) -> socket.socket:
    """The first address of the host that takes the connection; the last one's error where none does."""
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    refusal: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in addresses:
        try:
            with ExitStack() as unless_connected:
                sock = socket.socket(family, kind, protocol)
                unless_connected.callback(sock.close)
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                await loop.sock_connect(sock, address)
                unless_connected.pop_all()
                return sock
        except OSError as error:
            refusal = error
    raise refusal
