"""Live reading for who only passes things on: also what the storage refuses just now.

Such records have their positions already, and are committed under them when the storage takes them again;
should the gateway end before that, nobody else will ever have them.
"""

from agent.reading import Frame
from gateway.journal.journal import Journal
from gateway.journal.record import Position, Record


async def wait_live(journal: Journal, after: Position) -> None:
    """Return once a record beyond `after` is committed, or waits while the storage refuses."""
    while journal.head() <= after and not (journal.unwritten and journal.unwritten[-1].position > after):
        await journal.news()


async def read_live(journal: Journal, after: Position, *, changes: bool = False) -> list[Record]:
    """Committed records beyond `after`, then those that wait; changes only, if asked."""
    if after < journal.head():
        return await journal.read(after, changes=changes)
    waiting = (record for record in journal.unwritten if record.position > after)
    return [record for record in waiting if not (changes and isinstance(record.entry, Frame))]
