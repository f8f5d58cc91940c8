"""What the desk knows of its site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from agent.reading import Value
from gateway.tickets.calendar import WorkCalendar
from gateway.tickets.due import BusinessHours, Remoteness, Timetable
from gateway.tickets.routing import Route


@dataclass(frozen=True, slots=True)
class DeskDevice:
    """A device as far as tickets care.

    Args:
        period_ms: between two polls.
        params: its own values for rules: rule → name → value.
        bus: the device that shows how its bus fares.
    """

    period_ms: int | None = None
    params: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    bus: str | None = None


@dataclass(frozen=True, slots=True)
class DeskSite:
    """Args:
    arrival_code: what who arrives must send; the site's id where there is none.
    cell: who acts at a level: `village`, `town`, `county` → name.
    devices: those that are polled; the gateway's own ones need not be named.
    version: of the software, for the evidence.
    config: what the site file's text hashes to, for the evidence.
    calendar: its holidays and make-up working days, where it names some.
    routes: which tickets go to which team.
    weather: its weather stations, whose readings go into every evidence.
    raised: its tickets are one step more urgent, since it serves what must not fail.
    """

    id: str
    zone: tzinfo
    remoteness: Remoteness = "rural"
    cell: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, DeskDevice] = field(default_factory=dict)
    version: str = ""
    config: str = ""
    arrival_code: str = ""
    calendar: WorkCalendar | None = None
    routes: tuple[Route, ...] = ()
    weather: tuple[str, ...] = ()
    raised: bool = False

    def concerned(self, device: str) -> list[str]:
        """The device of an alert, and where that is a bus all that hang on it."""
        return [device, *(name for name, known in self.devices.items() if known.bus == device)]

    @property
    def timetable(self) -> Timetable:
        if self.calendar is None:
            return Timetable(BusinessHours(self.zone), self.remoteness)
        return Timetable(BusinessHours(self.zone, self.calendar.off, self.calendar.on), self.remoteness)
