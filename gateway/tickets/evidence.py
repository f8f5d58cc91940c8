"""The evidence of a ticket: what was read around its alerts, frozen as files with their hashes.

Files lie in `<data>/evidence/<ticket>/`. The ticket's log names each with its SHA-256, and the
log is a hash chain, so that neither can be changed unseen.
"""

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from agent.points import standard
from agent.quantity import HOUR_MS, MINUTE_MS
from agent.reading import Frame, Quality
from agent.rules.limits import limits_of
from agent.rules.rule import Rule
from gateway.tickets.chart import Curve

BEFORE_MS = 2 * HOUR_MS
FULL_MS = 10 * MINUTE_MS
MOST_CURVES = 6
THINNED_MS = 10_000
"""Every frame of the last ten minutes; before that one in ten seconds."""


def thinned(frames: Iterable[Frame], now_ms: int) -> list[Frame]:
    """In order of time; failed polls are all kept."""
    kept: list[Frame] = []
    last_ms = -THINNED_MS
    for frame in frames:
        if frame.failed or now_ms - frame.ts_ms <= FULL_MS or frame.ts_ms - last_ms >= THINNED_MS:
            kept.append(frame)
            last_ms = frame.ts_ms
    return kept


def points_csv(frames: Iterable[Frame]) -> bytes:
    """`ts,device,point,value,quality`, as `journal import` takes it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("ts", "device", "point", "value", "quality"))
    for frame in frames:
        for point, reading in frame.readings():
            value = "" if reading.value is None else reading.value
            writer.writerow((frame.ts_ms, frame.device, point, value, reading.quality.value))
    return out.getvalue().encode()


def window_ms(rules: Iterable[Rule]) -> int:
    """How far back evidence must reach: two hours, or more where a rule asks for it."""
    plans = (rule.ticket.evidence for rule in rules if rule.ticket is not None)
    return max([BEFORE_MS, *(plan.before_ms for plan in plans if plan is not None and plan.before_ms)])


def curves(
    stories: Sequence[Mapping[str, Any]], rules: Mapping[str, Rule], frames: Sequence[Frame]
) -> list[Curve]:
    """What the alerts looked at, as numbers over time; what has a limit comes first."""
    found: dict[tuple[str, str], Curve] = {}
    for story in stories:
        rule, device = rules.get(story["rule"]), story["device"]
        params = {} if story["rule_text"] is None else story["rule_text"]["params"]
        limits = () if rule is None else limits_of(rule, params, story["channel"])
        for name in story["values"]:
            samples = _samples(frames, device, name)
            if not samples or (device, name) in found:
                continue
            known = standard(name)
            title = f"{device} · {name}" if known is None else f"{device} · {known.label.en} {known.label.zh}"
            own = tuple(limit for limit in limits if limit.point == name)
            found[device, name] = Curve(title, "" if known is None else known.unit, samples, own)
    return sorted(found.values(), key=lambda curve: not curve.limits)[:MOST_CURVES]


def _samples(frames: Iterable[Frame], device: str, point: str) -> list[tuple[int, float | None]]:
    samples: list[tuple[int, float | None]] = []
    for frame in frames:
        if frame.device != device:
            continue
        reading = frame.reading(point)
        if reading is None and not frame.failed:
            continue
        value = None if reading is None or reading.quality is not Quality.GOOD else reading.value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        samples.append((frame.ts_ms, float(value) if number and value is not None else None))
    return samples if any(value is not None for _, value in samples) else []


def weather_now(frames: Iterable[Frame], stations: Iterable[str]) -> dict[str, Any]:
    """The last answered reading of each weather station: when, and its values."""
    last = {frame.device: frame for frame in frames if frame.device in set(stations) and not frame.failed}
    return {
        name: {"ts": frame.ts_ms, "values": {point: reading.value for point, reading in frame.readings()}}
        for name, frame in last.items()
    }


def pack(
    stage: str,
    frames: Sequence[Frame],
    *,
    stories: Sequence[Mapping[str, Any]],
    raw: Iterable[Mapping[str, Any]],
    svg: str,
    facts: Mapping[str, Any],
) -> dict[str, tuple[bytes, str]]:
    """The files of one stage: name → content and media type. The manifest names the others' hashes."""
    files = {
        f"{stage}-points.csv": (points_csv(frames), "text/csv"),
        f"{stage}-alert.json": (_json(stories), "application/json"),
        f"{stage}-chart.svg": (svg.encode(), "image/svg+xml"),
        f"{stage}-raw.jsonl": (b"".join(orjson.dumps(line) + b"\n" for line in raw), "application/x-ndjson"),
    }
    listed = [
        {"name": name, "sha256": sha256(content), "size": len(content)}
        for name, (content, _) in files.items()
    ]
    manifest = {
        **facts,
        "stage": stage,
        "frames": len(frames),
        "sampling": f"every frame of the last {FULL_MS} ms, before that one in {THINNED_MS} ms",
        "files": listed,
    }
    return {f"{stage}-manifest.json": (_json(manifest), "application/json"), **files}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


class EvidenceRoom:
    """The folder with everybody's evidence. Blocking."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "evidence"

    def keep(self, ticket_id: str, name: str, content: bytes) -> None:
        """Write a file so that it is there as a whole or not at all.

        Raises:
            OSError: the disk refuses.
        """
        folder = self._folder / ticket_id
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)

    def read(self, ticket_id: str, name: str) -> bytes:
        """Only for names that the ticket's log holds.

        Raises:
            OSError: the file is gone.
        """
        return (self._folder / ticket_id / name).read_bytes()
