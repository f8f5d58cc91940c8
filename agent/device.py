"""A device of the site: a profile at an address, with its ratings and its place in the site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agent.profile import Profile

Role: TypeAlias = Literal[
    "main_meter", "sub_meter", "pv_meter", "storage_meter", "charger_meter", "generation_meter"
]


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the site file's `devices`, with its profile (ratios already applied)."""

    id: str
    profile: Profile
    bus: str
    unit: int
    every_ms: int | None = None
    role: Role | None = None
    parent: str | None = None
    serial: str = ""
    rated_kw: float | None = None
    rated_kwp: float | None = None
    rated_kwh: float | None = None
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    party: str | None = None
    timezone: str = "UTC"
    """Of the site: what a device's own clock shows, unless its profile says otherwise."""
    params: Mapping[str, Mapping[str, float | str | bool]] = field(default_factory=dict)
    """Rule id → parameter → value."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def period_ms(self) -> int:
        return self.every_ms or self.profile.every_ms


@dataclass(frozen=True, slots=True)
class BusLine:
    """One line of the site file's `buses`."""

    id: str
    url: str
    timeout_ms: int | None = None
