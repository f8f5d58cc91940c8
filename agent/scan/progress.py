"""How far a search is and how long it will still take, by what it has taken so far. Pure."""

from dataclasses import dataclass
from typing import Literal

from agent.scan.search import Step

_IDENTIFY_MS = 6_000
"""One unit: what it is asked, and a few polls a second apart."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search is.

    Args:
        since_ms: when it began what it is doing now (monotonic).
        now_ms: of the last step (monotonic).
    """

    since_ms: int
    now_ms: int
    doing: Literal["asking", "identifying"] = "asking"
    done: int = 0
    total: int = 0
    found: int = 0

    def after(self, step: Step, now_ms: int) -> "Progress":
        since_ms = self.since_ms if step.doing == self.doing else now_ms
        return Progress(since_ms, now_ms, step.doing, step.done, step.total, step.found)

    def left_ms(self, now_ms: int) -> int | None:
        """What is still to come, as if the rest went like what was; None before anything was done."""
        if self.doing == "asking":
            if not self.done:
                return None
            each_ms = (self.now_ms - self.since_ms) / self.done
            rest_ms = (self.total - self.done) * each_ms + self.found * _IDENTIFY_MS
        else:
            each_ms = (self.now_ms - self.since_ms) / self.done if self.done else _IDENTIFY_MS
            rest_ms = (self.total - self.done) * each_ms
        return max(0, round(rest_ms - (now_ms - self.now_ms)))
