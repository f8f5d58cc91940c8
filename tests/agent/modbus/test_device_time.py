from datetime import UTC, datetime
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.device_time import layout_of, shown_s

AT_S = datetime(2026, 5, 30, 14, 7, 9, tzinfo=UTC).timestamp()
KINDS = ["time_unix", "time_words", "time_bytes", "time_bcd", "time_iec870"]


@pytest.mark.parametrize(
    ("kind", "data", "seconds"),
    [
        ("time_unix", pack(">I", int(AT_S)), AT_S),
        ("time_words", pack(">6H", 2026, 5, 30, 14, 7, 9), AT_S),
        ("time_words", pack(">6H", 26, 5, 30, 14, 7, 9), AT_S),
        ("time_bytes", bytes([26, 5, 30, 14, 7, 9]), AT_S),
        ("time_bcd", bytes.fromhex("260530140709"), AT_S),
        ("time_iec870", pack(">4H", 26, 5 << 8 | 6 << 5 | 30, 14 << 8 | 7, 9_500), AT_S + 0.5),
        ("time_iec870", pack(">4H", 26, 5 << 8 | 30, 14 << 8 | 0x80 | 7, 9_500), None),
        ("time_unix", bytes(4), None),
        ("time_words", pack(">6H", 2026, 13, 30, 14, 7, 9), None),
        ("time_words", pack(">6H", 2026, 0, 0, 0, 0, 0), None),
        ("time_bytes", bytes([26, 2, 30, 14, 7, 9]), None),
        ("time_bytes", bytes([0xFF] * 6), None),
        ("time_bcd", bytes.fromhex("26053014070A"), None),
    ],
)
def test_known_clocks(kind, data, seconds):
    assert shown_s(kind, data) == seconds


@given(st.sampled_from(KINDS), st.integers(946_684_800, 4_102_444_799))
def test_a_clock_shows_what_was_set(kind, seconds):
    assert shown_s(kind, layout_of(kind, seconds)) == seconds
