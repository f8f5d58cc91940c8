"""Cars at the simulated chargers: arrive, charge, taper, stay plugged a while, leave. Pure."""

from dataclasses import dataclass, replace

_PREPARING_S = 90.0
_TAPER_FROM = 0.85
"""Share of the session's energy after which the car asks for less and less."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A car that comes every day at the same time."""

    arrives_s: float
    energy_kwh: float
    power_kw: float
    stays_s: float = 1_800.0


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector's day so far. Energies only grow; power ≥ 0."""

    visits: tuple[Visit, ...]
    state: str = "available"
    power_kw: float = 0.0
    session_kwh: float = 0.0
    delivered_kwh: float = 0.0
    since_s: float = 0.0
    visit: Visit | None = None

    def advance(self, time_of_day_s: float, dt_s: float, *, supplied: bool = True) -> "Connector":
        """The connector `dt_s` later; without supply no power flows."""
        since = self.since_s + dt_s
        if self.visit is None:
            coming = next((v for v in self.visits if 0 <= time_of_day_s - v.arrives_s < max(dt_s, 1.0)), None)
            if coming is None:
                return replace(self, since_s=since)
            return replace(self, state="preparing", visit=coming, session_kwh=0.0, since_s=0.0)
        match self.state:
            case "preparing" if since >= _PREPARING_S:
                return replace(self, state="charging", since_s=0.0)
            case "charging":
                return self._charge(self.visit, dt_s, supplied=supplied)
            case "suspended_ev" if since >= self.visit.stays_s:
                return replace(self, state="available", visit=None, since_s=0.0)
            case _:
                return replace(self, since_s=since)

    def _charge(self, visit: Visit, dt_s: float, *, supplied: bool) -> "Connector":
        done = self.session_kwh / visit.energy_kwh
        taper = 1.0 if done < _TAPER_FROM else max(0.15, (1 - done) / (1 - _TAPER_FROM))
        power_kw = visit.power_kw * taper if supplied else 0.0
        energy_kwh = min(power_kw * dt_s / 3_600, max(0.0, visit.energy_kwh - self.session_kwh))
        session_kwh = self.session_kwh + energy_kwh
        full = session_kwh >= visit.energy_kwh - 0.01
        return replace(
            self,
            state="suspended_ev" if full else "charging",
            power_kw=0.0 if full else power_kw,
            session_kwh=session_kwh,
            delivered_kwh=self.delivered_kwh + energy_kwh,
            since_s=0.0 if full else self.since_s + dt_s,
        )
