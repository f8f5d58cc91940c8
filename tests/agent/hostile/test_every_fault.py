"""Whatever a unit or a bus does: no value that it did not give, and all is well soon after it ends."""

import pytest

from agent.simulator.fault import Fault
from agent.simulator.server import DOORS

EVERYWHERE = {
    "dead": Fault("dead"),
    "late": Fault("late", late_ms=220),
    "late now and then": Fault("late", late_ms=220, jitter_ms=60, chance=0.4, seed=3),
    "late once": Fault("late", late_ms=220, times=1),
    "slow": Fault("slow", pause_ms=4),
    "drip": Fault("drip", pause_ms=30),
    "garbage": Fault("garbage", seed=1),
    "garbage before": Fault("garbage_before", seed=2),
    "wrong unit": Fault("wrong_unit", unit=9),
    "other unit": Fault("wrong_unit", unit=2),
    "wrong function": Fault("wrong_function"),
    "short count": Fault("short_count"),
    "long count": Fault("long_count", registers=3),
    "count says more": Fault("lying_count"),
    "count says fewer": Fault("lying_count", registers=-1),
    "odd count": Fault("odd_count"),
    "truncated": Fault("truncate", keep=6),
    **{f"the reply before, {ms} ms ahead": Fault("shifted", pause_ms=ms) for ms in (0, 5, 30)},
    **{f"again after {ms} ms": Fault("twice", pause_ms=ms) for ms in (0, 5, 30)},
    "split": Fault("split", pause_ms=40),
    "no value (0x8000)": Fault("fill", word=0x8000),
    "no value (0xFFFF)": Fault("fill", word=0xFFFF),
    "no number": Fault("fill", word=0x7FC0),
    "refused for a moment": Fault("refuse", code=2, times=4),
    "hole": Fault("refuse", code=2, at=((1_000, 2),)),
    "mute range": Fault("dead", at=((1_000, 2),)),
    "exception for another function": Fault("refuse_other", code=2),
    **{f"exception {code}": Fault("refuse", code=code) for code in range(1, 12)},
}
OF_SOCKETS = {
    "truncated and closed": Fault("truncate", keep=6, closes=True),
    "closed": Fault("close"),
    "hang up": Fault("hang_up"),
    "refuse connections": Fault("refuse_connections"),
    "hold": Fault("hold"),
}
OF_TCP = {
    "wrong transaction": Fault("wrong_transaction"),
    "wrong protocol": Fault("wrong_protocol"),
    "huge length": Fault("wrong_length", length=0xFFFF),
    "zero length": Fault("wrong_length", length=0),
}
OF_RTU = {
    "bad checksum": Fault("bad_crc"),
    "one bit": Fault("bit_noise", bits=1, seed=1),
    "three bits": Fault("bit_noise", bits=3, seed=2),
    "echo": Fault("echo"),
}
FAULTS = {
    "tcp": EVERYWHERE | OF_SOCKETS | OF_TCP,
    "rtu": EVERYWHERE | OF_RTU | {"unplugged": Fault("unplug")},
    "rtu+tcp": EVERYWHERE | OF_SOCKETS | OF_RTU,
}
LASTS_S, LONG_S = 4.0, 22.0
CASES = {
    **{(kind, "dead for long"): (kind, Fault("dead"), LONG_S) for kind in FAULTS},
    **{
        (kind, name): (kind, fault, LASTS_S)
        for kind, faults in FAULTS.items()
        for name, fault in faults.items()
    },
}
ALL = list(CASES)
AT_9600_BAUD = {
    "late now and then": Fault("late", late_ms=400, jitter_ms=200, chance=0.4, seed=3),
    "the reply before": Fault("shifted", pause_ms=5),
    "again": Fault("twice", pause_ms=5),
    "bits": Fault("bit_noise", bits=2, chance=0.5, seed=5),
    "echo": Fault("echo"),
    "truncated now and then": Fault("truncate", chance=0.3, seed=6),
}
CASES |= {("rtu at 9600", name): ("rtu at 9600", fault, 10.0) for name, fault in AT_9600_BAUD.items()}

PERIOD_S, TIMEOUT_S = 0.2, 0.15  # as the bus of conftest has them
SOON_S = 2 * PERIOD_S + 3 * TIMEOUT_S
LATER_S = 10.0
SLACK_S = 0.5  # of a busy machine, and of the poll itself
DOUBT_S = (
    1.0  # a serial unit that says everything twice is doubted: its next reply is proven by another first
)
SLOTS = 20
"""So many polls of each unit are due while the fault lasts."""

SILENT = {"dead", "dead for long", "late", "drip", "wrong transaction", "unplugged", *OF_SOCKETS}
"""Nothing that is the unit's answer comes in time; of all else it is plain that the unit answers."""
PARTIAL = {"hole", "mute range"}
"""Some addresses are not there: that is remembered, and the rest is read."""
RIGHT = {
    "slow", "split", "late once",
    *(name for name in EVERYWHERE if name.startswith(("the reply before", "again"))),
}  # fmt: skip
"""The right reply comes in time, at least for most reads."""


@pytest.mark.parametrize(("kind", "name"), list(CASES))
def test_no_value_is_invented(suffered, kind, name):
    assert suffered(CASES)[kind, name].invented == []


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in ALL if name not in PARTIAL])
def test_all_is_well_soon_after_it_ends(suffered, kind, name):
    recovery_s = suffered(CASES)[kind, name].recovery_s
    assert recovery_s is not None
    soon_s = SOON_S + SLACK_S + (DOUBT_S if kind != "tcp" and name.startswith("again") else 0.0)
    assert recovery_s <= (LATER_S if name in SILENT else soon_s)


@pytest.mark.parametrize("name", AT_9600_BAUD)
def test_a_line_whose_bytes_take_their_time_is_read_on(suffered, name):
    assert suffered(CASES)["rtu at 9600", name].read >= 9


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in ALL if n in RIGHT | PARTIAL])
def test_what_can_be_read_is_read(suffered, kind, name):
    assert suffered(CASES)[kind, name].read >= SLOTS * 3


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in ALL if CASES[k, n][1].do not in DOORS])
def test_the_unit_beside_it_is_read_on(suffered, kind, name):
    drips = name == "drip" and kind != "tcp"  # which takes the line for half a second each time
    assert suffered(CASES)[kind, name].beside >= (3 if drips else SLOTS // 3)
