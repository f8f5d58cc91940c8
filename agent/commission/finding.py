"""What a check works on, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.device import Role
from agent.profile import Profile
from agent.reading import Text, Value

Level: TypeAlias = Literal["wrong", "look"]
"""`wrong`: readings contradict each other or nature. `look`: it may be so, somebody should look."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values of one poll that are good, by point name, and when it was (monotonic)."""

    mono_ms: int
    values: Mapping[str, Value]

    def number(self, name: str) -> float | None:
        value = self.values.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a device that a person should mend, or look at.

    Args:
        check: the check's name; there is at most one finding of it per device and channel.
        points: the readings that it is about.
        message: what is the matter, with the figures.
        remedy: what to do.
    """

    check: str
    level: Level
    points: tuple[str, ...]
    message: Text
    remedy: Text

    def document(self) -> dict[str, object]:
        return {
            "check": self.check,
            "level": self.level,
            "points": list(self.points),
            "message": self.message.document(),
            "remedy": self.remedy.document(),
        }


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the readings.

    Args:
        profile: with concrete points.
        role: of a meter.
        dark: whether the sun is down; None where nobody knows.
    """

    profile: Profile
    role: Role | None = None
    dark: bool | None = None

    @property
    def power(self) -> str:
        """The point with the power that belongs to the device's AC voltages and currents."""
        return _POWER.get(self.profile.kind, "ac_power_kw")

    def phase_power(self, phase: int) -> str:
        begin = "active_power" if self.profile.kind == "meter" else "ac_power"
        return f"{begin}_l{phase}_kw"


_POWER = {"meter": "active_power_kw", "charger": "charging_power_kw"}

PHASES = (1, 2, 3)
