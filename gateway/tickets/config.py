"""The `tickets:` and `teams:` blocks of a site file."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

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


class Team(BaseModel):
    """Who may be sent, and for what. No `kinds` means all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: BilingualText
    kinds: tuple[TicketKind, ...] = ()
    members: tuple[Member, ...] = ()
