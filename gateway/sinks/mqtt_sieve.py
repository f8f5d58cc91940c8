"""Keeps what others send small: a message that is too large is read over, never into memory.

MQTT 5 brokers keep to the largest packet that a client names; older ones send whatever they were
given. This stands between the socket and paho and reaches into private names of paho 2.x, whose
major version is pinned for that.
"""

import ssl

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

MOST_BYTES = 131_072
"""Of a packet from the broker. The largest honest ones are receipts: a range takes about 60 bytes."""
_CHUNK = 65_536
_CHUNKS_AT_ONCE = 50


class Sieve:
    """Guards one paho client.

    Args:
        client: not connected yet.
    """

    def __init__(self, client: paho.Client) -> None:
        self.dropped = 0
        """Messages that were too large."""
        self.broken: ssl.SSLError | None = None
        """What TLS said when reading failed."""
        self._client = client
        self._to_skip = 0
        self._recv = client._sock_recv  # noqa: SLF001  # as the module's docstring says
        self._read = client._packet_read  # noqa: SLF001
        client._sock_recv = self._sock_recv  # type: ignore[method-assign]  # noqa: SLF001
        client._packet_read = self._packet_read  # type: ignore[method-assign]  # noqa: SLF001

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MOST_BYTES:  # paho asks for the rest of a packet whose length it has just read
            self.dropped += 1
            self._to_skip = bufsize
            raise BlockingIOError
        try:
            return self._recv(bufsize)
        except ssl.SSLError as broken:
            self.broken = broken
            raise

    def _packet_read(self) -> MQTTErrorCode:
        return self._skip() if self._to_skip else self._read()

    def _skip(self) -> MQTTErrorCode:
        for _ in range(_CHUNKS_AT_ONCE):
            try:
                read = len(self._recv(min(_CHUNK, self._to_skip)))
            except BlockingIOError:
                return MQTTErrorCode.MQTT_ERR_AGAIN
            except OSError:
                return MQTTErrorCode.MQTT_ERR_CONN_LOST
            if not read:
                return MQTTErrorCode.MQTT_ERR_CONN_LOST
            self._to_skip -= read
            if not self._to_skip:
                self._client._in_packet = {  # noqa: SLF001  # as paho itself begins a packet
                    "command": 0,
                    "have_remaining": 0,
                    "remaining_count": [],
                    "remaining_mult": 1,
                    "remaining_length": 0,
                    "packet": bytearray(b""),
                    "to_process": 0,
                    "pos": 0,
                }
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return MQTTErrorCode.MQTT_ERR_AGAIN
