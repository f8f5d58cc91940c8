"""The site's power balance from its devices' latest readings: pure arithmetic with quality.

Signs: grid import +, PV generation ≥ 0, battery charge +, charging +, load +.
    load = grid + AC power of the inverters - AC-coupled batteries - charging
A hybrid inverter hides its battery behind one AC port: its PV is AC power plus battery
power, and conversion losses count as PV not made, never as load.
A sum with a hole in it is a hole: one part without a value leaves the figure without one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.profile import Kind
from agent.reading import Quality

ReadPoint = Callable[[str], "Figure | None"]
"""The latest reading of a point as a figure; None where the device has no such point."""

_WORSE = (
    Quality.GOOD,
    Quality.SUBSTITUTED,
    Quality.UNCERTAIN,
    Quality.ABSENT,
    Quality.STALE,
    Quality.BAD,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A power in kW (or another number) and the trust in it."""

    value: float | None
    quality: Quality

    def negated(self) -> "Figure":
        return Figure(None if self.value is None else -self.value, self.quality)


NOTHING_HEARD = Figure(None, Quality.BAD)


@dataclass(frozen=True, slots=True)
class Part:
    """A device as the balance sees it."""

    id: str
    kinds: tuple[Kind, ...]
    role: str | None
    parent: str | None
    read: ReadPoint

    @property
    def hybrid(self) -> bool:
        return "inverter" in self.kinds and "battery" in self.kinds


@dataclass(frozen=True, slots=True)
class Balance:
    """Each is None where the site has no such equipment."""

    grid_kw: Figure | None
    pv_kw: Figure | None
    battery_kw: Figure | None
    charging_kw: Figure | None
    load_kw: Figure | None
    residual_kw: Figure | None


def total(figures: Iterable[Figure]) -> Figure | None:
    """Their sum with the worst of their qualities; None for no figures at all."""
    all_figures = tuple(figures)
    if not all_figures:
        return None
    quality = max((figure.quality for figure in all_figures), key=_WORSE.index)
    sum_kw = 0.0
    for figure in all_figures:
        if figure.value is None:
            return Figure(None, quality)
        sum_kw += figure.value
    return Figure(sum_kw, quality)


def derived(figure: Figure | None) -> Figure | None:
    """A computed figure is at best substituted."""
    if figure is None or figure.quality is not Quality.GOOD:
        return figure
    return Figure(figure.value, Quality.SUBSTITUTED)


def main_meters(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The devices that see the grid connection: main meters, else a hybrid's own grid meter."""
    mains = tuple(part for part in parts if part.role == "main_meter")
    if mains:
        return mains
    return tuple(p for p in parts if p.role is None and "inverter" in p.kinds and "meter" in p.kinds)


def load_meters(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The sub-meters that stand directly below the bus, not those below another sub-meter."""
    subs = {part.id for part in parts if part.role == "sub_meter"}
    return tuple(part for part in parts if part.role == "sub_meter" and part.parent not in subs)


def balance(parts: Sequence[Part]) -> Balance:
    """The balance of all parts; what each figure means stands in the module's text."""
    grid = total(_read(part, "active_power_kw") for part in main_meters(parts))
    inverters = [part for part in parts if "inverter" in part.kinds]
    ac = total(_read(part, "ac_power_kw") for part in inverters) or _metered(parts, "pv_meter", negate=True)
    pv = total(_pv(part) for part in inverters) or ac
    coupled = [part for part in parts if "battery" in part.kinds and not part.hybrid]
    ac_battery = total(_read(part, "battery_power_kw") for part in coupled)
    if ac_battery is None and not any(part.hybrid for part in parts):
        ac_battery = _metered(parts, "storage_meter")
    hybrids = [_read(part, "battery_power_kw") for part in parts if part.hybrid]
    battery = total([*hybrids, *([ac_battery] if ac_battery else [])])
    chargers = [part for part in parts if "charger" in part.kinds]
    charging = total(_read(part, "charging_power_kw") for part in chargers)
    if charging is None:
        charging = _metered(parts, "charger_meter")
    load = None
    if grid is not None:
        taken = [part.negated() for part in (ac_battery, charging) if part is not None]
        load = derived(total([grid, *([ac] if ac else []), *taken]))
    subs = [_read(part, "active_power_kw").negated() for part in load_meters(parts)]
    residual = total([load, *subs]) if load is not None and subs else None
    return Balance(grid, pv, battery, charging, load, residual)


def _read(part: Part, point: str) -> Figure:
    return part.read(point) or NOTHING_HEARD


def _metered(parts: Sequence[Part], role: str, *, negate: bool = False) -> Figure | None:
    figure = total(_read(part, "active_power_kw") for part in parts if part.role == role)
    return figure.negated() if figure is not None and negate else figure


def _pv(part: Part) -> Figure:
    ac = _read(part, "ac_power_kw")
    if part.hybrid:
        ac = total([ac, _read(part, "battery_power_kw")]) or ac
    if ac.value is not None and ac.value < 0:
        return Figure(0.0, ac.quality)  # what an inverter draws at night is no generation
    return ac
