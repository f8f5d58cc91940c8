"""One connection to a broker: publishes without a task per message, notices when it is dead.

aiomqtt brings the connection, TLS and the event loop together, but its `publish`
costs a future, a time-out and a warning per pending message. This subclass hands
messages to paho directly and hears of each PUBACK by a callback. It reaches into
private names of aiomqtt 2.x, whose major version is pinned for that.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import aiomqtt
import paho.mqtt.client as paho
from aiomqtt import MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttConnectError
from aiomqtt.types import PahoSocket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.sinks.mqtt_format import Message
from gateway.sinks.mqtt_sieve import MOST_BYTES, Sieve

T = TypeVar("T")

_QUIET = logging.getLogger(f"{__name__}.client")
_QUIET.setLevel(logging.CRITICAL)  # whoever holds the link says once what breaks and what heals

DEFAULT_WINDOW = 20
"""Messages in flight at most, unless the broker allows fewer."""

_SESSION_S = 3_600
"""How long the broker keeps for us what others say while we are away."""

_FENCE = "maplebridge/fence"
"""A topic that nobody subscribes to: giving it up is answered and changes nothing."""

_WITH_WILL = 0x04
"""DISCONNECT reason: say my will (MQTT 5, table 3-10)."""

_NO_REASON = 0x80
"""What paho makes of a socket that was closed without a DISCONNECT."""

_TAKEN_OVER = 0x8E
"""DISCONNECT reason: another client connected with our client id (MQTT 5, table 3-10)."""

_VERSION_REFUSED = (0x01, 0x84)
"""Unsupported protocol version, as MQTT 3.1.1 (table 3.1) and MQTT 5 (table 3-1) number it in CONNACK."""


class ProtocolRefusedError(MqttError):
    """The broker hung up on, refused or did not answer this version of the protocol."""


class UntrustedError(MqttError):
    """TLS failed: we do not trust the broker, or it does not trust us."""


class TakenOverError(MqttError):
    """Another client has connected with our client id."""


class HungUpError(MqttError):
    """The broker closed the connection and gave no reason."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a broker is and who we are to it. Plain TCP only if `tls` is None."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None


class Link(aiomqtt.Client, Generic[T]):
    """A connection whose messages carry a token that comes back with the PUBACK.

    Args:
        target: the broker.
        version: MQTT 5 or 3.1.1.
        will: what the broker says when we vanish.
        on_ack: called with (token, None) or (token, the broker's reason for refusing).
        on_message: called with (topic, payload) of what others say on our subscriptions.
        on_news: called after acknowledgements and messages, and when the connection is lost.
        keepalive_s: a silent broker is noticed after about 1.3 times this.
        timeout_s: for connecting and for the broker's CONNACK.
        lasting: the broker keeps for an hour what others say while we are away.
    """

    def __init__(
        self,
        target: Target,
        version: ProtocolVersion,
        will: Will,
        *,
        on_ack: Callable[[T, ReasonCode | None], None],
        on_message: Callable[[str, bytes], None],
        on_news: Callable[[], None],
        keepalive_s: int,
        timeout_s: float,
        lasting: bool = False,
    ) -> None:
        newer = version is ProtocolVersion.V5
        super().__init__(
            target.host,
            target.port,
            identifier=target.client_id,
            username=target.username,
            password=target.password,
            tls_context=target.tls,
            protocol=version,
            will=will,
            keepalive=keepalive_s,
            timeout=timeout_s,
            logger=_QUIET,
            max_inflight_messages=DEFAULT_WINDOW,
            max_queued_outgoing_messages=DEFAULT_WINDOW,
            max_queued_incoming_messages=1,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
            clean_session=None if newer else not lasting,
            clean_start=not lasting if newer else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties(lasting=lasting) if newer else None,
        )
        self._client.connect_timeout = timeout_s
        self._sieve = Sieve(self._client)
        self._secure = target.tls is not None
        self._untrusted: ssl.SSLError | None = None
        self._taken_over = self._hung_up = False
        self._on_ack = on_ack
        self._heard = on_message
        self._on_news = on_news
        self._tokens: dict[int, T] = {}
        self._moved_s = 0.0
        self._aborted = False
        self._reached = False
        self._loose: deque[T] = deque()
        """Of messages at QoS 0, in order."""
        self._fence: tuple[int, int] | None = None
        """A packet that will be answered, and how many of the loose ones went before it."""
        self._asked: dict[int, tuple[str, ...]] = {}
        self.window = DEFAULT_WINDOW
        self.max_bytes: int | None = None
        self.deaf: tuple[str, ...] = ()
        """Subscriptions that the broker did not grant."""

    async def open(self) -> None:
        """Connect.

        Raises:
            ProtocolRefusedError: try an older version.
            UntrustedError: TLS failed; nothing is ever tried without it.
            MqttConnectError: the broker refuses us, with its reason.
            MqttError: no connection, or no answer in time.
        """
        opened = False
        try:
            await self.__aenter__()
            opened = True
        except MqttConnectError as refused:
            if refused.rc in _VERSION_REFUSED:
                raise ProtocolRefusedError(str(refused)) from None
            raise
        except MqttError as failed:
            if (untrusted := self._untrusted or self._sieve.broken) is not None:
                raise UntrustedError(str(untrusted)) from failed
            if self._reached and not isinstance(failed, ProtocolRefusedError):
                raise ProtocolRefusedError("the broker took the connection and said nothing") from failed
            raise
        finally:
            if not opened:
                self.abort()
        self._moved_s = time.monotonic()
        self._disconnected.add_done_callback(self._note_loss)

    def send(self, message: Message, token: T) -> None:
        """Hand a message over. At QoS 0 it counts as acknowledged when the broker answers to something later.

        Raises:
            MqttError: the connection is gone.
        """
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise MqttError(f"cannot publish: {paho.error_string(info.rc)}")
        if not self.in_flight:
            self._moved_s = time.monotonic()
        if message.qos == 0:
            self._loose.append(token)
            self._set_fence()
        else:
            self._tokens[info.mid] = token

    def _set_fence(self) -> None:
        """Something harmless that is answered: the broker has read all that went before it."""
        if self._loose and self._fence is None:
            rc, mid = self._client.unsubscribe(_FENCE)
            if rc == paho.MQTT_ERR_SUCCESS and mid is not None:
                self._fence = mid, len(self._loose)

    def listen(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 1; what the broker does not grant is told by `deaf`.

        Raises:
            MqttError: the connection is gone.
        """
        rc, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if rc != paho.MQTT_ERR_SUCCESS or mid is None:
            raise MqttError(f"cannot subscribe: {paho.error_string(rc)}")
        self._asked[mid] = tuple(topics)

    @property
    def in_flight(self) -> int:
        return len(self._tokens) + len(self._loose)

    @property
    def room(self) -> int:
        return self.window - self.in_flight

    @property
    def reached(self) -> bool:
        """Whether the broker's port took the connection."""
        return self._reached

    @property
    def dropped(self) -> int:
        """Messages of others that were too large to look at."""
        return self._sieve.dropped

    def stalled_s(self) -> float:
        """How long messages have waited since the last acknowledgement; 0 when none waits."""
        return time.monotonic() - self._moved_s if self.in_flight else 0.0

    def check(self) -> None:
        """Raises:
        MqttError: the connection is lost, and why.
        """
        if self._taken_over:
            raise TakenOverError("another client uses our client id")
        if self._disconnected.done():
            if self._hung_up:
                raise HungUpError("the broker closed the connection without a reason")
            why = self._disconnected.exception()
            raise MqttError(str(why) if why is not None else "the broker ended the connection")

    async def close(self, *, with_will: bool = False) -> None:
        """Say goodbye; never longer than the time-out.

        Args:
            with_will: the broker shall say the will all the same, where it can (MQTT 5).
        """
        try:
            if with_will and self._client.protocol == paho.MQTTv5:
                self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))
                await self._wait_for(self._disconnected, timeout=None)
            else:
                await self.__aexit__(None, None, None)
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once, whatever state it is in."""
        self._aborted = True
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        self._client._sock_close()  # noqa: SLF001  # paho's only way to close without a DISCONNECT packet
        if self._lock.locked():
            self._lock.release()

    def _client_connect(self) -> None:
        try:
            super()._client_connect()
        except ssl.SSLError as untrusted:
            self._untrusted = untrusted
            raise

    def _note_loss(self, lost: "asyncio.Future[None]") -> None:
        if not lost.cancelled():
            lost.exception()  # retrieved here, told by `check`
        self._on_news()

    def _on_socket_open(self, client: paho.Client, userdata: Any, sock: PahoSocket) -> None:
        if self._aborted:  # given up while the connecting thread was still busy
            sock.close()
            return
        self._reached = True
        super()._on_socket_open(client, userdata, sock)

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if properties is not None:
            self.window = min(self.window, getattr(properties, "ReceiveMaximum", self.window))
            self.max_bytes = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            said = "the broker hung up before it answered"
            refused = UntrustedError(said) if self._secure else ProtocolRefusedError(said)
            self._connected.set_exception(refused)
            return
        self._taken_over = self._taken_over or reason_code.value == _TAKEN_OVER
        self._hung_up = reason_code.value == _NO_REASON
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if mid not in self._tokens:
            return
        token = self._tokens.pop(mid)
        self._moved_s = time.monotonic()
        self._on_ack(token, reason_code if reason_code.is_failure else None)
        self._on_news()

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self._heard(message.topic, bytes(message.payload))
        self._on_news()

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,
    ) -> None:
        asked = self._asked.pop(mid, ())
        self.deaf += tuple(
            topic for topic, reason in zip(asked, reason_codes, strict=False) if reason.is_failure
        )
        self._on_news()

    def _on_unsubscribe(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,
    ) -> None:
        if self._fence is None or self._fence[0] != mid:
            return
        _, count = self._fence
        self._fence = None
        self._moved_s = time.monotonic()
        for _ in range(count):
            self._on_ack(self._loose.popleft(), None)
        self._set_fence()
        self._on_news()


def _connect_properties(*, lasting: bool) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = MOST_BYTES
    if lasting:
        properties.SessionExpiryInterval = _SESSION_S
    return properties
