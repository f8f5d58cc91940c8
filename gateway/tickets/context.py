"""What a ticket's event is judged by: the alerts, teams and clocks around it at that instant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.reading import Text
from agent.rules.alert import AlertState, Severity
from gateway.tickets.due import Timetable
from gateway.tickets.routing import TeamFacts
from gateway.tickets.ticket import Ticket

_NO_WORDS = Text("", "")


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What guards need of an alert.

    Args:
        clear_since_ms: since when its condition has not held; None while it holds or is unknown.
        words: its values now and what would clear it.
    """

    id: str
    device: str
    state: AlertState
    severity: Severity
    since_ms: int
    suppressed: bool = False
    clear_since_ms: int | None = None
    words: Text = _NO_WORDS

    @property
    def holds(self) -> bool:
        return self.state in ("active", "clearing")


@dataclass(frozen=True, slots=True)
class Context:
    """The world around a ticket at the instant of an event.

    Args:
        alerts: the ticket's own alerts; one that is not known any more is missing.
        good_share: share of good samples since the recovery (and the report); None: not measured.
        teams: all teams of the site; none at all means that nobody keeps such a list.
        other: the ticket to merge into.
        key_taken: another open ticket has the same dedupe key.
    """

    now_ms: int
    timetable: Timetable
    alerts: Mapping[str, AlertFacts] = field(default_factory=dict)
    good_share: float | None = None
    teams: tuple[TeamFacts, ...] = ()
    site_code: str = ""
    other: Ticket | None = None
    key_taken: bool = False

    def own(self, ticket: Ticket) -> tuple[AlertFacts, ...]:
        return tuple(self.alerts[a] for a in ticket.alerts if a in self.alerts)
