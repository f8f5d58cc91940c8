"""What a format of the data has to know: how a site's news are said in topics and payloads. Pure.

A format never sees the client. It is asked in the order in which things leave, so that it may
number its messages when it makes them; the outbox keeps that order for all that is not retained.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from agent.reading import Frame
from agent.rules.alert import Alert
from gateway.journal.record import Change, Gap


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH. Of retained messages the last word per topic is enough."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


class Heard(Enum):
    """What a message from outside asks of the connection."""

    NOTHING = auto()
    BIRTH = auto()
    """Say everything from the start again."""
    LEAVE = auto()
    """End the connection: whom we talk to is not there."""


class Format(Protocol):
    """One format, for one broker, over all connections."""

    @property
    def subscriptions(self) -> Sequence[str]:
        """Topics that it wants to hear, as long as a connection lasts."""
        ...

    @property
    def holds(self) -> bool:
        """Whether records and gaps must wait now, because nobody is there to take them."""
        ...

    @property
    def will_at_goodbye(self) -> bool:
        """Whether the broker shall say the will even when we go on purpose, where it can."""
        ...

    def will(self, *, fresh: bool) -> Message:
        """What the broker says when we vanish; asked before each attempt to connect.

        Not `fresh`: the attempt before this one never reached the broker.
        """
        ...

    def birth(self, now_ms: int, alerts: Iterable[Alert]) -> Iterable[Message]:
        """What a connection begins with: the site, its devices, the alerts that are open."""
        ...

    def farewell(self, now_ms: int) -> Iterable[Message]:
        """The last words of a connection that ends on purpose."""
        ...

    def note(self, frame: Frame) -> Iterable[Message]:
        """A frame was committed; what it changes in the picture. Sent only while connected."""
        ...

    def device(self, device: str) -> Iterable[Message]:
        """What a device is has become known, or has changed."""
        ...

    def frame(self, frame: Frame, *, late: bool) -> Sequence[Message]:
        """A poll; where there is nothing to say it counts as delivered."""
        ...

    def gap(self, gap: Gap, *, late: bool) -> Sequence[Message]:
        """Frames that nobody will ever see."""
        ...

    def change(self, change: Change, *, late: bool, ticket: Mapping[str, Any] | None) -> Sequence[Message]:
        """An alert or ticket change; `ticket` is the document of the ticket that it is about, if known."""
        ...

    def ticket(self, ticket: str, document: Mapping[str, Any]) -> Iterable[Message]:
        """A ticket as it is now, for the picture."""
        ...

    def heard(self, topic: str, payload: bytes) -> Heard:
        """A message on one of the subscriptions; whatever it holds, this does not raise."""
        ...
