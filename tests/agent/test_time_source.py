"""Who may say that the time is right."""

import pytest

from agent.time_source import (
    FLOOR_MS,
    AlwaysRight,
    ClockChip,
    FirstOf,
    HostTime,
    KernelTime,
    MeasuredTime,
)

NOW_MS = 1_780_000_000_000


def test_the_kernel_vouches_for_the_wall_clock_or_for_nothing():
    assert KernelTime().offset_ms(0, 5.0) in (5.0, None)


@pytest.mark.parametrize(
    ("status", "maxerror", "answer", "known"),
    [
        (0x2001, 5_000, 0, True),
        (0x0041, 5_000, 5, True),
        (0x0040, 16_000_000, 5, False),
        (0x2001, 5_000, -1, False),
    ],
    ids=["kept", "kept by chronyd without rtcsync", "set by hand, or never", "forbidden"],
)
def test_what_the_kernel_says(status, maxerror, answer, known):
    def adjtimex(pointer):
        timex = pointer._obj
        assert timex.modes == 0, "asked, and never set"
        timex.status, timex.maxerror, timex.offset, timex.freq = status, maxerror, 250_000_000, 10 << 16
        return answer

    kernel = KernelTime(adjtimex)
    assert kernel.offset_ms(0, 5.0) == (5.0 if known else None)
    assert kernel.error_s() == ((0.25 if status & 0x2000 else 250.0) if known else 0.0)
    assert kernel.correction_ppm() == (10.0 if known else 0.0)


def test_a_clock_taken_at_its_word():
    assert AlwaysRight().offset_ms(0, 5.0) == 5.0


@pytest.mark.parametrize(
    ("shown", "wall_ms", "known"),
    [
        ("1780000000\n", NOW_MS, True),
        ("1780000000\n", NOW_MS + 999, True),
        ("1780000000\n", NOW_MS - 1_500, True),
        ("1780000000\n", NOW_MS + 3_600_000, False),
        ("1780000000\n", NOW_MS - 3_600_000, False),
        ("946684800\n", 946_684_800_000, False),
        ("", NOW_MS, False),
        (None, NOW_MS, False),
    ],
    ids=[
        "agrees",
        "within its second",
        "a little off",
        "wall ahead",
        "wall behind",
        "battery gone",
        "empty",
        "none",
    ],
)
def test_a_clock_chip_vouches_while_the_wall_clock_agrees(tmp_path, shown, wall_ms, known):
    chip = tmp_path / "since_epoch"
    if shown is not None:
        chip.write_text(shown)
    mono_ms = 5_000
    said = ClockChip(chip).offset_ms(mono_ms, wall_ms - mono_ms)
    assert said == (wall_ms - mono_ms if known else None)


@pytest.mark.parametrize(
    ("file", "text", "guest"),
    [
        ("proc/cpuinfo", "processor : 0\nflags : fpu vme hypervisor lahf_lm\n", True),
        ("proc/cpuinfo", "processor : 0\nflags : fpu vme lahf_lm\n", False),
        ("proc/device-tree/hypervisor/compatible", "linux,kvm", True),
        ("elsewhere", "", False),
    ],
)
def test_a_guest_has_its_hosts_time(tmp_path, file, text, guest):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    said = HostTime(root=tmp_path).offset_ms(5_000, NOW_MS)
    assert said == (NOW_MS if guest else None)


def test_a_host_that_shows_a_time_before_the_site_was_written_is_not_believed(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("flags : hypervisor\n")
    source = HostTime(NOW_MS, root=tmp_path)
    assert source.offset_ms(0, NOW_MS - 1) is None
    assert source.offset_ms(0, float(FLOOR_MS)) is None
    assert source.offset_ms(0, NOW_MS + 1) == NOW_MS + 1


def test_a_measurement_counts_for_half_an_hour():
    source = MeasuredTime()
    assert source.offset_ms(0, 0.0) is None
    source.note(1_000, 42.0)
    assert source.offset_ms(1_700_000, 0.0) == 42.0
    assert source.offset_ms(1_900_000, 0.0) is None


def test_the_first_that_knows_speaks():
    measured = MeasuredTime()
    both = FirstOf(measured, AlwaysRight())
    assert both.offset_ms(0, 7.0) == 7.0
    measured.note(0, 42.0)
    assert both.offset_ms(0, 7.0) == 42.0
    assert FirstOf().offset_ms(0, 7.0) is None
