"""The console's mirror of the open tickets outlives a store that refuses for a while."""

import pytest

from gateway.console.open_tickets import OpenTickets
from gateway.console.ports import Page
from gateway.failure import Failure


class Desk:
    def __init__(self) -> None:
        self.works = True
        self.known = {"t1": {"id": "t1", "state": "new"}}

    async def tickets(self, **_wanted):
        self._check()
        return Page(list(self.known.values()), None)

    async def ticket(self, ticket_id):
        self._check()
        return self.known[ticket_id]

    def _check(self) -> None:
        if not self.works:
            raise Failure("the ticket store refuses")


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_what_was_known_stays_and_what_changed_is_read_later(desk):
    tickets = OpenTickets(desk)
    await tickets.load()
    desk.works = False
    desk.known["t1"] = {"id": "t1", "state": "dispatched"}
    tickets.changed("t1")
    await tickets.refresh()
    assert [ticket["state"] for ticket in tickets.all()] == ["new"]
    assert tickets.take_changes() == []
    desk.works = True
    await tickets.refresh()
    assert [ticket["state"] for ticket in tickets.all()] == ["dispatched"]
    assert tickets.take_changes() == [desk.known["t1"]]


async def test_a_store_that_refuses_at_the_start_is_read_later(desk):
    tickets = OpenTickets(desk)
    desk.works = False
    await tickets.load()
    await tickets.refresh()
    assert (list(tickets.all()), tickets.take_changes()) == ([], [])
    desk.works = True
    await tickets.refresh()
    assert list(tickets.all()) == tickets.take_changes() == [desk.known["t1"]]
