"""What whoever reads units needs of a bus; `Bus` has it, and so has a seat on a running gateway's bus."""

from typing import Protocol

from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint
from agent.modbus.identity import Identity


class Reader(Protocol):
    """Asks units on one line, one request at a time. Errors are those of `agent.modbus.pdu`."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def opened(self) -> int: ...

    @property
    def is_open(self) -> bool: ...

    async def fetch(self, unit: int, span: Span, *, timeout_ms: float | None = None) -> bytes: ...

    async def identify(self, unit: int, *, timeout_ms: float | None = None) -> Identity: ...

    def probe_timeout_ms(self, unit: int) -> float: ...

    def close(self) -> None: ...
