"""What a station says to a site: receipts, and requests of its desk. Nothing else is listened to."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson
import structlog

from gateway.failure import Failure
from gateway.sinks.mqtt_json import Topics
from gateway.sinks.mqtt_receipts import Confirmed, ReceiptError, parse_receipt

log = structlog.get_logger(__name__)

AskDesk: TypeAlias = Callable[[Mapping[str, Any], str], Awaitable[None]]
"""Puts a request of a station (its id) to the site's desk, which answers it in `changes`.

Raises a Failure while the desk cannot say; it is then asked again.
"""

_MOST_REQUESTS = 100
_SAID_EACH_S = 60.0
_AGAIN_S = 3.0


class Station:
    """The station that a broker brings us together with.

    Args:
        station: its id.
        topics: the site's topic names.
        sink: the broker's name, for the log.
        confirmed: takes the ranges of a receipt; says how many of them nobody waits for.
        ask_desk: the site's desk.
    """

    def __init__(
        self,
        station: str,
        topics: Topics,
        sink: str,
        *,
        confirmed: Callable[[Sequence[Confirmed]], int],
        ask_desk: AskDesk,
    ) -> None:
        self.unknown = 0
        """Ranges of receipts that named nothing that is awaited."""
        self.dropped = 0
        """Messages that were no receipts or requests, or more requests than can be taken."""
        self.topics: Sequence[str] = (topics.receipts, topics.requests)
        self._station = station
        self._receipts, self._requests = self.topics
        self._sink = sink
        self._confirmed = confirmed
        self._ask_desk = ask_desk
        self._asked: deque[Mapping[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._quiet_until_s = 0.0

    def heard(self, topic: str, payload: bytes) -> bool:
        """Take a message in; whether the topic is the station's at all."""
        if topic == self._receipts:
            self._take_receipt(payload)
        elif topic == self._requests:
            self._take_request(payload)
        else:
            return False
        return True

    def _take_receipt(self, payload: bytes) -> None:
        try:
            ranges = parse_receipt(payload, self._station)
        except ReceiptError as error:
            self._drop(f"a receipt cannot be read: {error}")
        else:
            self.unknown += self._confirmed(ranges)

    def _take_request(self, payload: bytes) -> None:
        try:
            request = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            self._drop(f"a request is not JSON: {error}")
            return
        if not isinstance(request, dict):
            self._drop("a request is no object")
        elif len(self._asked) >= _MOST_REQUESTS:
            self._drop(f"more than {_MOST_REQUESTS} requests wait")
        else:
            self._asked.append(request)
            self._wake.set()

    def _drop(self, why: str) -> None:
        """Said once a minute at most: whoever may publish here must not fill the log."""
        self.dropped += 1
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._quiet_until_s:
            log.warning("mqtt.dropped", sink=self._sink, why=why[:300], dropped=self.dropped)
            self._quiet_until_s = now_s + _SAID_EACH_S

    async def run(self) -> None:
        """Put the requests to the desk, one after the other, until cancelled."""
        while True:
            self._wake.clear()
            while self._asked:
                try:
                    await self._ask_desk(self._asked[0], self._station)
                except Failure as refusal:
                    log.warning("mqtt.request_waits", sink=self._sink, why=str(refusal))
                    await asyncio.sleep(_AGAIN_S)
                else:
                    self._asked.popleft()
            await self._wake.wait()
