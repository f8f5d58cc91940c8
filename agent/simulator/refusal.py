"""Exception replies (Modbus Application Protocol V1.1b3, 7)."""

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
TARGET_SILENT = 11


def refusal(pdu: bytes, code: int) -> bytes:
    """The exception reply to a request."""
    return bytes((pdu[0] | 0x80, code))
