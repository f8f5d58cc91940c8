"""A village site as physics: sun, inverters, a battery that balances, cars, loads, meters that add up.

Pure: `advance` moves the village's own time, `readings` says what each device would show,
by standard point names. Signs: import +, charge +, PV ≥ 0. At every instant
grid = loads + charging + battery - PV, and the sub-meters are the loads but for one
unmetered lamp circuit, as villages have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.reading import Value
from agent.simulator.charging import Connector, Visit
from agent.simulator.storage import Storage
from agent.simulator.weather import Sky, noise, sky

DAY_S = 86_400.0
UNMETERED_KW = 0.25
_PERFORMANCE = 0.82
_BALANCING = 0.88
"""The share of surplus or need that the battery's controller takes; the grid sees the rest."""
_PHASE_SHARE = (0.36, 0.33, 0.31)


@dataclass(slots=True)
class Inverter:
    """One PV inverter: what its modules give, unless it has tripped."""

    rated_kw: float
    rated_kwp: float
    energy_kwh: float
    power_kw: float = 0.0
    fault: bool = False


@dataclass(slots=True)
class Meter:
    """Registers of a meter; power is import +."""

    import_kwh: float
    export_kwh: float = 0.0
    power_kw: float = 0.0

    def advance(self, power_kw: float, dt_s: float) -> None:
        self.power_kw = power_kw
        self.import_kwh += max(0.0, power_kw) * dt_s / 3_600
        self.export_kwh += max(0.0, -power_kw) * dt_s / 3_600


def _connectors() -> dict[str, Connector]:
    def at(hour: float, energy_kwh: float, power_kw: float) -> Visit:
        return Visit(hour * 3_600, energy_kwh, power_kw)

    day = {
        "charger-1": (at(9.0, 38, 22), at(12.5, 30, 22), at(17.6, 44, 22)),
        "charger-2": (at(9.6, 26, 11), at(13.2, 34, 22), at(18.4, 40, 22)),
        "charger-3": (at(10.4, 42, 22), at(15.1, 28, 11), at(19.2, 36, 22)),
    }
    connectors = {
        name: Connector(visits, delivered_kwh=3_100.0 + 410.0 * number)
        for number, (name, visits) in enumerate(day.items())
    }
    morning = day["charger-1"][0]
    connectors["charger-1"] = Connector(
        day["charger-1"],
        "charging",
        morning.power_kw,
        9.5,
        connectors["charger-1"].delivered_kwh,
        0.0,
        morning,
    )
    return connectors


@dataclass(slots=True)
class Village:
    """The site's state. `time_s` counts seconds since midnight of its first day."""

    time_s: float = 9.5 * 3_600
    day: int = 150
    inverters: dict[str, Inverter] = field(
        default_factory=lambda: {"inv-1": Inverter(50, 55, 81_204.0), "inv-2": Inverter(50, 52, 78_951.0)}
    )
    storage: Storage = field(default_factory=Storage)
    connectors: dict[str, Connector] = field(default_factory=_connectors)
    meters: dict[str, Meter] = field(
        default_factory=lambda: {
            "meter-main": Meter(18_240.0, 30_410.0),
            "meter-hall": Meter(9_310.0),
            "meter-clinic": Meter(7_265.0),
            "meter-pump": Meter(4_128.0),
        }
    )

    def __post_init__(self) -> None:
        self.advance(1.0)

    @property
    def sky(self) -> Sky:
        return sky(self.day + int(self.time_s // DAY_S), self.time_s % DAY_S)

    @property
    def pv_kw(self) -> float:
        return sum(inverter.power_kw for inverter in self.inverters.values())

    @property
    def charging_kw(self) -> float:
        return sum(connector.power_kw for connector in self.connectors.values())

    def loads_kw(self) -> dict[str, float]:
        """What each metered load takes now, kW."""
        hour = self.time_s % DAY_S / 3_600
        work = 1.0 if 7.5 <= hour < 11.5 or 13 <= hour < 17.5 else 0.0
        evening = max(0.0, 1 - abs(hour - 19.5) / 3)
        flutter = [0.85 + 0.3 * noise(20 + n, self.time_s / 240) for n in range(3)]
        pump_runs = noise(31, self.time_s / 1_500) > 0.45
        return {
            "meter-hall": (6 + 9 * work + 14 * evening) * flutter[0],
            "meter-clinic": (5 + 6 * work + 3 * evening) * flutter[1],
            "meter-pump": (11 * flutter[2]) if pump_runs else 0.4,
        }

    def advance(self, dt_s: float) -> None:
        """Let `dt_s` seconds of village time pass, in steps short enough for the physics."""
        while dt_s > 0:
            step_s = min(dt_s, 20.0)
            self._step(step_s)
            dt_s -= step_s

    def _step(self, dt_s: float) -> None:
        self.time_s += dt_s
        now = self.sky
        for inverter in self.inverters.values():
            hot = 1 - 0.004 * max(0.0, now.module_c - 25)
            dc_kw = inverter.rated_kwp * now.irradiance_w_m2 / 1_000 * _PERFORMANCE * hot
            inverter.power_kw = 0.0 if inverter.fault else min(inverter.rated_kw, dc_kw)
            inverter.energy_kwh += inverter.power_kw * dt_s / 3_600
        time_of_day_s = self.time_s % DAY_S
        self.connectors = {n: c.advance(time_of_day_s, dt_s) for n, c in self.connectors.items()}
        loads = self.loads_kw()
        need_kw = sum(loads.values()) + UNMETERED_KW + self.charging_kw
        self.storage = self.storage.advance(_BALANCING * (self.pv_kw - need_kw), dt_s)
        self.meters["meter-main"].advance(need_kw + self.storage.power_kw - self.pv_kw, dt_s)
        for name, power_kw in loads.items():
            self.meters[name].advance(power_kw, dt_s)

    def readings(self) -> dict[str, Mapping[str, Value]]:
        """Device → point → value, as each device would show it."""
        return {
            **{name: self._inverter(name, inverter) for name, inverter in self.inverters.items()},
            "bat-1": self._battery(),
            **{name: self._charger(connector) for name, connector in self.connectors.items()},
            **{name: self._meter(name, meter) for name, meter in self.meters.items()},
            "weather-1": self._weather(),
        }

    def _voltages(self) -> list[float]:
        lift = -0.045 * self.meters["meter-main"].power_kw
        return [231.5 + lift + 1.6 * (noise(40 + phase, self.time_s / 180) - 0.5) for phase in range(3)]

    def _phases(self, power_kw: float) -> dict[str, Value]:
        values: dict[str, Value] = {"frequency_hz": 50 + 0.04 * (noise(50, self.time_s / 60) - 0.5)}
        for phase, volts in enumerate(self._voltages(), start=1):
            values[f"ac_voltage_l{phase}_v"] = volts
            values[f"ac_current_l{phase}_a"] = abs(power_kw) * 1_000 * _PHASE_SHARE[phase - 1] / volts
        return values

    def _inverter(self, name: str, inverter: Inverter) -> Mapping[str, Value]:
        running = inverter.power_kw > 0.05
        dc_kw = inverter.power_kw / 0.975
        volts = 640 + 40 * noise(60, self.time_s / 300)
        strings = {"dc_voltage_1_v": volts, "dc_voltage_2_v": volts - 6.5}
        shares = {"dc_current_1_a": 0.51, "dc_current_2_a": 0.49}
        return {
            **self._phases(inverter.power_kw),
            "ac_power_kw": inverter.power_kw,
            "ac_apparent_power_kva": inverter.power_kw * 1.002,
            "ac_reactive_power_kvar": inverter.power_kw * 0.04,
            "power_factor": 0.998 if running else 1.0,
            "dc_power_kw": dc_kw,
            **strings,
            **{p: dc_kw * 1_000 * share / volts for p, share in shares.items()},
            "energy_total_kwh": inverter.energy_kwh,
            "temperature_c": self.sky.ambient_c + 8 + 22 * inverter.power_kw / inverter.rated_kw,
            "state": "fault" if inverter.fault else "running" if running else "sleeping",
        }

    def _battery(self) -> Mapping[str, Value]:
        storage = self.storage
        cabinet_c = 22 + storage.warm_k
        return {
            "soc_pct": storage.soc * 100,
            "soh_pct": 97.0,
            "battery_power_kw": storage.power_kw,
            "battery_voltage_v": storage.voltage_v,
            "battery_current_a": storage.power_kw * 1_000 / storage.voltage_v,
            "cell_voltage_max_v": storage.cell_v + 0.006,
            "cell_voltage_min_v": storage.cell_v - 0.007,
            "cell_temperature_max_c": cabinet_c + 1.8,
            "cell_temperature_min_c": cabinet_c - 1.2,
            "energy_charged_kwh": storage.charged_kwh,
            "energy_discharged_kwh": storage.discharged_kwh,
            "state": storage.state,
        }

    def _charger(self, connector: Connector) -> Mapping[str, Value]:
        return {
            **self._phases(connector.power_kw),
            "connector_state": connector.state,
            "charging_power_kw": connector.power_kw,
            "session_energy_kwh": connector.session_kwh,
            "energy_delivered_kwh": connector.delivered_kwh,
        }

    def _meter(self, name: str, meter: Meter) -> Mapping[str, Value]:
        return {
            **self._phases(meter.power_kw),
            **{f"active_power_l{p}_kw": meter.power_kw * _PHASE_SHARE[p - 1] for p in (1, 2, 3)},
            "active_power_kw": meter.power_kw,
            "power_factor": 0.97,
            "energy_import_kwh": meter.import_kwh,
            "energy_export_kwh": meter.export_kwh,
        }

    def _weather(self) -> Mapping[str, Value]:
        now = self.sky
        return {
            "irradiance_poa_w_m2": now.irradiance_w_m2,
            "module_temperature_c": now.module_c,
            "ambient_temperature_c": now.ambient_c,
        }
