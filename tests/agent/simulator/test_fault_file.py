"""A script of faults is read whole, and told what is wrong with it, with the place."""

import pytest

from agent.document import DocumentError, parse
from agent.reading import Text
from agent.simulator.disturb import DISTURBANCES
from agent.simulator.fault import Fault
from agent.simulator.fault_file import TAKES, read_faults
from agent.simulator.mislabel import MISLABELS
from gateway.config import load_site
from gateway.profiles import read_document, shipped_configs
from gateway.simulation import Simulation

CONFIGS = shipped_configs()


def test_a_line_of_the_script_is_a_fault(script):
    assert script(
        "bus: line, do: late, late: 2s, jitter: 100ms, chance: 0.25, seed: 7, times: 3, from: 1m, to: 2m",
        'device: meter-1, do: refuse, code: 2, at: [[100, 10]], says: {en: "a", zh: "b"}',
        "device: bat-1, do: shift, values: {soc_pct: -5}, over: 10s",
    ) == (
        Fault(
            "late", bus="line", late_ms=2_000, jitter_ms=100, chance=0.25, seed=7, times=3, from_ms=60_000, until_ms=120_000
        ),
        Fault("refuse", device="meter-1", code=2, at=((100, 10),), says=Text("a", "b")),
        Fault("shift", device="bat-1", values={"soc_pct": -5}, over_ms=10_000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("device: bat-9, do: dead", "14: there is no device 'bat-9'; use one of bat-1, meter-1, meter-2"),
        ("bus: attic, do: dead", "11: there is no bus 'attic'; use one of lan, line"),
        ("device: bat-1, bus: lan, do: dead", "26: a device and a bus at once; name one of them"),
        ("device: bat-1, do: sulk", "25: nothing does 'sulk'; use one of bad_crc, bit_noise"),
        ("device: bat-1, do: dead, late: 3s", "31: dead takes no 'late'; remove it"),
        ("bus: lan, do: hold, chance: 0.5", "26: hold takes no 'chance'; remove it"),
        ("device: bat-1, do: dead, soon: 3s", "31: unknown key 'soon'; remove it"),
        ("device: bat-1, do: late, late: 3", "37: 3 is not a duration"),
        ("device: bat-1, do: set", "25: set needs `values`; write values"),
        ("do: set, values: {x: 1}", "10: set needs a device; write device: ID"),
        ("device: bat-1, do: set, values: {warmth: 1}", "47: bat-1 has no point 'warmth'; correct"),
        ("device: bat-1, do: shift, values: {soc_pct: much}", "50: shift takes a number"),
        ("device: meter-1, do: wrap, values: {energy_import_kwh: 1}", "61: energy_import_kwh is no counter of whole"),
        ("device: bat-1, do: hold", "25: hold is a bus's fault; write bus: ID"),
        ("bus: lan, do: unplug", "20: unplug needs a bus of rtu; choose"),
        ("bus: line, do: hang_up", "21: hang_up needs a bus of rtu+tcp or tcp; choose"),
        ("device: meter-1, do: wrong_transaction", "27: wrong_transaction needs a bus of tcp; choose"),
        ("bus: lan, do: bad_crc", "20: bad_crc needs a bus of rtu or rtu+tcp; choose"),
        ("device: bat-1, do: dead, from: 10s, to: 5s", "46: it is over before it begins; let `to`"),
        ("device: bat-1, do: refuse, code: 0", "39: input should be greater than or equal to 1"),
        ("device: bat-1, do: short_count, registers: -1", "49: short_count needs at least one register; write"),
        ("device: bat-1, do: dead, chance: 2", "39: input should be less than or equal to 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(script, line, says):
    with pytest.raises(DocumentError) as caught:
        script(line)
    assert str(caught.value).startswith(f"faults.yaml:3:{says}")


def test_all_that_is_wrong_is_told_at_once(script):
    with pytest.raises(DocumentError) as caught:
        script("device: a, do: dead", "device: b, do: dead, late: 3s")
    assert len(caught.value.faults) == 3


def test_everything_that_can_be_done_is_known_to_the_file():
    everywhere = {
        "echo",
        "shifted",
        "set",
        "shift",
        "reset",
        "wrap",
        "unplug",
        "hang_up",
        "hold",
        "refuse_connections",
    }
    assert TAKES.keys() == MISLABELS.keys() | DISTURBANCES.keys() | everywhere


def test_the_manual_names_everything_that_can_be_done():
    manual = (CONFIGS.parent / "docs" / "simulator.md").read_text()
    assert [kind for kind in TAKES if f"`{kind}`" not in manual] == []


def test_the_shipped_training_fits_the_shipped_site():
    simulation = Simulation(load_site(CONFIGS / "sites" / "village-hall.yaml"))
    faults = read_faults(read_document(CONFIGS / "faults" / "training.yaml"), simulation.stage)
    assert all(fault.says is not None for fault in faults)


def test_no_script_without_its_version():
    with pytest.raises(DocumentError, match="the key 'version' is missing"):
        read_faults(parse("faults: []\n", "faults.yaml"), None)
