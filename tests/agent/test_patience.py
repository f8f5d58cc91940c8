from itertools import pairwise

import pytest

from agent.modbus.pdu import BadReply, BusDown, UnitRefused, UnitSilent
from agent.patience import Patience

SILENT = UnitSilent("no reply in time")


def probes(period_ms, error, until_ms, *, took_ms=0, late_ms=lambda _slot: 0):
    """When a device that fails for ever is asked, of the slots that it has."""
    patience, asked = Patience(period_ms), []
    for slot in range(until_ms // period_ms):
        now_ms = slot * period_ms + late_ms(slot)
        if not patience.is_waiting(now_ms):
            asked.append(now_ms)
            patience.note_failure(error, now_ms, now_ms + took_ms)
    return asked


def test_a_silent_device_is_asked_less_and_less_but_often_enough_to_be_found_within_ten_seconds():
    assert probes(1_000, SILENT, 40_000) == [0, 1_000, 2_000, 4_000, 8_000, 16_000, 24_000, 32_000]


@pytest.mark.parametrize("period_ms", [100, 750, 1_000, 3_000, 4_500, 5_000, 7_000, 10_000])
def test_whatever_the_period_no_wait_is_longer_than_ten_seconds_even_when_slots_are_uneven(period_ms):
    asked = probes(period_ms, SILENT, 200_000, took_ms=1_000, late_ms=lambda slot: slot % 2 * period_ms // 5)
    assert max(b - a for a, b in pairwise(asked)) <= 10_000 + period_ms // 5


def test_a_device_with_a_long_period_is_asked_in_every_slot():
    assert len(probes(60_000, SILENT, 600_000)) == 10


@pytest.mark.parametrize("error", [BadReply("noise"), UnitRefused(4)])
def test_one_that_answers_is_asked_at_least_every_other_slot(error):
    asked = probes(1_000, error, 60_000)
    assert max(b - a for a, b in pairwise(asked)) == 2_000


def test_one_silence_amid_rubbish_is_not_the_silence_of_the_dead():
    patience, period_ms = Patience(200), 200
    for now_ms in range(0, 5_000, period_ms):
        patience.note_failure(BadReply("noise"), now_ms, now_ms)
    patience.note_failure(SILENT, 5_000, 5_100)
    assert not patience.is_waiting(5_000 + period_ms)


def test_while_the_link_is_down_the_link_alone_decides():
    assert probes(1_000, BusDown("no link"), 10_000) == list(range(0, 10_000, 1_000))


def test_a_success_ends_it():
    patience = Patience(1_000)
    for now_ms in (0, 1_000, 2_000):
        patience.note_failure(SILENT, now_ms, now_ms)
    assert patience.is_waiting(3_000)
    patience.note_success()
    assert not patience.is_waiting(3_000)
    assert patience.failed_polls == 0


def test_only_once_in_a_while_a_probe_waits_for_the_full_time_out():
    patience = Patience(1_000)
    patience.note_failure(SILENT, 0, 1_000)
    assert [at_ms for at_ms in range(0, 300_000, 1_000) if patience.is_full_probe(at_ms)] == [
        121_000,
        241_000,
    ]
