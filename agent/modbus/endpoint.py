"""A bus's URL: what to open, and what its line costs.

tcp://host:502
rtu:///dev/serial/by-id/x?baudrate=9600&parity=N&stopbits=1
rtu+tcp://host:port[?baudrate=9600]     the speed of the line behind the serial server
"""

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlsplit

from agent.modbus.plan import LineCost

Scheme = Literal["tcp", "rtu", "rtu+tcp"]

_DEFAULT_PORT = 502
_ALLOWED: dict[str, dict[str, tuple[str, ...] | None]] = {
    "tcp": {},
    "rtu+tcp": {"baudrate": None},
    "rtu": {"baudrate": None, "parity": ("N", "E", "O"), "stopbits": ("1", "2"), "bytesize": ("7", "8")},
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed URL; `host`/`port` for sockets, `path` for a serial port."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    path: str = ""
    baudrate: int = 9_600
    parity: str = "N"
    stopbits: int = 1
    bytesize: int = 8

    @property
    def is_rtu(self) -> bool:
        """Frames end with a CRC and carry no transaction id."""
        return self.scheme != "tcp"

    @property
    def byte_ms(self) -> float:
        """Time of one byte on the serial line."""
        bits = 1 + self.bytesize + (self.parity != "N") + self.stopbits
        return 1_000 * bits / self.baudrate

    @property
    def silence_ms(self) -> float:
        """The silence between two serial frames (Modbus over Serial Line V1.02, 2.5.1.1)."""
        return 1.75 if self.baudrate > 19_200 else 3.5 * self.byte_ms

    def cost(self, gap_ms: float = 0) -> LineCost:
        """What a request costs here; `gap_ms` is the pause that the device wants."""
        if not self.is_rtu:
            return LineCost(
                byte_ms=_TCP_BYTE_MS, turnaround_ms=_TCP_TURNAROUND_MS + gap_ms, overhead_bytes=21
            )
        pause_ms = max(self.silence_ms, gap_ms)
        return LineCost(byte_ms=self.byte_ms, turnaround_ms=_RTU_TURNAROUND_MS + pause_ms, overhead_bytes=13)


# Assumptions of the cost model. Devices with an own network port answer in 5 to 20 ms whatever the
# width; the price of a byte stands for the device's own copying, so that a gap is not bridged for nothing.
_TCP_TURNAROUND_MS = 10.0
_TCP_BYTE_MS = 0.05
_RTU_TURNAROUND_MS = 12.0


def parse_url(text: str) -> Endpoint:
    """Read a bus's URL.

    Raises:
        ValueError: `"message; remedy"`.
    """
    example = "write tcp://host:502, rtu:///dev/ttyUSB0?baudrate=9600 or rtu+tcp://host:port"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a bus address ({error}); {example}") from None
    if url.scheme not in get_args(Scheme):
        raise ValueError(f"{text!r} is not a bus address; {example}")
    if url.password or url.username or url.fragment:
        raise ValueError(f"the bus address of {url.hostname!r} holds more than an address; {example}")
    options = _options(url.scheme, url.query)
    if url.scheme == "rtu":
        if url.netloc or not url.path.strip("/"):
            raise ValueError(
                f"{text!r} names no serial port; write three slashes: rtu:///dev/ttyUSB0?baudrate=9600"
            )
        return Endpoint(
            "rtu",
            path=url.path,
            baudrate=_baudrate(options),
            parity=options.get("parity", "N"),
            stopbits=int(options.get("stopbits", "1")),
            bytesize=int(options.get("bytesize", "8")),
        )
    if not url.hostname or url.path.strip("/"):
        raise ValueError(f"{text!r} names no host; {example}")
    if url.scheme == "tcp":
        return Endpoint("tcp", host=url.hostname, port=port or _DEFAULT_PORT)
    if port is None:
        raise ValueError(f"{text!r} names no port; write rtu+tcp://host:port")
    return Endpoint("rtu+tcp", host=url.hostname, port=port, baudrate=_baudrate(options))


def _options(scheme: str, query: str) -> dict[str, str]:
    allowed = _ALLOWED[scheme]
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in allowed:
            known = ", ".join(allowed) or "none"
            raise ValueError(f"{name!r} is no option of a {scheme} address; known options: {known}")
        choices = allowed[name]
        if choices is not None and value not in choices:
            raise ValueError(f"{name}={value} is not possible; use one of {', '.join(choices)}")
    return options


def _baudrate(options: dict[str, str]) -> int:
    text = options.get("baudrate", "9600")
    if not (text.isascii() and text.isdigit() and 300 <= int(text) <= 4_000_000):
        raise ValueError(f"baudrate={text} is not possible; write a number such as 9600")
    return int(text)
