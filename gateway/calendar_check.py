"""Whether the calendar that a site names is there, is sound, and still knows the days to come."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.document import Document, DocumentError, Fault
from gateway.config import closest
from gateway.tickets.calendar import calendar_files, load_calendar


def calendar_faults(named: str | None, document: Document, folder: Path) -> Iterator[Fault]:
    """What is wrong with it."""
    if named is None:
        return
    files = calendar_files(folder)
    file = files.get(named)
    if file is None:
        remedy = f"{closest(named, sorted(files))}; or put it into {folder / 'calendars'}"
        yield document.fault(("calendar",), f"there is no calendar {named!r}", remedy)
        return
    try:
        calendar = load_calendar(file)
    except DocumentError as error:
        yield from error.faults
        return
    if datetime.now(UTC).date() > calendar.last:
        yield document.fault(
            ("calendar",),
            f"the calendar {named!r} ended on {calendar.last}: from then on only weekends are days off",
            "name one that knows this year",
            "warning",
        )
