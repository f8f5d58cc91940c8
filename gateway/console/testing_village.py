"""The make-believe village: its devices, what they say at each hour, and a history of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.clock import Clock
from agent.counter import Limits
from agent.profile import Kind
from agent.quantity import MINUTE_MS
from agent.reading import Frame, Quality, Text, Value
from gateway.console.ports import (
    DeviceFacts,
    EnergyFacts,
    GapFacts,
    PointFacts,
    RawBlock,
    RawPoll,
    SeriesFacts,
    SiteFacts,
    TeamFacts,
    TeamMember,
)
from gateway.live import Live

SITE = "village-hall"
_DAY_S = 86_400
_HALF_DAY = 12.0

POINTS: Mapping[str, tuple[str, str, str, str]] = {
    "ac_power_kw": ("kW", "number", "AC power", "交流功率"),
    "dc_power_kw": ("kW", "number", "DC power", "直流功率"),
    "frequency_hz": ("Hz", "number", "Frequency", "频率"),
    "ac_voltage_l1_v": ("V", "number", "Voltage L1", "L1 相电压"),
    "energy_total_kwh": ("kWh", "number", "Energy, total", "累计发电量"),
    "energy_today_kwh": ("kWh", "number", "Energy today", "今日发电量"),
    "temperature_c": ("°C", "number", "Cabinet temperature", "机内温度"),
    "insulation_kohm": ("kΩ", "number", "Insulation resistance", "绝缘电阻"),
    "state": ("", "string", "State", "状态"),
    "fault_code": ("", "string", "Fault code", "故障码"),
    "soc_pct": ("%", "number", "State of charge", "荷电状态"),
    "soh_pct": ("%", "number", "State of health", "健康状态"),
    "battery_power_kw": ("kW", "number", "Battery power", "储能功率"),
    "cell_temperature_max_c": ("°C", "number", "Highest cell temperature", "单体最高温度"),
    "connector_state": ("", "string", "Connector", "充电枪状态"),
    "charging_power_kw": ("kW", "number", "Charging power", "充电功率"),
    "session_energy_kwh": ("kWh", "number", "Session energy", "本次充电量"),
    "active_power_kw": ("kW", "number", "Active power", "有功功率"),
    "energy_import_kwh": ("kWh", "number", "Energy, import", "正向有功电量"),
    "energy_export_kwh": ("kWh", "number", "Energy, export", "反向有功电量"),
    "irradiance_poa_w_m2": ("W/m²", "number", "Irradiance", "组件面辐照度"),
    "ambient_temperature_c": ("°C", "number", "Ambient temperature", "环境温度"),
    "load_pct": ("%", "number", "Bus load", "总线负载"),
    "cycle_s": ("s", "number", "Cycle time", "轮询周期"),
    "requests_per_s": ("1/s", "number", "Requests", "请求数"),
    "errors_pct": ("%", "number", "Errors", "错误率"),
    "devices_silent": ("", "number", "Silent devices", "无应答设备"),
    "devices_total": ("", "number", "Devices", "设备数"),
    "cpu_pct": ("%", "number", "CPU", "处理器占用"),
    "memory_available_pct": ("%", "number", "Memory free", "可用内存"),
    "disk_used_pct": ("%", "number", "Disk used", "磁盘占用"),
    "backlog_age_s": ("s", "number", "Backlog age", "积压时长"),
}
_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "inverter": tuple(list(POINTS)[:10]),
    "battery": ("soc_pct", "soh_pct", "battery_power_kw", "cell_temperature_max_c", "state"),
    "charger": ("connector_state", "charging_power_kw", "session_energy_kwh"),
    "meter": ("active_power_kw", "energy_import_kwh", "energy_export_kwh", "ac_voltage_l1_v", "frequency_hz"),
    "weather": ("irradiance_poa_w_m2", "ambient_temperature_c"),
    "bus": ("load_pct", "cycle_s", "requests_per_s", "errors_pct", "devices_silent", "devices_total"),
    "gateway": ("cpu_pct", "memory_available_pct", "disk_used_pct", "backlog_age_s"),
}
_TITLES: Mapping[str, Text] = {
    "inverter": Text("PV inverter", "光伏逆变器"),
    "battery": Text("Battery cabinet", "储能柜"),
    "charger": Text("AC charger", "交流充电桩"),
    "meter": Text("Three-phase meter", "三相电能表"),
    "weather": Text("Irradiance sensor", "辐照仪"),
    "bus": Text("Bus", "总线"),
    "gateway": Text("Site gateway", "站端网关"),
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "ac_power_kw": (-5.0, 60.0),
    "soc_pct": (0.0, 100.0),
    "temperature_c": (-40.0, 120.0),
    "cell_temperature_max_c": (-40.0, 100.0),
    "frequency_hz": (45.0, 55.0),
    "ac_voltage_l1_v": (0.0, 400.0),
}


def device_facts(
    id_: str, kind: Kind, bus: str | None = "lan-1", unit: int | None = 1, **more: Any
) -> DeviceFacts:
    """A device of that kind with its usual points."""
    points = {
        name: PointFacts(
            name,
            POINTS[name][0],
            "string" if POINTS[name][1] == "string" else "number",
            Text(POINTS[name][2], POINTS[name][3]),
            range=_RANGES.get(name),
            counter=name.startswith("energy_"),
            limits=Limits() if name.startswith("energy_") else None,
            bits={0: Text("Over-voltage", "过压"), 3: Text("Fan fault", "风扇故障")}
            if name == "fault_code"
            else None,
            words=("holding", 40_069 + index, 1),
        )
        for index, name in enumerate(_OF_KIND[kind])
    }
    profile = {"bus": "", "gateway": ""}.get(kind, f"test-{kind}")
    return DeviceFacts(id_, profile, _TITLES[kind], kind, points, bus=bus, unit=unit, vendor="Test", **more)


DEVICES: Mapping[str, DeviceFacts] = {
    facts.id: facts
    for facts in (
        device_facts("inv-1", "inverter", rated_kw=50.0, rated_kwp=55.0),
        device_facts("inv-2", "inverter", unit=2, rated_kw=50.0, rated_kwp=55.0),
        device_facts("bat-1", "battery", unit=3, rated_kw=100.0, rated_kwh=215.0),
        device_facts("chg-1", "charger", unit=4, rated_kw=7.0),
        device_facts("chg-2", "charger", unit=5, rated_kw=7.0),
        device_facts("chg-3", "charger", unit=6, rated_kw=60.0),
        device_facts("meter-main", "meter", "rs485-1", 1, role="main_meter"),
        device_facts(
            "meter-hall", "meter", "rs485-1", 2, role="sub_meter", parent="meter-main", labels={"floor": "1"}
        ),
        device_facts("meter-clinic", "meter", "rs485-1", 3, role="sub_meter", parent="meter-main"),
        device_facts("sun-1", "weather", "rs485-1", 5),
        device_facts("gateway", "gateway", None, None),
        device_facts("bus-lan-1", "bus", None, None),
        device_facts("bus-rs485-1", "bus", None, None),
    )
}
"""A village hall's devices."""

FACTS = SiteFacts(
    SITE,
    Text("Village hall", "村部光储充站"),
    latitude=29.79,
    longitude=120.44,
    remoteness="rural",
    cell={"county": "demo-county", "town": "demo-town", "village": "demo-village"},
    users_served=120,
    transformer_kva=400.0,
    export_permit_kw=150.0,
    contract_kw=200.0,
    teams=(
        TeamFacts(
            "station",
            Text("Supply station", "供电所"),
            ("defect", "outage", "inspection"),
            (TeamMember("zhang", "Zhang", "inspector"), TeamMember("li", "Li", "inspector")),
        ),
    ),
)


def values_at(hour: float, wobble: float) -> Mapping[str, Mapping[str, Value]]:
    """What every device says at that hour of a clear day; powers add up to the main meter."""
    sun = max(0.0, math.sin((hour - 6.0) / _HALF_DAY * math.pi)) if 6.0 < hour < 18.0 else 0.0
    pv = 46.0 * sun * (1 + 0.06 * wobble)
    load = 30.0 + 12.0 * math.sin((hour - 8.0) / _HALF_DAY * math.pi) + 2.0 * wobble
    charging = 22.0 if int(hour * 2) % 3 else 7.0
    battery = max(-40.0, min(40.0, 2 * pv - load - charging)) * 0.8
    grid = load + battery + charging - 2 * pv
    soc = 55.0 + 30.0 * math.sin((hour - 10.0) / _HALF_DAY * math.pi)
    inverter: Mapping[str, Value] = {
        "ac_power_kw": pv,
        "dc_power_kw": pv * 1.02,
        "frequency_hz": 50.0 + 0.02 * wobble,
        "ac_voltage_l1_v": 231.0 + wobble,
        "energy_total_kwh": 48_000.0 + hour * 20,
        "energy_today_kwh": max(0.0, hour - 6) * 22,
        "temperature_c": 24.0 + 20 * sun,
        "insulation_kohm": 410.0,
        "state": "running" if pv > 0 else "sleeping",
        "fault_code": "",
    }
    idle: Mapping[str, Value] = {
        "connector_state": "available",
        "charging_power_kw": 0.0,
        "session_energy_kwh": 0.0,
    }

    def busy(kw: float) -> Mapping[str, Value]:
        return {"connector_state": "charging", "charging_power_kw": kw, "session_energy_kwh": (hour % 1) * kw}

    def meter(kw: float) -> Mapping[str, Value]:
        return {
            "active_power_kw": kw,
            "energy_import_kwh": 20_000.0 + hour * 15,
            "energy_export_kwh": 800.0 + hour,
            "ac_voltage_l1_v": 231.0 + wobble,
            "frequency_hz": 50.0 + 0.02 * wobble,
        }

    def bus(devices: float, silent: float) -> Mapping[str, Value]:
        return {
            "load_pct": 4.2 + wobble,
            "cycle_s": 0.4,
            "requests_per_s": 8.0,
            "errors_pct": 0.0,
            "devices_silent": silent,
            "devices_total": devices,
        }

    return {
        "inv-1": inverter,
        "inv-2": inverter,
        "bat-1": {
            "soc_pct": soc,
            "soh_pct": 97.0,
            "battery_power_kw": battery,
            "cell_temperature_max_c": 46.2 + wobble,
            "state": "charging" if battery > 0 else "discharging",
        },
        "chg-1": busy(7.0),
        "chg-2": idle,
        "chg-3": busy(charging - 7.0) if charging > 7.0 else idle,
        "meter-main": meter(grid),
        "meter-hall": meter(load * 0.55),
        "meter-clinic": meter(load * 0.43),
        "sun-1": {"irradiance_poa_w_m2": 1_000.0 * sun, "ambient_temperature_c": 22.0 + 8 * sun},
        "gateway": {
            "cpu_pct": 6.0 + wobble,
            "memory_available_pct": 71.0,
            "disk_used_pct": 23.0,
            "backlog_age_s": 0.5,
        },
        "bus-lan-1": bus(6, 1),
        "bus-rs485-1": bus(4, 0),
    }


@dataclass(slots=True)
class Village:
    """Makes frames; `silent` devices time out, `absent` points say not available."""

    clock: Clock
    live: Live = field(default_factory=Live)
    silent: set[str] = field(default_factory=set)
    absent: set[tuple[str, str]] = field(default_factory=lambda: {("inv-1", "insulation_kohm")})
    _seq: dict[str, int] = field(default_factory=dict)

    def poll(self, hour: float | None = None) -> None:
        """Poll every device once."""
        ts_ms, mono_ms = self.clock.utc_ms(), self.clock.monotonic_ms()
        at = (ts_ms / 1_000 % _DAY_S) / 3_600 + 8.0 if hour is None else hour
        said = values_at(at % 24, math.sin(mono_ms / 7_000))
        for device, facts in DEVICES.items():
            self.live.frame(self._frame(facts, said[device], ts_ms, mono_ms))

    def _frame(self, facts: DeviceFacts, said: Mapping[str, Value], ts_ms: int, mono_ms: int) -> Frame:
        seq = self._seq[facts.id] = self._seq.get(facts.id, 0) + 1
        points = tuple(facts.points)
        head = (facts.id, self.clock.boot, seq, mono_ms, ts_ms, False, 12)
        if facts.id in self.silent:
            faults = dict.fromkeys(range(len(points)), Quality.BAD)
            return Frame(*head, points, (None,) * len(points), faults, "timeout")
        gone = {i: Quality.ABSENT for i, point in enumerate(points) if (facts.id, point) in self.absent}
        values = tuple(None if i in gone else said[point] for i, point in enumerate(points))
        return Frame(*head, points, values, gone)

    def last_poll(self, device: str) -> RawPoll | None:
        facts = DEVICES[device]
        if facts.bus is None or device not in self.live.last_answered:
            return None
        words = [0x8000 if (device, point) in self.absent else 561 for point in facts.points]
        why = {
            point: "the device says not available (0x8000)" for name, point in self.absent if name == device
        }
        return RawPoll([RawBlock("holding", 40_069, words, self.live.last_answered[device].ts_ms)], why)


class RecordedDay:
    """A history that knows the village's day; ten minutes of each day are missing."""

    async def series(
        self, device: str, points: Sequence[str], from_ms: int, to_ms: int, step_ms: int
    ) -> SeriesFacts:
        ts = list(range(from_ms // step_ms * step_ms, to_ms, step_ms))
        hole_from = to_ms - (to_ms - from_ms) // 3
        hole_to = hole_from + min(10 * MINUTE_MS, (to_ms - from_ms) // 10)
        mean: dict[str, list[Value | None]] = {}
        low: dict[str, list[float | None]] = {}
        high: dict[str, list[float | None]] = {}
        for point in points:
            column: list[Value | None] = []
            for at in ts:
                said = values_at((at / 1_000 % _DAY_S) / 3_600 + 8.0, math.sin(at / 7_000))
                column.append(None if hole_from <= at < hole_to else said[device].get(point))
            mean[point] = column
            numbers = [v if isinstance(v, float) else None for v in column]
            low[point] = [None if v is None else v - abs(v) * 0.03 for v in numbers]
            high[point] = [None if v is None else v + abs(v) * 0.03 for v in numbers]
        return SeriesFacts(ts, mean, low, high, [GapFacts(hole_from, hole_to, "timeout")], step_ms)

    async def energy(self, device: str, point: str, from_ms: int, to_ms: int, limits: Limits) -> EnergyFacts:
        quarter_ms = 15 * MINUTE_MS
        starts = range(from_ms - from_ms % quarter_ms, to_ms - 2 * quarter_ms, quarter_ms)
        gap = (starts.stop, to_ms, 9.0)
        return EnergyFacts([(ts, 4.5, []) for ts in starts], [gap], 4.5 * len(starts) + 9.0)
