"""Which role may send which event."""

from gateway.tickets.config import StaffRole
from gateway.tickets.life import Act
from gateway.tickets.ticket import Ticket

_INSPECTOR = frozenset(
    {
        Act.ACCEPT,
        Act.ARRIVE,
        Act.START,
        Act.HOLD,
        Act.RESUME,
        Act.REPORT,
        Act.RETURN,
        Act.RESET_LATCH,
        Act.COMMENT,
        Act.ADD_EVIDENCE,
    }
)
DESK_ROLE = "desk"


class Forbidden(Exception):  # noqa: N818  # an answer, not an error
    """The role does not allow it: HTTP 403."""

    def document(self) -> dict[str, object]:
        """The RFC 9457 problem document."""
        return {
            "type": "urn:maplebridge:problem:forbidden",
            "title": "Your role does not allow this",
            "status": 403,
            "detail": str(self),
        }


def check_role(
    act: Act, *, by: str, role: StaffRole | str, ticket: Ticket, person: str | None = None
) -> None:
    """Operators and admins may do all, inspectors the work on their own tickets, viewers nothing.

    `person` is whom the event names; an inspector accepts for nobody else.

    Raises:
        Forbidden: the role does not allow the event on this ticket.
    """
    if role in ("operator", "admin", DESK_ROLE):
        return
    if role != "inspector" or act not in _INSPECTOR:
        raise Forbidden(f"the role {role} may not {act.value}; ask an operator")
    if ticket.assignee not in (None, by):
        raise Forbidden(f"the ticket is {ticket.assignee}'s; ask an operator to reassign it")
    if act is Act.ACCEPT and person not in (None, by):
        raise Forbidden(f"{by} cannot accept for {person}; leave person out, or ask an operator")
