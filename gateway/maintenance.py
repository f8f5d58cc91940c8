"""The `maintenance:` block of a site file: planned work, during which its alerts are not annunciated."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.rules.pause import Match, Pause


class MatchBlock(BaseModel):
    """What it covers; nothing at all is the whole site."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str | None = None
    device: str | None = None
    bus: str | None = None
    kind: str | None = None
    rule: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)

    @property
    def match(self) -> Match:
        return Match(self.device, self.bus, self.kind, self.rule, self.labels)


class MaintenanceBlock(BaseModel):
    """Planned work with a beginning and an end, both with their offset from UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = Field(default=None, max_length=64)
    match: MatchBlock
    from_: datetime = Field(alias="from")
    to: datetime
    keep: tuple[str, ...] = ()
    reason: str = Field(default="", max_length=500)

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _with_offset(cls, value: Any) -> Any:
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f'{str(value)!r} is not a time; write "2026-05-30T08:00+08:00"') from None
        if at.tzinfo is None:
            raise ValueError(
                f'{str(value)!r} does not say in which zone; add one, as in "2026-05-30T08:00+08:00"'
            )
        return at

    @model_validator(mode="after")
    def _forwards(self) -> "MaintenanceBlock":
        if self.to <= self.from_:
            raise ValueError("it ends before it begins; exchange from and to")
        return self


def planned_pauses(blocks: Sequence[MaintenanceBlock]) -> tuple[Pause, ...]:
    """As the rules take them."""
    return tuple(
        Pause(
            id=block.id or f"planned-{number}",
            why="maintenance",
            match=block.match.match,
            from_ms=round(block.from_.timestamp() * 1_000),
            until_ms=round(block.to.timestamp() * 1_000),
            keep=block.keep,
            reason=block.reason,
        )
        for number, block in enumerate(blocks, start=1)
    )
