"""A point over a span of time in as many parts as can be shown, and its picture in a terminal. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from agent.rules.limits import Limit
from agent.rules.state import Phase

COLUMNS, ROWS = 72, 14
_LETTER = {
    Phase.NORMAL: " ",
    Phase.PENDING: "p",
    Phase.ACTIVE: "A",
    Phase.CLEARING: "c",
    Phase.UNKNOWN: "?",
    Phase.LATCHED: "L",
}
_WORTH = (Phase.NORMAL, Phase.PENDING, Phase.CLEARING, Phase.UNKNOWN, Phase.LATCHED, Phase.ACTIVE)


@dataclass(slots=True)
class Trace:
    """The lowest and highest good value of each part of the time; memory does not grow with its length.

    Args:
        from_ms: UTC; where the time begins.
        to_ms: UTC; where it ends.
        parts: how many there are.
    """

    from_ms: int
    to_ms: int
    parts: int = 700
    low: dict[int, tuple[int, float]] = field(default_factory=dict)
    high: dict[int, tuple[int, float]] = field(default_factory=dict)

    def add(self, ts_ms: int, value: float) -> None:
        part = self.part(ts_ms)
        if part not in self.low or value < self.low[part][1]:
            self.low[part] = ts_ms, value
        if part not in self.high or value > self.high[part][1]:
            self.high[part] = ts_ms, value

    def part(self, ts_ms: int) -> int:
        share = (ts_ms - self.from_ms) / max(1, self.to_ms - self.from_ms)
        return min(self.parts - 1, max(0, int(share * self.parts)))

    def samples(self) -> list[tuple[int, float | None]]:
        """In order of time; None in each part that has no good value."""
        found: list[tuple[int, float | None]] = []
        for part in range(self.parts):
            if part in self.low:
                found += sorted({self.low[part], self.high[part]})
            else:
                at_ms = self.from_ms + round((part + 0.5) / self.parts * (self.to_ms - self.from_ms))
                found.append((at_ms, None))
        return found


def plotted(
    trace: Trace, limits: Sequence[Limit], phases: Sequence[tuple[int, Phase]], zone: tzinfo
) -> Iterable[str]:
    """Lines of text: the value's range in each column, the limits, the phases, the time."""
    values = [value for _, value in (*trace.low.values(), *trace.high.values())]
    if not values:
        return ["  -"]
    values += [limit.number for limit in limits]
    low, high = min(values), max(values)
    step = (high - low) / (ROWS - 1) or 1.0
    columns = _columns(trace)
    at_row = {round((high - limit.number) / step): limit for limit in reversed(limits)}
    lines = []
    for row in range(ROWS):
        at = high - row * step
        limit = at_row.get(row)
        ground = " " if limit is None else "╌" if limit.purpose == "clear" else "─"
        cells = "".join(
            "█" if span is not None and span[0] - step / 2 <= at <= span[1] + step / 2 else ground
            for span in columns
        )
        said = "" if limit is None else f" {limit.purpose} {limit.operator} {limit.number:g}"
        lines.append(f"{at:>10.4g} │{cells}{said}".rstrip())
    lines.append(f"{'':>10} └{'─' * COLUMNS}")
    lines.append(f"{'':>10}  {_phase_row(trace, phases)}".rstrip())
    first, last = (
        f"{datetime.fromtimestamp(ms / 1_000, UTC).astimezone(zone):%m-%d %H:%M}"
        for ms in (trace.from_ms, trace.to_ms)
    )
    lines.append(f"{'':>10}  {first}{last:>{COLUMNS - len(first)}}")
    return lines


def _columns(trace: Trace) -> list[tuple[float, float] | None]:
    found: list[tuple[float, float] | None] = [None] * COLUMNS
    for part, (_, low) in trace.low.items():
        column = part * COLUMNS // trace.parts
        high = trace.high[part][1]
        known = found[column]
        found[column] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
    return found


def _phase_row(trace: Trace, phases: Sequence[tuple[int, Phase]]) -> str:
    """The worst phase of each column."""
    row = [Phase.NORMAL] * COLUMNS
    for (start_ms, phase), end_ms in zip(phases, [*(at for at, _ in phases[1:]), trace.to_ms], strict=True):
        for column in range(
            trace.part(start_ms) * COLUMNS // trace.parts, trace.part(end_ms) * COLUMNS // trace.parts + 1
        ):
            row[column] = max(row[column], phase, key=_WORTH.index)
    return "".join(_LETTER[phase] for phase in row)
