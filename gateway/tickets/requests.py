"""What a station's desk asks of this one: ticket events, checked like those of persons here.

What is accepted stands in `changes` as the event that it became; what is refused is answered there
as well, under the request's own key. A key that was answered once is never looked at again, whatever
has become possible since.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.clock import Clock
from gateway.tickets.ask import Name, WrongArguments, check_key
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.config import StaffRole
from gateway.tickets.desk import Desk
from gateway.tickets.ports import JournalPort
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import Forbidden

_log = structlog.get_logger(__name__)

REFUSED_KEYS = "desk|refused"
"""The journal's watch that holds the keys of the requests refused last; no rule's watch."""
_KEYS_KEPT = 200


class _Request(BaseModel):
    """`by` and `role` say who asked at the station, and in which role; the rest are the event's arguments."""

    model_config = ConfigDict(extra="allow", frozen=True)

    key: str = Field(min_length=1, max_length=100)
    ticket: Name
    event: Name
    by: Name | None = None
    role: StaffRole = "operator"


class Requests:
    """Answers requests.

    Args:
        desk: who decides.
        journal: where refusals are published, and their keys kept.
        clock: for the times of refusals.
    """

    def __init__(self, desk: Desk, journal: JournalPort, clock: Clock) -> None:
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._refused: list[str] = orjson.loads(journal.watches().get(REFUSED_KEYS, b"[]"))

    async def ask(self, request: Mapping[str, Any], station: str) -> None:
        """Put one request to the desk.

        Raises:
            StoreError: the desk cannot say now; ask again.
        """
        try:
            asked = _Request.model_validate(request)
            check_key(asked.key)
        except (ValidationError, WrongArguments) as error:
            _log.warning("desk.request_dropped", station=station, why=_shortly(error))
            return
        if asked.key in self._refused:
            return
        event = {"event": asked.event, "key": asked.key, **(asked.model_extra or {})}
        by = asked.by or station
        try:
            await self._desk.act(asked.ticket, event, by=by, role=asked.role)
        except (WrongArguments, Forbidden, Refused) as refusal:
            self._refuse(asked, by, refusal.document())
        except UnknownTicket:
            unknown = {
                "type": "urn:maplebridge:problem:unknown_ticket",
                "title": "There is no such ticket",
                "status": 404,
                "detail": f"this desk has no ticket {asked.ticket!r}",
            }
            self._refuse(asked, by, unknown)

    def _refuse(self, asked: _Request, by: str, problem: Mapping[str, Any]) -> None:
        self._refused = [*self._refused, asked.key][-_KEYS_KEPT:]
        now_ms = self._clock.utc_ms()
        event = {"event": asked.event, "key": asked.key, "by": by, "at": now_ms, "refused": dict(problem)}
        self._journal.append_outcome(
            [{"ticket": asked.ticket, "event": event}],
            {REFUSED_KEYS: orjson.dumps(self._refused)},
            mono_ms=self._clock.monotonic_ms(),
            ts_ms=now_ms,
            unsure=not self._clock.trusted(),
        )


def _shortly(error: ValidationError | WrongArguments) -> str:
    """One line: which part of the request, and what is wrong with it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:300]
    return str(error)[:300]
