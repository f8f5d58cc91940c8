"""A recorded device answers what was recorded and refuses the rest."""

import pytest

from agent.modbus.address import Table
from agent.simulator.dump import DumpedDevice, read_dump

DUMP = {
    "device": "x",
    "unit_id": 247,
    "holding": {"10": [1, 2, 3], "13": [4], "20": [5]},
    "input": {"10": [9]},
    "illegal": [[10, 4]],
    "expected": {"soc": 1},
}


@pytest.mark.parametrize(
    ("table", "start", "count", "answer"),
    [
        (Table.HOLDING, 10, 3, [1, 2, 3]),
        (Table.HOLDING, 11, 3, [2, 3, 4]),
        (Table.HOLDING, 10, 4, 2),
        (Table.HOLDING, 13, 8, 2),
        (Table.HOLDING, 9, 2, 2),
        (Table.INPUT, 10, 1, [9]),
        (Table.INPUT, 11, 1, 2),
        (Table.COIL, 10, 1, 2),
    ],
    ids=[
        "a block",
        "blocks that touch are one",
        "a read that was refused then",
        "a hole",
        "before a block",
        "its own table",
        "not the other one",
        "nothing recorded",
    ],
)
def test_reads(table, start, count, answer):
    assert DumpedDevice(read_dump(DUMP)).read(table, start, count) == answer


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "document"),
        ({"holding": {"1": [1]}}, "unit_id"),
        ({"unit_id": 300, "holding": {"1": [1]}}, "unit_id"),
        ({"unit_id": 1}, "no registers"),
        ({"unit_id": 1, "holding": {"x": [1]}}, "holding"),
    ],
)
def test_what_is_no_dump_is_refused(data, problem):
    with pytest.raises(ValueError, match=problem):
        read_dump(data)
