"""The simulated battery cabinet: a state of charge, limits, losses, cells that warm. Pure."""

import math
from dataclasses import dataclass, replace

_ONE_WAY_EFFICIENCY = math.sqrt(0.88)
_SOC_MIN, _SOC_MAX = 0.10, 0.95
_CELLS = 240  # of 280 Ah in series, 768 V nominal: a common 215 kWh LFP cabinet
_THERMAL_S = 1_200.0


@dataclass(frozen=True, slots=True)
class Storage:
    """Power is charge +; energies are those of the AC side and only grow."""

    rated_kw: float = 100.0
    capacity_kwh: float = 215.0
    soc: float = 0.46
    power_kw: float = 0.0
    charged_kwh: float = 21_480.0
    discharged_kwh: float = 18_930.0
    warm_k: float = 4.0

    def advance(self, wanted_kw: float, dt_s: float) -> "Storage":
        """The cabinet `dt_s` later, after it was asked to take (+) or give (-) `wanted_kw`."""
        hours = dt_s / 3_600
        power_kw = max(-self.rated_kw, min(self.rated_kw, wanted_kw))
        if power_kw > 0:
            room_kwh = max(0.0, (_SOC_MAX - self.soc) * self.capacity_kwh / _ONE_WAY_EFFICIENCY)
            power_kw = min(power_kw, room_kwh / hours)
            stored_kwh = power_kw * hours * _ONE_WAY_EFFICIENCY
        else:
            left_kwh = max(0.0, (self.soc - _SOC_MIN) * self.capacity_kwh * _ONE_WAY_EFFICIENCY)
            power_kw = -min(-power_kw, left_kwh / hours)
            stored_kwh = power_kw * hours / _ONE_WAY_EFFICIENCY
        target_k = 3.0 + 7.0 * abs(power_kw) / self.rated_kw
        return replace(
            self,
            power_kw=power_kw,
            soc=self.soc + stored_kwh / self.capacity_kwh,
            charged_kwh=self.charged_kwh + max(0.0, power_kw) * hours,
            discharged_kwh=self.discharged_kwh + max(0.0, -power_kw) * hours,
            warm_k=self.warm_k + (target_k - self.warm_k) * min(1.0, dt_s / _THERMAL_S),
        )

    @property
    def cell_v(self) -> float:
        """Mean cell voltage: the flat LFP curve with its steep ends, plus a little by current."""
        rest = (
            3.20
            + 0.12 * self.soc
            + 0.10 * math.exp(-self.soc * 30) * -3
            + 0.09 * math.exp((self.soc - 1) * 40)
        )
        return rest + 0.03 * self.power_kw / self.rated_kw

    @property
    def voltage_v(self) -> float:
        return self.cell_v * _CELLS

    @property
    def state(self) -> str:
        if abs(self.power_kw) < 0.1:
            return "idle"
        return "charging" if self.power_kw > 0 else "discharging"
