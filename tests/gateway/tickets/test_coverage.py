"""Whether a recovery can be believed."""

import pytest

from agent.reading import Frame, Quality
from gateway.tickets.coverage import good_share


def frames(story: str) -> list[Frame]:
    """g good, b bad point, f failed poll, o a frame without the point."""
    made = []
    for seq, kind in enumerate(story, start=1):
        points = ("other",) if kind == "o" else ("t", "other")
        values = (1.0,) if kind == "o" else (None if kind in "bf" else 40.0, None if kind == "f" else 1.0)
        faults = (
            {0: Quality.BAD} if kind == "b" else dict.fromkeys(range(2), Quality.BAD) if kind == "f" else {}
        )
        reason = "timeout" if kind == "f" else None
        made.append(Frame("d", "b", seq, seq, seq, False, 1, points, values, faults, reason))
    return made


@pytest.mark.parametrize(
    ("story", "points", "expected", "share"),
    [
        ("", {"t"}, 10, 0.0),
        ("gggggggggg", {"t"}, 10, 1.0),
        ("gggggggggb", {"t"}, 10, 0.9),
        ("gggggggggf", {"t"}, 10, 0.9),
        ("ggggg", {"t"}, 10, 0.5),
        ("ggggg", {"t"}, None, 1.0),
        ("gogogo", {"t"}, None, 1.0),
        ("bobobo", {"t"}, None, 0.0),
        ("ooof", {"failed_polls"}, None, 0.75),
        ("bbbb", set(), None, 1.0),
    ],
)
def test_the_share_of_good_samples(story, points, expected, share):
    assert good_share(frames(story), frozenset(points), expected=expected) == pytest.approx(share)
