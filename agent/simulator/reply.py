"""What a simulated unit sends back: first as content with labels, then as bytes with pauses. Pure."""

from dataclasses import dataclass

from agent.modbus.pdu import crc16


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply before it is put into bytes; each label can be a wrong one.

    Args:
        request: what was asked, function code first.
        unit: who says it.
        pdu: what it says, function code first.
        transaction: of Modbus TCP; None on a serial line.
        protocol: of Modbus TCP, 0 if right.
        length: what the Modbus TCP header says in place of the true one.
    """

    request: bytes
    unit: int
    pdu: bytes
    transaction: int | None = None
    protocol: int = 0
    length: int | None = None

    def framed(self) -> bytes:
        """The frame: with a header for TCP, with a checksum for a serial line."""
        return self._frame(self.pdu)

    def echo(self) -> bytes:
        """The request's own frame, as an adapter that hears itself brings it back."""
        return self._frame(self.request)

    def _frame(self, pdu: bytes) -> bytes:
        body = bytes((self.unit,)) + pdu
        if self.transaction is None:
            return body + crc16(body).to_bytes(2, "little")
        length = len(body) if self.length is None else self.length
        return self.transaction.to_bytes(2) + self.protocol.to_bytes(2) + length.to_bytes(2) + body


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that come together, and the pause before them."""

    data: bytes
    after_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Sending:
    """What goes to the wire in answer to one request; `closes`: then the connection ends."""

    pieces: tuple[Piece, ...]
    closes: bool = False
