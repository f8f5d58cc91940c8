"""What the console asks of the rest of the house: data it shows, and the few acts it passes on.

The composition root fills a `ConsolePorts`; the console imports no other room.
Everything here is read on the event loop's own thread.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from agent.clock import Clock
from agent.counter import Limits
from agent.profile import Kind
from agent.reading import Text
from gateway.live import Live

RoleName: TypeAlias = Literal["viewer", "inspector", "operator", "admin"]
Json: TypeAlias = dict[str, Any]


class ActRefused(Exception):  # noqa: N818  # named for what it tells
    """The desk or the engine says no; `document` has what the 409 answer carries: event, state, guard, .."""

    def __init__(self, detail: str, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.document = dict(document or {})

    @property
    def members(self) -> Json:
        """Of the problem document, beside its status and detail."""
        return {key: value for key, value in self.document.items() if key not in ("status", "detail", "slug")}


class ActForbidden(Exception):  # noqa: N818  # named for what it tells
    """The caller's role does not allow this act on this ticket."""


class WrongArguments(Exception):  # noqa: N818  # named for what it tells
    """The act's arguments do not fit: one (where, message) for each."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where}: {message}" for where, message in errors))
        self.errors = tuple(errors)


class UnknownObject(Exception):  # noqa: N818  # named for what it tells
    """No alert, ticket or evidence of that name."""


@dataclass(frozen=True, slots=True)
class PointFacts:
    """How a point is shown, and where its raw words stand (`table`, `start`, `count`)."""

    name: str
    unit: str
    type: Literal["number", "string", "bool"]
    label: Text
    meaning: Text | None = None
    range: tuple[float, float] | None = None
    counter: bool = False
    period_ms: int = 1_000
    bits: Mapping[int, Text] | None = None
    words: tuple[str, int, int] | None = None
    limits: Limits | None = None
    """What a counter can do."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One device as the site file and its profile tell of it."""

    id: str
    profile: str
    title: Text
    kind: Kind
    points: Mapping[str, PointFacts]
    also: tuple[Kind, ...] = ()
    vendor: str = ""
    model: str = ""
    serial: str = ""
    role: str | None = None
    parent: str | None = None
    bus: str | None = None
    unit: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    rated_kw: float | None = None
    rated_kwp: float | None = None
    rated_kwh: float | None = None
    period_ms: int = 1_000

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (self.kind, *self.also)


@dataclass(frozen=True, slots=True)
class TeamMember:
    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class TeamFacts:
    id: str
    name: Text
    kinds: tuple[str, ...]
    members: tuple[TeamMember, ...]


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The site's own block of the site file."""

    id: str
    name: Text
    timezone: str = "Asia/Shanghai"
    latitude: float | None = None
    longitude: float | None = None
    remoteness: str | None = None
    cell: Mapping[str, str] | None = None
    users_served: int | None = None
    transformer_kva: float | None = None
    export_permit_kw: float | None = None
    contract_kw: float | None = None
    teams: tuple[TeamFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Words of one request as they came."""

    table: str
    start: int
    words: Sequence[int]
    ts_ms: int


@dataclass(frozen=True, slots=True)
class RawPoll:
    """The last answered words of a device, and why points of it are not good."""

    blocks: Sequence[RawBlock]
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GapFacts:
    from_ms: int
    to_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Equally long columns; None where a step has no good reading."""

    ts_ms: Sequence[int]
    mean: Mapping[str, Sequence[float | str | bool | None]]
    low: Mapping[str, Sequence[float | None]]
    high: Mapping[str, Sequence[float | None]]
    gaps: Sequence[GapFacts]
    step_ms: int


@dataclass(frozen=True, slots=True)
class EnergyFacts:
    """What a counter counted: start, sum and marks of quarter hours; start, end and sum of gaps."""

    slots: Sequence[tuple[int, float, Sequence[str]]]
    gaps: Sequence[tuple[int, int, float]]
    total: float


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `/healthz`."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; `next` asks for the following part."""

    items: Sequence[Json]
    next: str | None = None


class History(Protocol):
    async def series(
        self, device: str, points: Sequence[str], from_ms: int, to_ms: int, step_ms: int
    ) -> SeriesFacts: ...

    async def energy(
        self, device: str, point: str, from_ms: int, to_ms: int, limits: Limits
    ) -> EnergyFacts: ...


class Desk(Protocol):
    """Alerts and tickets as kept for good.

    Raises, where an id is given: UnknownObject; acts also ActRefused and WrongArguments.
    """

    async def alerts(
        self,
        *,
        state: str,
        site: str | None,
        device: str | None,
        severities: frozenset[str],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Page: ...

    async def alert(self, alert_id: str) -> Json: ...

    async def alarm_load(self, from_ms: int, to_ms: int, *, operators: int) -> Json: ...

    async def flood(self) -> Json | None:
        """The alarm flood that there is now: `{"since", "alerts", "causes"}`."""

    async def handover(self, from_ms: int, to_ms: int) -> Json: ...

    async def tickets(
        self, *, state: str, site: str | None, text: str | None, limit: int, cursor: str | None
    ) -> Page: ...

    async def ticket(self, ticket_id: str) -> Json: ...

    async def act(self, ticket_id: str, event: Mapping[str, Any], *, by: str, role: RoleName) -> Json: ...

    async def open_ticket(self, request: Mapping[str, Any], *, by: str, role: RoleName) -> Json: ...

    async def evidence(self, ticket_id: str, name: str) -> tuple[bytes, str]:
        """The file and its media type."""


class AlertActs(Protocol):
    """Acts on open alerts; each answers with the alert's document.

    Raises: UnknownObject, ActRefused.
    """

    async def acknowledge(self, alert_id: str, *, by: str) -> Json: ...

    async def shelve(self, alert_id: str, *, by: str, until_ms: int, reason: str) -> Json: ...

    async def unshelve(self, alert_id: str, *, by: str) -> Json: ...

    async def reset(self, alert_id: str, *, by: str, code: str) -> Json:
        """Reset a latched alert that no open ticket has; `code` is the site's own."""


class Pausing(Protocol):
    """Maintenance and what is out of service: recorded, not annunciated.

    Raises: UnknownObject, ActRefused.
    """

    def pauses(self) -> Sequence[Json]: ...

    def pause(
        self,
        why: str,
        match: Mapping[str, Any],
        until_ms: int | None,
        keep: Sequence[str],
        reason: str,
        *,
        by: str,
    ) -> Json: ...

    def end_pause(self, pause_id: str, *, by: str) -> Json: ...


class Scanner(Protocol):
    """Looks for units on a bus of the site, one bus at a time; it only reads."""

    def buses(self) -> Sequence[Json]: ...

    def document(self) -> Json | None:
        """The scan that runs, else the last one."""

    async def start(self, *, bus: str, units: str | None, thorough: bool, by: str) -> None:
        """Raises WrongArguments, and ActRefused while a scan runs or another guest is on the bus."""

    async def stop(self) -> None:
        """What was found stays; where nothing runs nothing happens."""


async def _no_statistics() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ConsolePorts:
    """All that the console is given.

    Args:
        devices: the devices now, in the site file's order, the gateway's own ones last; a
            SunSpec device's points become known only once it has answered.
        open_alerts: documents of all alerts but the cleared ones, from memory.
        last_poll: raw words and reasons; None for a device that is not polled or never answered.
        checks: the lines of `/healthz`.
        journal_statistics: the `journal stats` document, for `/metrics`.
        system: buses, clock, journal, destinations and rules, for the system page.
    """

    site: SiteFacts
    live: Live
    clock: Clock
    version: str
    devices: Callable[[], Mapping[str, DeviceFacts]]
    open_alerts: Callable[[], Sequence[Json]]
    history: History
    desk: Desk
    alert_acts: AlertActs
    pausing: Pausing
    scanner: Scanner
    last_poll: Callable[[str], RawPoll | None] = lambda _device: None
    checks: Callable[[], Mapping[str, Check]] = dict
    journal_statistics: Callable[[], Awaitable[Mapping[str, Any]]] = _no_statistics
    system: Callable[[], Awaitable[Mapping[str, Any]]] = _no_statistics
