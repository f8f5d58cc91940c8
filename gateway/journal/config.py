"""The `journal:` block of a site file."""

from pydantic import BaseModel, ConfigDict, Field

from agent.quantity import DurationMs, SizeBytes


class JournalConfig(BaseModel):
    """Where the journal lies, how large it may grow and how often it commits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = "journal"
    max_size: SizeBytes = Field(default=4_000_000_000, ge=1_000_000)
    commit_every: DurationMs = Field(default=1_000, ge=50, le=60_000)
