"""Reads calendars: days off, and weekends on which people work to make up for them.

A site's own `calendars/` come before the shipped ones of the same name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.document import Document, DocumentError, Fault, read
from gateway.profiles import read_document, shipped_configs
from gateway.tickets.config import BilingualText

_LONGEST_DAYS = 400
_SATURDAY = 5


class SpanYaml(BaseModel):
    """Days, both ends included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    title: BilingualText | None = None

    @model_validator(mode="after")
    def _forwards(self) -> "SpanYaml":
        if not 0 <= (self.last - self.first).days <= _LONGEST_DAYS * 10:
            raise ValueError(f"{self.first} to {self.last} is no span of days; write the earlier day first")
        return self

    def days(self) -> Iterator[date]:
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


class CalendarYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    calendar: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: BilingualText
    sources: tuple[str, ...] = Field(min_length=1)
    covers: SpanYaml
    holidays: tuple[SpanYaml, ...]
    working_days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Days that are not as the week says.

    Args:
        name: its file's name.
        first, last: the days that it knows about.
        off: days off, whatever day of the week.
        on: Saturdays and Sundays on which people work.
    """

    name: str
    first: date
    last: date
    off: frozenset[date] = frozenset()
    on: frozenset[date] = frozenset()


def read_calendar(document: Document) -> WorkCalendar:
    """A calendar's file.

    Raises:
        DocumentError: with every fault at its place.
    """
    calendar = read(CalendarYaml, document)
    off = {day for span in calendar.holidays for day in span.days()}
    faults = list(_faults(calendar, off, document))
    if faults:
        raise DocumentError(faults)
    covers = calendar.covers
    on = frozenset(calendar.working_days)
    return WorkCalendar(calendar.calendar, covers.first, covers.last, frozenset(off), on)


def _faults(calendar: CalendarYaml, off: set[date], document: Document) -> Iterator[Fault]:
    first, last = calendar.covers.first, calendar.covers.last
    for index, span in enumerate(calendar.holidays):
        if not first <= span.first <= span.last <= last:
            yield document.fault(
                ("holidays", index), f"{span.first} to {span.last} is outside of `covers`", "mend either"
            )
    for index, day in enumerate(calendar.working_days):
        at = ("working_days", index)
        if not first <= day <= last:
            yield document.fault(at, f"{day} is outside of `covers`", "mend either")
        elif day in off:
            yield document.fault(at, f"{day} is a holiday, too", "leave one of them out")
        elif day.weekday() < _SATURDAY:
            yield document.fault(at, f"{day} is a working day anyway", "leave it out, or mend the date")


def calendar_files(site_folder: Path | None) -> dict[str, Path]:
    """The calendars that there are, by name."""
    folders = [shipped_configs() / "calendars"]
    if site_folder is not None:
        folders.append(site_folder / "calendars")
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}


def load_calendar(file: Path) -> WorkCalendar:
    """One calendar.

    Raises:
        DocumentError: all that is wrong with it, also that its name is not its file's.
    """
    document = read_document(file)
    calendar = read_calendar(document)
    if calendar.name != file.stem:
        fault = document.fault(("calendar",), f"{calendar.name!r} stands in {file.name}", "name them alike")
        raise DocumentError([fault])
    return calendar
