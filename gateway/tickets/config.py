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
        if not store.startswith(("sqlite:///", "postgresql://")):
            raise ValueError(
                f"{store!r} is not a store; write sqlite:///tickets.db or postgresql://user@host/database"
            )
        if store.startswith("postgresql://") and ":" in store.removeprefix("postgresql://").partition("@")[0]:
            raise ValueError("a password may not stand in the address; use password_file")
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
