"""Opens serial ports: configured by pyserial, and locked."""

import termios
from pathlib import Path

from serial import Serial, SerialException

from agent.modbus.endpoint import Endpoint
from agent.modbus.pdu import BusDown


def open_serial(endpoint: Endpoint) -> Serial:
    """The open and locked port, with nothing left in it from before.

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
    except (OSError, termios.error) as error:  # the adapter was pulled just now
        port.close()
        raise BusDown(f"{endpoint.path} is gone ({error})") from None
    return port


def device_of(path: str) -> tuple[int, int] | None:
    """Which device a path leads to just now; None where it leads nowhere.

    The name under /dev/serial/by-id stays when an adapter comes back as another device.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_rdev, status.st_ino
