"""Who is sent: by the site's routes, else the team that the rule names, else whoever does such work. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from agent.rules.alert import Severity
from gateway.tickets.config import WEEKDAYS, TicketKind, Weekday


@dataclass(frozen=True, slots=True)
class Shift:
    """A person is on duty on these days from one hour to another, over midnight where `to` is not later."""

    person: str
    begins: time
    ends: time
    days: frozenset[Weekday] = frozenset(WEEKDAYS)

    def covers(self, local: datetime) -> bool:
        """Whether it is theirs at this local time; a shift over midnight belongs to the day it began on."""
        over_midnight = self.ends <= self.begins
        today, yesterday = _day(local), _day(local - timedelta(days=1))
        if not over_midnight:
            return today in self.days and self.begins <= local.time() < self.ends
        began_today = today in self.days and local.time() >= self.begins
        return began_today or (yesterday in self.days and local.time() < self.ends)


def _day(local: datetime) -> Weekday:
    return WEEKDAYS[local.weekday()]


@dataclass(frozen=True, slots=True)
class TeamFacts:
    """A team; no kinds means all, no members means anybody, no shifts that nobody is on duty by name."""

    id: str
    kinds: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    shifts: tuple[Shift, ...] = ()

    def does(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Route:
    """Tickets that it fits go to its team, and to its person if it names one; what it leaves out fits all."""

    team: str
    person: str | None = None
    kind: TicketKind | None = None
    severity: Severity | None = None
    rule: str | None = None
    device: str | None = None

    def fits(self, matter: "Matter") -> bool:
        return (
            self.kind in (None, matter.kind)
            and self.severity in (None, matter.severity)
            and self.rule in (None, matter.rule)
            and (self.device is None or self.device in matter.devices)
        )


@dataclass(frozen=True, slots=True)
class Matter:
    """What a new ticket is about, as far as routes look at it."""

    kind: TicketKind
    severity: Severity | None
    rule: str | None
    devices: Sequence[str]
    wanted: str | None
    """The team that its rule, or a person, names."""


@dataclass(frozen=True, slots=True)
class Sent:
    team: str
    person: str | None


def sent_to(
    matter: Matter, teams: Sequence[TeamFacts], routes: Sequence[Route], now_ms: int, zone: tzinfo
) -> Sent | None:
    """The team and, where somebody is on duty, the person; None where the site has nobody for it.

    The first route that fits decides; then the team that the rule names; then the first that lists the kind.
    """
    known = {team.id: team for team in teams}
    route = next((r for r in routes if r.fits(matter) and r.team in known), None)
    if route is not None:
        return Sent(route.team, route.person or on_duty(known[route.team], now_ms, zone))
    named = None if matter.wanted is None else known.get(matter.wanted)
    if named is not None and named.does(matter.kind):
        return Sent(named.id, on_duty(named, now_ms, zone))
    able = next((team for team in teams if matter.kind in team.kinds), None)
    return None if able is None else Sent(able.id, on_duty(able, now_ms, zone))


def on_duty(team: TeamFacts, now_ms: int, zone: tzinfo) -> str | None:
    """Who of the team has the shift now: the first that covers it."""
    local = datetime.fromtimestamp(now_ms / 1_000, UTC).astimezone(zone)
    return next((shift.person for shift in team.shifts if shift.covers(local)), None)
