"""What a receipt settles, what becomes overdue, and when a closed connection means a rival. Pure."""

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Frame
from gateway.journal.record import Change, Record
from gateway.sinks.mqtt_json import Topics
from gateway.sinks.mqtt_pace import Pacer
from gateway.sinks.mqtt_receipts import MOST_SENT, Confirmed, ReceiptError, Sent, parse_receipt
from gateway.sinks.mqtt_rival import Rival
from gateway.sinks.mqtt_station import Station

AGAIN_MS = 30_000


def frame(position, *, device="inv-1", boot="b"):
    return Record(position, Frame(device, boot, position, 0, 0, False, 0, (), (), {}, None))


def change(position, *, boot="b"):
    return Record(position, Change(boot, position, 0, 0, False, {}))


@given(st.sets(st.integers(1, 200)), st.lists(st.tuples(st.integers(1, 200), st.integers(1, 10**18))))
def test_a_receipt_settles_exactly_what_was_sent_inside_it_and_only_once(numbers, ranges):
    sent = Sent(AGAIN_MS)
    for number in numbers:
        sent.add(frame(number), 0)
    left = set(numbers)
    for first, last in ranges:
        settled = sent.confirm(Confirmed("b", "inv-1", first, last))
        assert sorted(settled) == sorted(number for number in left if first <= number <= last)
        left -= set(settled)
        assert sent.confirm(Confirmed("b", "inv-1", first, last)) == []
    assert sent.positions() == left
    assert sorted(position for position, _ in sent.overdue(2 * AGAIN_MS)) == sorted(left)


def test_boot_device_and_changes_are_kept_apart():
    sent = Sent(AGAIN_MS)
    for record in (frame(1), frame(1, device="bat-1"), frame(1, boot="c"), change(1)):
        assert sent.add(record, 0)
    assert sent.confirm(Confirmed("x", "inv-1", 1, 1)) == []
    assert sent.confirm(Confirmed("b", "changes", 1, 1)) == [1]
    assert sent.confirm(Confirmed("b", "inv-1", 1, 1)) == [1]
    assert len(list(sent.overdue(2 * AGAIN_MS))) == 2


def test_what_was_sent_again_waits_anew_and_comes_due_once_with_jitter():
    sent = Sent(AGAIN_MS)
    for number in range(1, 101):
        sent.add(frame(number), 0)
        sent.add(frame(number), 10_000)
    assert list(sent.overdue(AGAIN_MS + 9_999)) == []
    some = len(list(sent.overdue(AGAIN_MS + 13_000)))
    assert 0 < some < 100, "not all in one instant"
    assert some + len(list(sent.overdue(AGAIN_MS + 16_000))) == 100
    assert sent.positions() == set()


def test_a_silent_station_gets_little_until_it_confirms_again():
    sent = Sent(1_000)
    at_first = sent.room
    for number in range(1, 301):
        sent.add(frame(number), 0)
    assert sent.room == at_first - 300
    assert len(list(sent.overdue(2_000))) == 300
    assert sent.room == 50
    for number in range(301, 351):
        sent.add(frame(number), 2_000)
    assert sent.room == 0
    sent.confirm(Confirmed("b", "inv-1", 301, 350))
    assert sent.room == 100


def test_memory_is_bounded_whatever_the_station_does():
    sent = Sent(AGAIN_MS)
    taken = [sent.add(frame(number), number) for number in range(1, 3 * MOST_SENT)]
    assert sum(taken) == MOST_SENT
    assert len(sent.positions()) == MOST_SENT
    for _ in range(5):
        for number in range(1, MOST_SENT):
            sent.add(frame(number), 0)
    assert len(sent._due) <= 2 * MOST_SENT + 1


def test_changes_stop_when_too_many_have_no_receipt():
    sent = Sent(AGAIN_MS)
    count = 0
    while sent.takes_changes:
        count += 1
        sent.add(change(count), 0)
    assert count == 200
    sent.confirm(Confirmed("b", "changes", 1, 1))
    assert sent.takes_changes


def test_a_rival_is_told_by_connections_that_end_soon_again_and_again():
    rival = Rival()
    for at_ms in (0, 10_000, 20_000):
        assert not rival.is_there(at_ms)
        assert rival.hung_up(at_ms, 9_000)
    assert rival.is_there(20_000)
    assert not rival.is_there(321_000)


def test_a_broker_that_comes_and_goes_is_no_rival_nor_are_rare_ends():
    rival = Rival()
    for turn in range(10):
        rival.hung_up(turn * 10_000, 9_000)
        rival.unreachable()
    for turn in range(10):
        assert not rival.hung_up(1_000_000 + turn * 70_000, 65_000)
    for turn in range(10):
        rival.hung_up(3_000_000 + turn * 200_000, 30_000)
    assert not rival.is_there(5_000_000)


def test_the_backlog_goes_at_least_twenty_times_as_fast_as_live_frames_come():
    for live_per_s in (0, 1, 8, 100):
        pacer, late = Pacer(100), 0
        for now_ms in range(0, 20_000, 10):
            for _ in range(live_per_s * (now_ms + 10) // 1_000 - live_per_s * now_ms // 1_000):
                pacer.live(now_ms)
            pacer.advance(now_ms)
            while now_ms >= 10_000 and pacer.allows():
                pacer.spend()
                late += 1
        assert late >= 10 * max(90, 20 * live_per_s)
        assert late <= 10 * max(120, 30 * live_per_s)


def test_a_range_that_goes_backwards_is_no_receipt():
    ranges = [{"boot": "b", "device": "inv-1", "from": 7, "to": 3}]
    with pytest.raises(ReceiptError, match="from 7 to 3 goes backwards"):
        parse_receipt(orjson.dumps({"station": "county-1", "ranges": ranges}), "county-1")


async def test_whoever_may_publish_to_a_station_cannot_fill_the_log():
    told = Station("county-1", Topics("microgrid", "hall"), "mqtt", confirmed=len, ask_desk=None)
    with structlog.testing.capture_logs() as logs:
        for number in range(500):
            assert told.heard(told.topics[0], b"no receipt %d" % number)
    assert told.dropped == 500
    assert [line["dropped"] for line in logs] == [1]
