"""A small broker in this process, for the demo and for tests; nothing for a site that counts on it.

amqtt speaks MQTT 3.1.1 only and keeps nothing over a restart. Everybody may
connect, so it listens on this machine only. Importing it costs about 8 MB: only
do so when it is configured.
"""

import asyncio
import ipaddress
import logging

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError as AmqttBrokerError

from gateway.failure import Failure


class BrokerError(Failure):
    """The embedded broker cannot listen where it should; the message says how to mend it."""


class EmbeddedBroker:
    """A broker at `address`, e.g. `127.0.0.1:1883`; port 0 takes a free one.

    Raises:
        BrokerError: the address is none, or is not on this machine.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise BrokerError(f"{address!r} is no address for a broker; write 127.0.0.1:1883")
        if not _is_loopback(host):
            raise BrokerError(
                f"the embedded broker asks for no password and {host} can be reached by others; "
                "use 127.0.0.1, or a broker of its own by url"
            )
        self._host = host.strip("[]")
        self._port = int(port)
        self._broker: Broker | None = None

    async def start(self) -> tuple[str, int]:
        """Listen; the host and port that clients connect to.

        Raises:
            BrokerError: the port is taken.
        """
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        listener = ListenerConfig(bind=f"{self._host}:{self._port}")
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        broker = Broker(BrokerConfig(listeners={"default": listener}, plugins=plugins))
        try:
            await broker.start()
        except AmqttBrokerError as failed:
            raise BrokerError(
                f"the embedded broker cannot listen on {self._host}:{self._port} ({failed}); "
                "choose another port"
            ) from failed
        self._broker = broker
        server = broker._servers["default"].instance  # noqa: SLF001  # amqtt does not tell the port it got
        if isinstance(server, asyncio.Server):
            self._port = server.sockets[0].getsockname()[1]
        return self._host, self._port

    async def stop(self) -> None:
        if self._broker is not None:
            await self._broker.shutdown()
            self._broker = None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
