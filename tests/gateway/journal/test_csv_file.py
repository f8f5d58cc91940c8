"""A table of readings: what is taken, and what each bad row is told."""

from zoneinfo import ZoneInfo

import pytest

from agent.document import Fault
from agent.reading import Frame, Quality
from gateway.journal.csv_file import Wanted, frames_of

HEADER = "ts,device,point,value,quality"
NOON_MS = 1_780_113_600_000  # 2026-05-30T12:00+08:00
TYPES = {"ac_power_kw": "number", "state": "string", "grid_connected": "bool"}


def type_of(device, point):
    return (
        TYPES.get(point, f"{device} has no point {point!r}") if device == "inv-1" else f"no device {device!r}"
    )


def read(*rows, header=HEADER):
    wanted = Wanted(type_of, ZoneInfo("Asia/Shanghai"), NOON_MS + 1_000)
    return list(frames_of([f"{line}\n" for line in (header, *rows)], "old.csv", wanted))


@pytest.mark.parametrize(
    "ts", ["2026-05-30T12:00:00+08:00", "2026-05-30 12:00", "2026-05-30T04:00:00Z", str(NOON_MS)]
)
def test_a_time_is_iso_or_milliseconds_and_without_an_offset_the_sites(ts):
    (frame,) = read(f"{ts},inv-1,ac_power_kw,4.5,good")
    assert frame == Frame("inv-1", "", 0, 0, NOON_MS, False, 0, ("ac_power_kw",), (4.5,))


def test_rows_of_one_time_and_device_are_one_frame_with_the_quality_that_they_say():
    frames = read(
        f"{NOON_MS - 1},inv-1,ac_power_kw,1e1,",
        f"{NOON_MS},inv-1,ac_power_kw,4.5,uncertain",
        f"{NOON_MS},inv-1,state,running,Good",
        f"{NOON_MS},inv-1,grid_connected,TRUE,",
    )
    assert [frame.values for frame in frames] == [(10.0,), (4.5, "running", True)]
    assert frames[1].faults == {0: Quality.UNCERTAIN}


def test_what_is_missing_is_a_quality_and_never_zero():
    frames = read(f"{NOON_MS},inv-1,ac_power_kw,,", f"{NOON_MS},inv-1,state,,bad")
    assert frames[0].values == (None, None)
    assert frames[0].faults == {0: Quality.ABSENT, 1: Quality.BAD}


def test_columns_may_stand_in_any_order_and_quality_may_be_left_out():
    (frame,) = read(f"4.5,ac_power_kw,inv-1,{NOON_MS}", header="value,point,device,ts")
    assert frame.values == (4.5,)


@pytest.mark.parametrize(
    ("row", "where", "word"),
    [
        ("yesterday,inv-1,ac_power_kw,1,", "2:1", "is no time"),
        ("20260530,inv-1,ac_power_kw,1,", "2:1", "is no time"),
        ("1970-01-01,inv-1,ac_power_kw,1,", "2:1", "before the year 2000"),
        (f"{NOON_MS + 5_000},inv-1,ac_power_kw,1,", "2:1", "to come"),
        (f"{NOON_MS},inv-9,ac_power_kw,1,", "2:21", "no device 'inv-9'"),
        (f"{NOON_MS},inv-1,power,1,", "2:21", "no point 'power'"),
        (f"{NOON_MS},inv-1,ac_power_kw,1 kW,", "2:33", "is no number"),
        (f"{NOON_MS},inv-1,ac_power_kw,nan,", "2:33", "is no number"),
        (f"{NOON_MS},inv-1,ac_power_kw,1e999,", "2:33", "is no number"),
        (f"{NOON_MS},inv-1,ac_power_kw,1_0,", "2:33", "is no number"),
        (f'{NOON_MS},inv-1,ac_power_kw,"1,5",', "2:33", "is no number"),
        (f"{NOON_MS},inv-1,grid_connected,maybe,", "2:36", "is no bool"),
        (f"{NOON_MS},inv-1,ac_power_kw,1,fine", "2:35", "is no quality"),
        (f"{NOON_MS},inv-1,ac_power_kw,1", "2:1", "4 cells under 5 columns"),
        (f"{NOON_MS},inv-1,ac_power_kw,,good", "2:33", "is no number"),
    ],
)
def test_a_bad_row_is_told_with_its_place_and_what_to_do(row, where, word):
    (fault,) = read(row)
    assert isinstance(fault, Fault)
    assert str(fault).startswith(f"old.csv:{where}: ")
    assert word in fault.message
    assert fault.remedy


def test_two_values_of_one_point_at_one_time_are_a_mistake():
    rows = [f"{NOON_MS},inv-1,ac_power_kw,{n}," for n in (1, 2)]
    assert [type(found) for found in read(*rows)] == [Fault, Frame]


@pytest.mark.parametrize(
    "header", ["ts;device;point;value", "ts,device,point", "ts,device,point,value,unit", ""]
)
def test_a_wrong_first_line_is_told_and_nothing_of_the_rest_believed(header):
    (fault,) = read(f"{NOON_MS},inv-1,ac_power_kw,1", header=header)
    assert HEADER in fault.remedy
