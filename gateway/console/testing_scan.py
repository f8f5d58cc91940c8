"""A scan of the make-believe village: what it has found depends on nothing but the time since its start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agent.clock import Clock
from agent.modbus.endpoint import parse_url
from agent.scan.found import device_lines
from agent.scan.line import units_of
from gateway.console.ports import ActRefused, Json, WrongArguments
from gateway.console.testing_village import POINTS

ASK_MS = 20
IDENTIFY_MS = 700
_BUSES = {
    "lan-1": ("tcp://192.0.2.20:502", 6),
    "rs485-1": ("rtu:///dev/ttyUSB0?baudrate=9600&parity=N&stopbits=1", 4),
}


def _values(**values: float) -> list[Json]:
    return [
        {
            "point": name,
            "label": {"en": POINTS[name][2], "zh": POINTS[name][3]},
            "unit": POINTS[name][0],
            "value": value,
        }
        for name, value in values.items()
    ]


def _unit(unit: int, **known: Any) -> Json:
    nothing: Json = {
        "unit": unit,
        "also_units": [],
        "device": None,
        "profile": None,
        "title": None,
        "kind": None,
        "confidence": 0.0,
        "sure": False,
        "candidates": [],
        "vendor": "",
        "model": "",
        "serial": "",
        "version": "",
        "values": [],
        "findings": [],
    }
    return {**nothing, **known}


_SDM: Json = {
    "profile": "eastron-sdm630",
    "title": {"en": "Eastron SDM630 three-phase meter", "zh": "Eastron SDM630 三相电能表"},
    "kind": "meter",
    "vendor": "Eastron",
    "model": "SDM630",
}
UNITS: Sequence[Json] = (
    _unit(
        1,
        **_SDM,
        device="meter-main",
        confidence=0.98,
        sure=True,
        values=_values(
            ac_voltage_l1_v=231.2, frequency_hz=49.98, active_power_kw=21.4, energy_import_kwh=20_120.5
        ),
    ),
    _unit(7),
    _unit(
        12,
        **_SDM,
        confidence=0.72,
        serial="17021",
        candidates=[{"profile": "eastron-sdm230", "confidence": 0.41}],
        values=_values(
            ac_voltage_l1_v=230.8, frequency_hz=49.98, active_power_kw=-3.1, energy_import_kwh=12.0
        ),
        findings=[
            {
                "check": "reversed_meter",
                "level": "look",
                "points": ["active_power_kw"],
                "message": {"en": "Active power is negative: -3.1 kW", "zh": "有功功率为负:-3.1 kW"},
                "remedy": {
                    "en": "check the direction of the current transformers",
                    "zh": "检查电流互感器方向",
                },
            }
        ],
    ),
)
"""One that the site file has, one that nothing is known of, one whose readings want a look."""


@dataclass(slots=True)
class _Running:
    bus: str
    by: str
    thorough: bool
    asked: Sequence[int]
    started_ms: int
    mono_ms: int
    stopped_ms: int | None = None


class SmallScan:
    """Starts, goes on by itself, stops, refuses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scan: _Running | None = None

    def buses(self) -> list[Json]:
        return [
            {"id": name, "url": url, "devices": devices, "about_s": 72}
            for name, (url, devices) in _BUSES.items()
        ]

    async def start(self, *, bus: str, units: str | None, thorough: bool, by: str) -> None:
        if bus not in _BUSES:
            raise WrongArguments([("body.bus", f"the site has no bus {bus!r}; it has {', '.join(_BUSES)}")])
        try:
            asked = units_of(units or None, parse_url(_BUSES[bus][0]))
        except ValueError as error:
            raise WrongArguments([("body.units", str(error))]) from None
        document = self.document()
        if document is not None and document["state"] == "running":
            raise ActRefused("a scan runs already", {"guard": "scan_running"})
        self._scan = _Running(bus, by, thorough, asked, self._clock.utc_ms(), self._clock.monotonic_ms())

    async def stop(self) -> None:
        document = self.document()
        if self._scan is not None and document is not None and document["state"] == "running":
            self._scan.stopped_ms = self._clock.monotonic_ms()

    def document(self) -> Json | None:
        scan = self._scan
        if scan is None:
            return None
        end_ms = self._clock.monotonic_ms() if scan.stopped_ms is None else scan.stopped_ms
        spent_ms = end_ms - scan.mono_ms
        answering = [unit for unit in UNITS if unit["unit"] in scan.asked]
        asking_ms, whole_ms = len(scan.asked) * ASK_MS, len(answering) * IDENTIFY_MS
        known = answering[: max(0, spent_ms - asking_ms) // IDENTIFY_MS]
        state: Literal["running", "done", "stopped"] = "running"
        if scan.stopped_ms is not None:
            state = "stopped"
        elif spent_ms >= asking_ms + whole_ms:
            state = "done"
        asks = spent_ms < asking_ms
        new = [unit for unit in known if unit["device"] is None]
        return {
            "bus": scan.bus,
            "by": scan.by,
            "thorough": scan.thorough,
            "state": state,
            "started": scan.started_ms,
            "ended": None if state == "running" else scan.started_ms + min(spent_ms, asking_ms + whole_ms),
            "doing": "asking" if asks else "identifying",
            "done": spent_ms // ASK_MS if asks else len(known),
            "total": len(scan.asked) if asks else len(answering),
            "answered": len(answering) if not asks else min(2, len(answering)),
            "left_ms": max(0, asking_ms + whole_ms - spent_ms) if state == "running" else None,
            "why": None,
            "missing": 0,
            "garbled": [],
            "skipped": [],
            "units": [{**unit, "read": scan.started_ms + spent_ms} for unit in known],
            "yaml": _yaml(new, scan.bus),
        }


def _yaml(units: Sequence[Json], bus: str) -> str | None:
    if not units:
        return None
    entries = []
    for unit in units:
        entry: Json = {"id": f"meter-{unit['unit']}" if unit["profile"] else f"unknown-{unit['unit']}"}
        if unit["profile"]:
            entry["profile"] = unit["profile"]
        entries.append(entry | {"bus": bus, "unit": unit["unit"]})
    return "\n".join(device_lines(entries)) + "\n"
