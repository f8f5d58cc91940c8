"""Plays a script of faults: gives units, values and buses the faults of the moment, and takes them away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.reading import Value
from agent.simulator.altered import VALUE_FAULTS, altered, shows
from agent.simulator.fault import Acting, Fault
from agent.simulator.server import DOORS
from agent.simulator.stage import Stage


@dataclass(frozen=True, slots=True)
class Told:
    """A fault that begins or is over."""

    fault: Fault
    begins: bool


class Play:
    """One run of a script.

    Args:
        faults: the script.
        stage: what it is played on.
        tell: called when a fault begins, and when it is over.
    """

    def __init__(self, faults: Sequence[Fault], stage: Stage, tell: Callable[[Told], None]) -> None:
        self._acting = [Acting(fault) for fault in faults]
        self._stage = stage
        self._tell = tell
        self._on: set[Acting] = set()
        self._before: dict[str, dict[str, Value | None]] = {}

    def values(
        self, device: str, values: Mapping[str, Value | None], elapsed_ms: int
    ) -> dict[str, Value | None]:
        """What the device shows in place of `values`."""
        acting = [
            one
            for one in self._acting
            if one.fault.do in VALUE_FAULTS and one.fault.device == device and shows(one.fault, elapsed_ms)
        ]
        points = {point.name: point for point in self._stage.devices[device].profile.points}
        shown = altered(values, points, acting, elapsed_ms)
        return self._given_back(device, values, shown)

    def _given_back(
        self, device: str, values: Mapping[str, Value | None], shown: dict[str, Value | None]
    ) -> dict[str, Value | None]:
        """With points that nobody moves put back to what they were before a fault set them."""
        own, before = self._stage.devices[device], self._before.setdefault(device, {})
        for name in shown.keys() - values.keys():
            before.setdefault(name, own.value(name))
        return shown | {name: before.pop(name) for name in before.keys() - shown.keys()}

    async def step(self, elapsed_ms: int) -> None:
        """Begin and end what is due so long after the start."""
        on = {one for one in self._acting if one.fault.active(elapsed_ms)}
        if on == self._on:
            return
        changed = [one for one in self._acting if (one in on) != (one in self._on)]
        self._on = on
        for unit in {id(unit): unit for unit in self._stage.units.values()}.values():
            names = [name for name, own in self._stage.units.items() if own is unit]
            unit.faults = tuple(
                one
                for one in self._acting
                if one in on and any(self._meets(one.fault, name) for name in names)
            )
        for bus, server in self._stage.servers.items():
            wanted = [
                a.fault.do for a in self._acting if a in on and a.fault.do in DOORS and a.fault.bus == bus
            ]
            await server.behave(wanted[-1] if wanted else None)
        for one in changed:
            self._tell(Told(one.fault, one in on))

    def _meets(self, fault: Fault, device: str) -> bool:
        if fault.do in VALUE_FAULTS or fault.do in DOORS:
            return False
        return fault.device in (None, device) and fault.bus in (None, self._stage.bus_of[device])
