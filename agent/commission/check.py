"""All checks of a device's readings, over a short time. Pure.

A check of one poll must fail in most of the polls: values of one poll are read one after
another, and a load that changes between two reads is no fault.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from agent.commission import electric, energy, storage
from agent.commission.finding import Circumstances, Finding, Snapshot

_OF_VALUES: tuple[Callable[[Snapshot], Finding | None], ...] = (
    electric.frequency,
    electric.line_to_phase,
    storage.state_of_charge,
    storage.battery_power,
    storage.cells,
)
_OF_DEVICE: tuple[Callable[[Snapshot, Circumstances], Finding | None], ...] = (
    electric.voltage,
    electric.phase_sum,
    electric.volts_times_amps,
    electric.one_phase_reversed,
    electric.reversed_meter,
    electric.dc_and_ac,
    storage.battery_direction,
)


def findings(snapshots: Sequence[Snapshot], about: Circumstances) -> tuple[Finding, ...]:
    """What is wrong, or worth a look, with a device that said this; the latest figures are shown."""
    if not snapshots:
        return ()
    found: dict[str, list[Finding]] = defaultdict(list)
    for seen in snapshots:
        for finding in (
            *(check(seen) for check in _OF_VALUES),
            *(check(seen, about) for check in _OF_DEVICE),
        ):
            if finding is not None:
                found[finding.check].append(finding)
    return (
        *(same[-1] for same in found.values() if 2 * len(same) > len(snapshots)),
        *energy.counters(snapshots, about),
        *energy.size_of_counters(snapshots, about),
        *energy.charge_and_power(snapshots),
    )
