"""What is known of a device while it answers, falls silent and comes back."""

import pytest

from agent.clock import ManualClock
from agent.reading import Frame, Quality, Text
from gateway.console.picture import Picture
from gateway.console.ports import DeviceFacts, PointFacts
from gateway.live import Live

POINTS = {
    "a": PointFacts("a", "kW", "number", Text("a", "a")),
    "slow": PointFacts("slow", "kWh", "number", Text("b", "b"), period_ms=60_000),
}
DEVICE = DeviceFacts("d", "p", Text("d", "d"), "meter", POINTS)


class Scene:
    def __init__(self):
        self.clock = ManualClock()
        self.live = Live()
        self.picture = Picture(self.live, self.clock)
        self.picture.watch()
        self.seq = 0

    def poll(self, after_ms=1_000, *, boot=None, **values):
        """A frame; no values at all is a failed poll, None is a bad value."""
        self.clock.advance(after_ms)
        self.seq += 1
        points = tuple(values) or ("a",)
        faults = {i: Quality.BAD for i, p in enumerate(points) if values.get(p) is None}
        self.live.frame(
            Frame(
                "d",
                boot or self.clock.boot,
                self.seq,
                self.clock.monotonic_ms(),
                self.clock.utc_ms(),
                False,
                1,
                points,
                tuple(values.get(p) for p in points),
                faults,
                None if values else "timeout",
            )
        )

    def a(self):
        return self.picture.seen(DEVICE, "a")


def test_online_offline_and_since_when():
    scene = Scene()
    assert (scene.picture.online(DEVICE), scene.picture.since_ms(DEVICE)) == (None, None)
    scene.poll(a=1.0)
    came = scene.clock.utc_ms()
    scene.poll(a=1.0)
    assert (scene.picture.online(DEVICE), scene.picture.since_ms(DEVICE)) == (True, came)
    last = scene.clock.utc_ms()
    scene.poll()
    assert scene.picture.online(DEVICE) is True
    for _ in range(6):
        scene.poll()
    assert (scene.picture.online(DEVICE), scene.picture.since_ms(DEVICE)) == (False, last)
    scene.poll(a=1.0)
    assert (scene.picture.online(DEVICE), scene.picture.since_ms(DEVICE)) == (True, scene.clock.utc_ms())


def test_a_device_that_never_answered_is_offline_since_its_first_failure():
    scene = Scene()
    scene.poll()
    first = scene.clock.utc_ms()
    scene.poll()
    assert (scene.picture.online(DEVICE), scene.picture.since_ms(DEVICE)) == (False, first)


def test_the_last_good_value_outlives_any_number_of_bad_ones():
    scene = Scene()
    scene.poll(a=1.0)
    scene.poll(a=2.0)
    good_ms = scene.clock.utc_ms()
    for _ in range(3):
        scene.poll(a=None)
        assert (scene.a().value, scene.a().quality) == (None, Quality.BAD)
        assert scene.picture.last_good("d", "a") == (2.0, good_ms)
    scene.poll()
    assert scene.picture.last_good("d", "a") == (2.0, good_ms)


def test_of_several_sets_of_due_points_the_newest_good_value_counts():
    scene = Scene()
    scene.poll(a=1.0, slow=5.0)
    scene.poll(a=2.0)
    good_ms = scene.clock.utc_ms()
    scene.poll(a=None, slow=6.0)
    assert scene.picture.last_good("d", "a") == (2.0, good_ms)


@pytest.mark.parametrize(
    ("point", "age_ms", "quality"),
    [
        ("a", 4_000, Quality.GOOD),
        ("a", 6_000, Quality.STALE),
        ("slow", 100_000, Quality.GOOD),
        ("slow", 183_000, Quality.STALE),
        ("other", 0, None),
    ],
)
def test_a_value_is_stale_after_three_periods_of_its_own(point, age_ms, quality):
    scene = Scene()
    scene.poll(a=1.0, slow=5.0)
    scene.clock.advance(age_ms)
    seen = scene.picture.seen(DEVICE, point)
    assert (seen and seen.quality) == quality


def test_the_age_of_another_boots_frame_goes_by_the_wall_clock():
    scene = Scene()
    scene.poll(boot="before", a=1.0)
    scene.clock.advance(2_500)
    assert scene.a().age_ms == 2_500


def test_a_text_is_no_number_for_sums():
    scene = Scene()
    scene.poll(a="running")
    assert scene.picture.figure(DEVICE, "a").value is None
    scene.poll(a=True)
    assert scene.picture.figure(DEVICE, "a").value is None
