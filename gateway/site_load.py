"""Whether the buses of a site can keep the rates of their devices: said before anything is polled.

It is an estimate, so a gateway that is started all the same does what it can and measures it (`vitals`).
"""

from collections.abc import Iterator, Sequence

from agent.device import BusLine, Device
from agent.document import Document, Fault
from agent.forecast import FEASIBLE_LOAD, BusForecast, forecast, slower
from agent.modbus.endpoint import Endpoint, parse_url


def load_faults(document: Document, buses: Sequence[BusLine], devices: Sequence[Device]) -> Iterator[Fault]:
    """An error for every bus whose reads take more time than its line has, a warning where some turns do."""
    for index, bus in enumerate(buses):
        endpoint = parse_url(bus.url)
        own = [device for device in devices if device.bus == bus.id]
        expected = forecast(endpoint, own)
        if not expected.is_feasible:
            yield document.fault(
                ("buses", index), _arithmetic(bus, endpoint, expected), _remedy(endpoint, own)
            )
        elif own and expected.cycle_ms > (shortest_ms := min(device.period_ms for device in own)):
            yield document.fault(
                ("buses", index),
                f"when all is due at once on the bus {bus.id!r}, it takes {expected.cycle_ms / 1_000:.1f} s, "
                f"longer than the shortest period of {shortest_ms / 1_000:g} s: some polls are left out then",
                "poll the fast devices less often, or accept it",
                "warning",
            )


def _arithmetic(bus: BusLine, endpoint: Endpoint, expected: BusForecast) -> str:
    parts = [
        f"{each.device.id} {len(each.blocks)} requests of {each.round_ms / 1_000:.2f} s in all"
        f" each {each.device.period_ms / 1_000:g} s = {100 * each.load:.0f} %"
        for each in sorted(expected.devices, key=lambda each: -each.load)
    ]
    shown = "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")
    speed = f" at {endpoint.baudrate} baud" if endpoint.is_rtu else ""
    return (
        f"the bus {bus.id!r} cannot keep its rates: its reads take {100 * expected.load:.0f} % of the "
        f"line's time{speed}, of which {100 * FEASIBLE_LOAD:.0f} % can be used ({shown})"
    )


def _remedy(endpoint: Endpoint, devices: Sequence[Device]) -> str:
    by_rate: dict[int, list[str]] = {}
    for device, every_ms in slower(endpoint, devices).items():
        by_rate.setdefault(every_ms, []).append(device)
    wishes = [
        f"every: {every_ms // 1_000}s for {', '.join(names)}" for every_ms, names in sorted(by_rate.items())
    ]
    faster = ", raise the baud rate" if endpoint.is_rtu else ""
    return f"write {' and '.join(wishes)}{faster}, or put some devices on another bus"
