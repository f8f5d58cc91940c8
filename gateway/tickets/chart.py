"""Draws what a rule looked at as a small SVG: value, limits, gaps and when the alert began. Pure.

It stands alone: no style sheet, no script, no font but the reader's own, so that it prints and mails well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from xml.sax.saxutils import escape

from agent.rules.limits import Limit

WIDTH, HEIGHT = 760, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 30
_GAP_FACTOR = 3.5
"""Samples that lie further apart than so many usual periods are not joined."""
_MOST_POINTS = 700
_TEXT = "#1B1F22"
_MUTED = "#4D5559"
_LINE = "#24405C"
_LIMIT = {"when": "#C4122F", "step": "#C4122F", "clear": "#767E83"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One point of one device.

    Args:
        title: what it is, for people.
        unit: as shown.
        samples: UTC ms and value in order of time; None where there was no good one.
        limits: what the rule holds it against.
    """

    title: str
    unit: str
    samples: Sequence[tuple[int, float | None]]
    limits: Sequence[Limit] = ()


def chart(curves: Sequence[Curve], marks: Sequence[tuple[int, str]], zone: tzinfo) -> str:
    """The curves below each other over one time; `marks` are instants with a word each."""
    drawable = [curve for curve in curves if any(value is not None for _, value in curve.samples)]
    height = max(1, len(drawable)) * HEIGHT
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    type_ = f'font-family="system-ui, sans-serif" font-size="12" fill="{_TEXT}"'
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {type_}>', ground]
    if not drawable:
        parts.append(f'<text x="{_LEFT}" y="{HEIGHT // 2}">no readings · 无数据</text>')
    for number, curve in enumerate(drawable):
        parts.append(f'<g transform="translate(0 {number * HEIGHT})">{_panel(curve, marks, zone)}</g>')
    return "".join([*parts, "</svg>\n"])


class _Scale:
    """Times and values to places in a panel."""

    def __init__(self, curve: Curve) -> None:
        values = [value for _, value in curve.samples if value is not None]
        values += [limit.number for limit in curve.limits]
        low, high = min(values), max(values)
        margin = (high - low) * 0.08 or max(abs(high) * 0.05, 0.5)
        self.low, self.high = low - margin, high + margin
        self.from_ms, self.to_ms = curve.samples[0][0], max(curve.samples[-1][0], curve.samples[0][0] + 1)

    def x(self, ts_ms: int) -> float:
        share = (ts_ms - self.from_ms) / (self.to_ms - self.from_ms)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _panel(curve: Curve, marks: Sequence[tuple[int, str]], zone: tzinfo) -> str:
    scale = _Scale(curve)
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    unit = f" ({curve.unit})" if curve.unit else ""
    frame = f'x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"'
    parts = [
        _words(_LEFT, 18, curve.title + unit, _TEXT),
        f'<rect {frame} fill="none" stroke="#A9B1B5"/>',
        *_axes(scale, bottom, zone),
    ]
    for limit in curve.limits:
        y, colour = scale.y(limit.number), _LIMIT[limit.purpose]
        said = f"{limit.purpose} {limit.operator} {limit.number:g}"
        parts.append(_straight(_LEFT, y, right, y, colour, "6 4" if limit.purpose == "clear" else ""))
        parts.append(_words(right - 4, y - 4, said, colour, "end"))
    for ts_ms, word in marks:
        if scale.from_ms <= ts_ms <= scale.to_ms:
            x = scale.x(ts_ms)
            parts.append(_straight(x, _TOP, x, bottom, _TEXT, "2 3"))
            parts.append(_words(x + 4, _TOP + 12, word, _TEXT))
    parts.append(f'<path d="{_path(curve, scale)}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>')
    return "".join(parts)


def _axes(scale: _Scale, bottom: float, zone: tzinfo) -> Iterator[str]:
    for value in (scale.low, (scale.low + scale.high) / 2, scale.high):
        yield _words(_LEFT - 6, scale.y(value) + 4, f"{value:.4g}", _MUTED, "end")
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        at_ms = round(scale.from_ms + share * (scale.to_ms - scale.from_ms))
        shown = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(zone)
        yield _words(scale.x(at_ms), bottom + 18, f"{shown:%m-%d %H:%M:%S}", _MUTED, anchor)


def _words(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _straight(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str) -> str:  # noqa: PLR0917  # two places
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{dashed}/>'


def _path(curve: Curve, scale: _Scale) -> str:
    """Lines between good samples; a gap is a gap, and a sample alone is a dot."""
    shown = _thinned(curve.samples)
    steps = sorted(b - a for (a, _), (b, _) in pairwise(shown))
    usual_ms = steps[len(steps) // 2] if steps else 0
    parts: list[str] = []
    before: int | None = None
    for ts_ms, value in shown:
        if value is None:
            before = None
            continue
        joined = before is not None and ts_ms - before <= _GAP_FACTOR * usual_ms
        place = f"{scale.x(ts_ms)} {scale.y(value)}"
        parts.append(f"L{place}" if joined else f"M{place}h0.1")
        before = ts_ms
    return "".join(parts)


def _thinned(samples: Sequence[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """The lowest and the highest of each of so many parts of the time, and every gap."""
    if len(samples) <= _MOST_POINTS:
        return list(samples)
    size = -(-2 * len(samples) // _MOST_POINTS)
    kept: list[tuple[int, float | None]] = []
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        good = [sample for sample in part if sample[1] is not None]
        ends = {min(good, key=lambda s: s[1] or 0.0), max(good, key=lambda s: s[1] or 0.0)} if good else set()
        gap = next((sample for sample in part if sample[1] is None), None)
        kept += sorted(ends | ({gap} if gap is not None else set()), key=lambda sample: sample[0])
    return kept
