"""The `tickets:`, `teams:` and `routes:` blocks of a site file."""

from datetime import time
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.quantity import DurationMs
from agent.rules.alert import Severity

TicketKind: TypeAlias = Literal[
    "emergency",
    "defect",
    "inspection",
    "special_inspection",
    "preventive",
    "power_quality",
    "outage",
    "communication",
    "metering",
    "mediation",
    "behind_meter",
    "config",
]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
StaffRole: TypeAlias = Literal["viewer", "inspector", "operator", "admin"]


class BilingualText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str
    zh: str = ""


class TicketsConfig(BaseModel):
    """Where tickets are stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: str = "sqlite:///tickets.db"
    password_file: str | None = None

    @field_validator("store")
    @classmethod
    def _known(cls, store: str) -> str:
        if store.startswith("sqlite:///"):
            return store
        user = store.partition("://")[2].rpartition("@")[0]
        if ":" in user or "password=" in store:
            raise ValueError("a password may not stand in the address; use password_file")
        if not store.startswith("postgresql://"):
            named = "this" if "@" in store else repr(store)
            raise ValueError(
                f"{named} is not a store; write sqlite:///tickets.db or postgresql://user@host/database"
            )
        return store


class Member(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    name: str
    role: StaffRole = "inspector"


class Duty(BaseModel):
    """A shift: whose, on which days, from which hour to which; over midnight where `to` is not later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str
    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    from_: time = Field(default=time(0, 0), alias="from")
    to: time = time(0, 0)

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _clock_time(cls, value: Any) -> Any:
        try:
            return time.fromisoformat(value) if isinstance(value, str) else _no_time(value)
        except ValueError:
            return _no_time(value)


def _no_time(value: Any) -> time:
    raise ValueError(f'{value!r} is no time of day; write "08:30", in quotes')


class RouteMatch(BaseModel):
    """Which tickets are meant; what is left out fits all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Severity | None = None
    ticket_kind: TicketKind | None = None
    rule: str | None = None
    site: str | None = None
    device: str | None = None


class RouteBlock(BaseModel):
    """Where tickets go (`team`, `person`), and who is told (`notify` and what belongs to it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: RouteMatch = RouteMatch()
    team: str | None = None
    person: str | None = None
    notify: tuple[str, ...] = ()
    repeat: DurationMs | None = None
    hours: Literal["always", "business"] = "always"
    group_by: tuple[str, ...] = ()
    group_wait: DurationMs | None = None


class Team(BaseModel):
    """Who may be sent, and for what. No `kinds` means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: BilingualText
    kinds: tuple[TicketKind, ...] = ()
    members: tuple[Member, ...] = ()
    duty: tuple[Duty, ...] = ()
