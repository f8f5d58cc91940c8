"""What a bus will have to do: the reads of its devices, the time they take, and whether it fits. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.device import Device
from agent.modbus.endpoint import Endpoint
from agent.modbus.plan import Block, LineCost, Turn, line_load, plan, turns
from agent.modbus.sunspec import assumed
from agent.quantity import HOUR_MS

FEASIBLE_LOAD = 0.95
"""Above this share of the line's time there is no room for a lost reply."""

_STEPS_MS = tuple(1_000 * s for s in (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600))


@dataclass(frozen=True, slots=True)
class DeviceForecast:
    """One device of a bus; a SunSpec device is taken to be what its profile assumes.

    Args:
        device: which.
        cost: of its requests.
        blocks: the reads of a round, in which all its rates are due.
        turns: the same for each kind of turn.
        load: its share of the line's time.
        round_ms: the line time of a round.
    """

    device: Device
    cost: LineCost
    blocks: tuple[Block, ...]
    turns: tuple[Turn, ...]
    load: float
    round_ms: float


@dataclass(frozen=True, slots=True)
class BusForecast:
    """All devices of a bus."""

    devices: tuple[DeviceForecast, ...]

    @property
    def load(self) -> float:
        """Share of the line's time, 1.0 = all of it."""
        return sum(device.load for device in self.devices)

    @property
    def cycle_ms(self) -> float:
        """To poll every device once, with everything due."""
        return sum(device.round_ms for device in self.devices)

    @property
    def requests(self) -> int:
        """In such a cycle."""
        return sum(len(device.blocks) for device in self.devices)

    @property
    def is_feasible(self) -> bool:
        return self.load <= FEASIBLE_LOAD


def forecast(endpoint: Endpoint, devices: Iterable[Device]) -> BusForecast:
    """What these devices ask of a line.

    Raises:
        ValueError: a profile cannot be planned.
    """
    return BusForecast(tuple(_of(endpoint, device) for device in devices))


def slower(endpoint: Endpoint, devices: Iterable[Device]) -> dict[str, int]:
    """Which devices to poll how often (ms) so that the line keeps up: always the heaviest one step slower."""
    planned = {device.id: _of(endpoint, device) for device in devices}
    changed: dict[str, int] = {}
    while not BusForecast(tuple(planned.values())).is_feasible:
        heaviest = max(planned.values(), key=lambda each: each.load)
        period_ms = heaviest.device.period_ms
        every_ms = next((step for step in _STEPS_MS if step > period_ms), period_ms + HOUR_MS)
        device = replace(heaviest.device, every_ms=every_ms)
        planned[device.id] = _of(endpoint, device)
        changed[device.id] = every_ms
    return changed


def _of(endpoint: Endpoint, device: Device) -> DeviceForecast:
    profile = assumed(device.profile)
    cost = endpoint.cost(profile.link.gap_ms)
    blocks = plan(profile, cost=cost, every_ms=device.every_ms)
    kinds = turns(profile, cost=cost, every_ms=device.every_ms)
    round_ms = sum(cost.request_ms(block.span) for block in blocks)
    return DeviceForecast(device, cost, blocks, kinds, line_load(kinds, cost), round_ms)
