"""What the engine must know of the site, and what it says back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.profile import Kind
from agent.rules.alert import Alert

Params = Mapping[str, Mapping[str, float | str | bool]]


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """A device as rules see it.

    Args:
        points: the points that its profile has; None while that is not known yet.
        period_ms: between two polls.
        periods: points that have a period of their own, in ms.
        params: rule id → parameter → value.
    """

    id: str
    kinds: tuple[Kind, ...]
    points: frozenset[str] | None
    period_ms: int
    role: str | None = None
    bus: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    params: Params = field(default_factory=dict)
    periods: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """The site as rules see it. `sun_elevation` gives degrees at a UTC millisecond; None: place unknown."""

    id: str
    devices: tuple[DeviceFacts, ...]
    latitude: float | None = None
    longitude: float | None = None
    sun_elevation: Callable[[int], float | None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has changed: alerts to tell, watches to store with them (None: forget it), pauses to tell."""

    alerts: tuple[Alert, ...] = ()
    watches: Mapping[str, bytes | None] = field(default_factory=dict)
    pauses: tuple[Mapping[str, Any], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.alerts or self.watches or self.pauses)


NOTHING = Outcome()


@dataclass(frozen=True, slots=True)
class BindingReport:
    """Whether a rule watches a device of its scope, and why not.

    `mistake`: the site file must be mended (an ambiguous `site.` point, a wrong parameter);
    otherwise the device merely lacks something.
    """

    rule: str
    device: str
    channel: int | None
    bound: bool
    reason: str = ""
    mistake: bool = False


class ActionRefusedError(Exception):
    """What a person asked for cannot be done; `code` for machines, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Now:
    """The instant of the evaluation that is running; closures look at it."""

    mono_ms: int = 0
    ts_ms: int = 0
    unsure: bool = False
