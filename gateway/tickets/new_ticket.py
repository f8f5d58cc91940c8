"""What a person gives to open a ticket by hand, checked at the gate."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.reading import Text
from gateway.tickets.ask import WrongArguments, check_key, fault_of
from gateway.tickets.config import TicketKind
from gateway.tickets.life import Priority
from gateway.tickets.opening import Subject
from gateway.tickets.place import DeskSite


class _Title(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    en: Annotated[str, Field(max_length=200)] = ""
    zh: Annotated[str, Field(max_length=200)] = ""


class _NewTicket(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str | None = None
    site: str | None = None
    kind: TicketKind
    title: _Title
    priority: Priority = "P3"
    devices: tuple[Annotated[str, Field(max_length=128)], ...] = ()
    team: str | None = None
    text: Annotated[str, Field(max_length=5_000)] = ""


def parse_new_ticket(request: Mapping[str, Any], *, site: DeskSite) -> tuple[Subject, str]:
    """What the ticket is about, and the request's key.

    Raises:
        WrongArguments: the request does not fit.
    """
    try:
        wanted = _NewTicket.model_validate({**request})
    except ValidationError as error:
        raise WrongArguments([fault_of(item) for item in error.errors(include_url=False)]) from None
    if wanted.site not in (None, site.id):
        raise WrongArguments([{"path": "site", "message": f"this desk keeps the tickets of {site.id}"}])
    en, zh = wanted.title.en.strip(), wanted.title.zh.strip()
    if not en and not zh:
        raise WrongArguments([{"path": "title", "message": "say in a few words what it is about"}])
    if wanted.key is not None:
        check_key(wanted.key)
    key = wanted.key or secrets.token_hex(16)
    subject = Subject(
        key=f"{site.id}/{','.join(wanted.devices) or '*'}/person-{key}/{wanted.kind}",
        kind=wanted.kind,
        site=site.id,
        title=Text(en or zh, zh or en),
        source="person",
        priority=wanted.priority,
        devices=wanted.devices,
        team=wanted.team,
        note=wanted.text,
    )
    return subject, key
