"""News for all viewers: each change encoded once, the same bytes to everybody, one write a second.

Frames are gathered for a second and the newest of each device goes out. What was sent
stays in a bounded ring, so a viewer who lost the link gets exactly what was missed.
While nobody watches, and nobody did for a minute, nothing is encoded.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import orjson
import structlog
from prometheus_client import Counter, Gauge

from agent.reading import Frame
from gateway.console.device_view import DeviceView, frame_document, headline
from gateway.console.open_tickets import OpenTickets
from gateway.console.picture import Picture
from gateway.console.ports import ConsolePorts, DeviceFacts, Json
from gateway.console.site_view import SiteView

log = structlog.get_logger(__name__)

Detail: TypeAlias = Literal["fleet", "site", "device"]

WINDOW_S = 1.0
TICK_EVERY = 2
"""Windows between two ticks."""
RING_BYTES = 4_000_000
VIEWER_BYTES = 1_000_000
"""What may wait for one viewer before it is cut off."""
_UNWATCHED_WINDOWS = 60

VIEWERS = Gauge("maplebridge_console_viewers", "Open event streams")
DROPPED = Counter("maplebridge_console_viewers_dropped", "Event streams cut off because they read too slowly")


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of the ring, encoded. `brief` is its form for detail=site, where that differs."""

    number: int
    kind: str
    full: bytes
    brief: bytes | None = None

    def bytes_for(self, detail: Detail) -> bytes:
        if self.kind == "frame" and detail == "fleet":
            return b""
        return self.brief if detail == "site" and self.brief is not None else self.full


@dataclass(eq=False, slots=True)
class Viewer:
    """One open stream. `abort` cuts its connection when it reads too slowly."""

    detail: Detail
    sites: frozenset[str] | None
    alive: Callable[[], bool]
    abort: Callable[[], None]
    _waiting: deque[bytes] = field(default_factory=deque)
    _bytes: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _over: bool = False

    def push(self, chunk: bytes) -> bool:
        """False when too much waits already."""
        if self._bytes + len(chunk) > VIEWER_BYTES:
            return False
        self._waiting.append(chunk)
        self._bytes += len(chunk)
        self._news.set()
        return True

    def end(self) -> None:
        self._over = True
        self._news.set()

    async def next(self) -> bytes | None:
        """All that waits, in one piece; None once the stream is over."""
        await self._news.wait()
        if self._over:
            return None
        self._news.clear()
        chunk = b"".join(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return chunk


class Hub:
    """Turns the news of `Live` into streams. `run` is its one task."""

    def __init__(
        self,
        ports: ConsolePorts,
        picture: Picture,
        views: tuple[SiteView, DeviceView],
        tickets: OpenTickets,
        *,
        window_s: float = WINDOW_S,
    ) -> None:
        self._ports = ports
        self._picture = picture
        self._site_view, self._device_view = views
        self._tickets = tickets
        self._window_s = window_s
        self._viewers: set[Viewer] = set()
        self._ring: deque[Sent] = deque()
        self._ring_bytes = 0
        self._numbers = itertools.count(1)
        self._last_number = 0
        self._frames: dict[str, Frame] = {}
        self._alerts: list[Json] = []
        self._unwatched = _UNWATCHED_WINDOWS
        self._epoch = ports.clock.boot
        self._ended = False

    async def run(self) -> None:
        """Serve the viewers until cancelled; then all streams end."""
        stop_listening = self._ports.live.listen(self._on_news)
        stop_watching = self._picture.watch()
        try:
            await self._tickets.load()
            for window in itertools.count(1):
                await asyncio.sleep(self._window_s)
                await self._tickets.refresh()
                self._window(tick=window % TICK_EVERY == 0)
        finally:
            stop_watching()
            stop_listening()
            self.end()

    def end(self) -> None:
        """End all streams, and those that come after."""
        self._ended = True
        for viewer in list(self._viewers):
            viewer.end()

    def join(self, viewer: Viewer, last_event_id: str | None) -> None:
        """Add a viewer, who first gets what was missed, else the present picture."""
        if not self._viewers and self._unwatched >= _UNWATCHED_WINDOWS:
            self._frames.clear()
            self._alerts.clear()
        if self._ended:
            viewer.end()
        self._viewers.add(viewer)
        self._unwatched = 0
        VIEWERS.set(len(self._viewers))
        missed = None if last_event_id is None else self._missed(last_event_id)
        if missed is not None:
            viewer.push(b"".join([b"retry: 2000\n\n", *(e.bytes_for(viewer.detail) for e in missed)]))
            return
        parts = [b"retry: 2000\n\n"]
        if last_event_id is not None:
            parts.append(_event("reset", {"now": self._ports.clock.utc_ms()}))
        parts.append(_event("snapshot", self._snapshot(viewer), f"{self._epoch}-{self._last_number}"))
        viewer.push(b"".join(parts))

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        VIEWERS.set(len(self._viewers))

    def _missed(self, last_event_id: str) -> list[Sent] | None:
        """The events after that one; None where the ring does not know."""
        epoch, _, number = last_event_id.rpartition("-")
        if epoch != self._epoch or not number.isdecimal() or len(number) > 15:
            return None
        after = int(number)
        oldest = self._ring[0].number if self._ring else self._last_number + 1
        if not oldest - 1 <= after <= self._last_number:
            return None
        return [sent for sent in self._ring if sent.number > after]

    def _snapshot(self, viewer: Viewer) -> Json:
        devices, alerts = self._ports.devices(), list(self._ports.open_alerts())
        wanted = viewer.sites is None or self._ports.site.id in viewer.sites
        document: Json = {"now": self._ports.clock.utc_ms(), "sites": [], "devices": [], "alerts": []}
        document["tickets"] = []
        if wanted:
            document["sites"] = [self._site(viewer.detail, devices, alerts)]
            document["alerts"] = alerts
            document["tickets"] = list(self._tickets.all())
            if viewer.detail != "fleet":
                document["devices"] = [
                    self._device_view.summary(device, alerts, self._ports.last_poll(device.id))
                    for device in devices.values()
                ]
        return document

    def _site(self, detail: Detail, devices: Mapping[str, DeviceFacts], alerts: list[Json]) -> Json:
        if detail == "fleet":
            return self._site_view.summary(devices, alerts, self._tickets.all())
        return self._site_view.full(devices, alerts, self._tickets.all(), with_members=False)

    def _on_news(self, kind: str, news: object) -> None:
        if kind == "ticket":
            self._tickets.changed(str(news))
        elif self._unwatched >= _UNWATCHED_WINDOWS:
            return
        elif kind == "frame" and isinstance(news, Frame):
            self._frames[news.device] = news
        elif kind == "alert" and isinstance(news, dict):
            self._alerts.append(news)

    def _window(self, *, tick: bool) -> None:
        tickets = self._tickets.take_changes()
        if not self._viewers:
            self._unwatched = min(self._unwatched + 1, _UNWATCHED_WINDOWS)
            if self._unwatched >= _UNWATCHED_WINDOWS:
                self._forget()
                return
        fresh = [
            *(self._encode_frame(frame) for frame in self._frames.values()),
            *(self._encode("alert", alert) for alert in self._alerts),
            *(self._encode("ticket", ticket) for ticket in tickets),
        ]
        self._frames.clear()
        self._alerts.clear()
        self._keep(fresh)
        if self._viewers:
            self._send(fresh, tick=tick)

    def _send(self, fresh: Iterable[Sent], *, tick: bool) -> None:
        devices = self._ports.devices()
        alerts = list(self._ports.open_alerts())
        site_id = self._ports.site.id
        tail = b""
        if tick:
            now = self._ports.clock.utc_ms()
            tail = _event("tick", {"now": now, "sites": {site_id: self._site_view.now(devices)}})
        chunks: dict[tuple[Detail, bool], bytes] = {}
        for viewer in list(self._viewers):
            if tick and not viewer.alive():
                viewer.end()
                continue
            wanted = viewer.sites is None or site_id in viewer.sites
            key = (viewer.detail, wanted)
            if key not in chunks:
                head: list[bytes] = []
                if wanted:
                    head.append(_event("site", self._site(viewer.detail, devices, alerts)))
                    head.extend(sent.bytes_for(viewer.detail) for sent in fresh)
                chunks[key] = b"".join([*head, tail])
            if chunks[key] and not viewer.push(chunks[key]):
                DROPPED.inc()
                log.warning("viewer.too_slow", waiting_bytes=VIEWER_BYTES)
                viewer.end()
                viewer.abort()

    def _encode_frame(self, frame: Frame) -> Sent:
        number = self._number()
        head = {"site": self._ports.site.id, "device": frame.device}
        facts = self._ports.devices().get(frame.device)
        event_id = f"{self._epoch}-{number}"
        brief = None
        wanted = any(viewer.detail == "site" for viewer in self._viewers)
        if wanted and facts is not None and not frame.failed:
            brief = _event("frame", head | frame_document(frame, frozenset(headline(facts))), event_id)
        return Sent(number, "frame", _event("frame", head | frame_document(frame), event_id), brief)

    def _encode(self, kind: str, document: Json) -> Sent:
        number = self._number()
        return Sent(number, kind, _event(kind, document, f"{self._epoch}-{number}"))

    def _number(self) -> int:
        self._last_number = next(self._numbers)
        return self._last_number

    def _keep(self, fresh: Iterable[Sent]) -> None:
        for sent in fresh:
            self._ring.append(sent)
            self._ring_bytes += len(sent.full) + len(sent.brief or b"")
        while self._ring_bytes > RING_BYTES:
            old = self._ring.popleft()
            self._ring_bytes -= len(old.full) + len(old.brief or b"")

    def _forget(self) -> None:
        """Nobody watches: what happens from here on is not in the ring, so its numbers end."""
        if self._ring or self._frames or self._alerts:
            self._ring.clear()
            self._ring_bytes = 0
            self._frames.clear()
            self._alerts.clear()
            self._number()


def _event(name: str, document: Json, event_id: str | None = None) -> bytes:
    """One event of the stream; JSON has no line breaks of its own."""
    id_line = b"" if event_id is None else f"id: {event_id}\n".encode()
    return b"%sevent: %s\ndata: %s\n\n" % (id_line, name.encode(), orjson.dumps(document))
