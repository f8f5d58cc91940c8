"""The site file: read once, checked whole, frozen.

`load_site` is the only way in. It finds all faults of the file and of everything that
the file refers to (profiles, rules, secrets) in one go, each with file, line and remedy.
"""

import difflib
import os
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator

from agent.device import BusLine, Device, Role
from agent.document import Document, DocumentError, Fault, read
from agent.quantity import DurationMs
from agent.rules.rule import RuleSet
from gateway.console.config import ConsoleConfig
from gateway.journal.config import JournalConfig
from gateway.maintenance import MaintenanceBlock
from gateway.profiles import read_document
from gateway.sinks.config import InfluxConfig, MqttConfig
from gateway.site_time import TimeConfig
from gateway.tickets.config import BilingualText, RouteBlock, Team, TicketsConfig

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
RESERVED_DEVICES = frozenset(
    {"gateway", "ledger", "status", "alerts", "tickets", "changes", "receipts", "requests"}
)
"""Names under `<root>/<site>/` in MQTT, and the devices that the gateway makes itself."""

NOT_YET = {
    "notify": "notices",
    "heartbeat": "outgoing heartbeat",
}
"""Parts of the contract that this version reads but does not act on; `check` says so."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Location(_Block):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Cell(_Block):
    county: str
    town: str
    village: str


class SiteBlock(_Block):
    """Who and where the site is."""

    id: Identifier
    name: BilingualText
    location: Location | None = None
    timezone: str = "Asia/Shanghai"
    remoteness: Literal["urban", "rural", "remote"] = "rural"
    cell: Cell | None = None
    template: str | None = None
    arrival_code: str = Field(default="", max_length=40)
    serves: tuple[Literal["clinic", "pump", "cold_store"], ...] = ()
    users_served: int | None = Field(default=None, ge=0)
    transformer_kva: float | None = Field(default=None, gt=0)
    export_permit_kw: float | None = Field(default=None, ge=0)
    contract_kw: float | None = Field(default=None, gt=0)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name!r} is not a time zone; write one like Asia/Shanghai") from None
        return name


class BusBlock(_Block):
    id: Identifier
    url: str
    timeout: DurationMs | None = Field(default=None, ge=20, le=60_000)


class DeviceBlock(_Block):
    id: Identifier
    profile: str
    bus: str
    unit: StrictInt = Field(default=1, ge=0, le=255)
    every: DurationMs | None = Field(default=None, ge=100, le=86_400_000)
    role: Role | None = None
    parent: str | None = None
    ct_ratio: float = Field(default=1.0, gt=0, le=100_000)
    pt_ratio: float = Field(default=1.0, gt=0, le=100_000)
    class_: float | None = Field(default=None, alias="class", gt=0, le=5)
    serial: str = ""
    party: str | None = None
    rated_kw: float | None = Field(default=None, gt=0)
    rated_kwp: float | None = Field(default=None, gt=0)
    rated_kwh: float | None = Field(default=None, gt=0)
    tilt_deg: float | None = Field(default=None, ge=0, le=90)
    azimuth_deg: float | None = Field(default=None, ge=0, le=360)
    params: dict[str, dict[str, float | str | bool]] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)


class SiteFile(_Block):
    """The whole site file as it is written."""

    version: Literal[1]
    site: SiteBlock
    buses: tuple[BusBlock, ...] = Field(min_length=1)
    devices: tuple[DeviceBlock, ...] = Field(min_length=1)
    time: TimeConfig = TimeConfig()
    journal: JournalConfig = JournalConfig()
    mqtt: MqttConfig | tuple[MqttConfig, ...] | None = None
    influxdb: InfluxConfig | None = None
    rules: tuple[str, ...] = ()
    standard_rules: bool = True
    tickets: TicketsConfig = TicketsConfig()
    teams: tuple[Team, ...] = ()
    notify: tuple[dict[str, Any], ...] = ()
    routes: tuple[RouteBlock, ...] = ()
    maintenance: tuple[MaintenanceBlock, ...] = ()
    calendar: str | None = None
    heartbeat: dict[str, Any] | None = None
    console: ConsoleConfig | None = None

    @field_validator("mqtt", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if value is None or isinstance(value, list):
            return value
        return MqttConfig.model_validate(value)

    @property
    def brokers(self) -> tuple[MqttConfig, ...]:
        if self.mqtt is None:
            return ()
        return self.mqtt if isinstance(self.mqtt, tuple) else (self.mqtt,)


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """A checked site: the file, its devices with their profiles, and its rules."""

    file: SiteFile
    path: Path
    devices: tuple[Device, ...]
    buses: tuple[BusLine, ...]
    rules: RuleSet
    warnings: tuple[Fault, ...]

    @property
    def id(self) -> str:
        return self.file.site.id

    @property
    def folder(self) -> Path:
        """All relative paths of the file start here."""
        return self.path.parent


def data_folder(path: Path, data: Path | None) -> Path:
    """Where the site's state lives: `--data`, else `$STATE_DIRECTORY`, else `data/` beside the file."""
    if data is not None:
        return data
    state = os.environ.get("STATE_DIRECTORY")
    return Path(state.partition(":")[0]) if state else path.parent / "data"


def load_site(path: Path) -> SiteConfig:
    """Read and check a site file with everything that it refers to.

    Raises:
        DocumentError: with every error found; warnings ride along only when there are errors.
    """
    return check_site(read_document(path), path)


def check_site(document: Document, path: Path) -> SiteConfig:
    """As `load_site`, of a document that was read already."""
    from gateway.site_check import find_out  # noqa: PLC0415  # it needs the shapes of this module
    from gateway.site_rest import faults_of_rest  # noqa: PLC0415  # so does it

    try:
        file = read(SiteFile, document)
    except DocumentError as error:
        faults = [*error.faults, *faults_of_rest(document, path.parent)]
        raise DocumentError(sorted(faults, key=lambda f: (f.file, f.line, f.column))) from None
    found = find_out(file, document, path.parent)
    faults = sorted(found.faults, key=lambda f: (f.file, f.line, f.column))
    if any(fault.level == "error" for fault in faults):
        raise DocumentError(faults)
    return SiteConfig(file, path, found.devices, found.buses, found.rules, tuple(faults))


def closest(name: str, known: Sequence[str]) -> str:
    """A remedy that names the likely meant one."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(list(known)[:12])
    return f"use one of {shown}" if known else "define it first"


def duplicates(names: Sequence[Any]) -> Iterator[int]:
    """Indices of entries that stood before already."""
    seen: set[Any] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield index
        seen.add(name)
