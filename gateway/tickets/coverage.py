"""Can the recovery be believed? The share of good samples among those that there should be."""

from collections.abc import Sequence

from agent.reading import Frame, Quality


def good_share(frames: Sequence[Frame], points: frozenset[str], *, expected: int | None) -> float:
    """0..1 over frames of one device in one window.

    Args:
        frames: in any order.
        points: what the alert looked at; points that the device does not have are left out, and
            when none is left a poll is good if it was answered.
        expected: how many polls the window should hold; None where nobody knows. Polls that
            never were count as not good.
    """
    if not frames:
        return 0.0
    there = points & frozenset().union(*(frame.points for frame in frames))
    relevant = [f for f in frames if f.failed or not there or not there.isdisjoint(f.points)]
    if not relevant:
        return 0.0
    good = sum(_is_good(frame, there) for frame in relevant)
    held = 1.0 if not expected else min(1.0, len(frames) / expected)
    return held * good / len(relevant)


def _is_good(frame: Frame, points: frozenset[str]) -> bool:
    if frame.failed:
        return False
    readings = (frame.reading(point) for point in points)
    return all(reading.quality is Quality.GOOD for reading in readings if reading is not None)
