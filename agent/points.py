"""The standard points: one name, unit, type and sign for each thing, whatever the maker calls it.

Rules, ledger, charts and dashboards know devices only by these names, so a profile
that uses them needs no code anywhere. A `{n}` in a name stands for 1, 2, 3 and on
(strings, cells, connectors); phases are written out. `docs/points.md` is made from here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from agent.profile import POLLED_KINDS, Kind
from agent.reading import Text

ValueType = Literal["number", "string", "bool"]


@dataclass(frozen=True, slots=True)
class StandardPoint:
    """A point that means the same on every device.

    Args:
        name: with `{n}` where it is a numbered family.
        kinds: kinds of device that may have it.
        unit: of the value, `""` for none.
        type: of the value.
        label: what people see.
        meaning: sign or definition, where the label does not say enough.
        counter: only grows.
        max_rate: the fastest change that can be believed at once, in its unit per second, where
            physics gives one: heat capacity, inertia of a grid, a battery's full charge in minutes.
    """

    name: str
    kinds: tuple[Kind, ...]
    unit: str
    type: ValueType
    label: Text
    meaning: Text | None = None
    counter: bool = False
    max_rate: float | None = None


INVERTER_STATES = ("off", "sleeping", "starting", "running", "throttled", "stopping", "fault", "standby")
BATTERY_STATES = ("off", "standby", "charging", "discharging", "idle", "fault")
CONNECTOR_STATES = (
    "available",
    "preparing",
    "charging",
    "suspended_ev",
    "suspended_evse",
    "finishing",
    "reserved",
    "unavailable",
    "faulted",
)

MANDATORY: Mapping[Kind, tuple[str, ...]] = {
    "inverter": ("ac_power_kw", "energy_total_kwh", "state"),
    "battery": ("soc_pct", "battery_power_kw"),
    "charger": ("connector_state", "charging_power_kw"),
    "meter": ("active_power_kw", "energy_import_kwh"),
}
"""What a profile of each kind needs; a weather station needs any one standard point."""


def states_of(point: str, kind: Kind) -> tuple[str, ...] | None:
    """The names that a state point may take, or None where makers are free."""
    if point == "connector_state":
        return CONNECTOR_STATES
    if point == "battery_state" or (point == "state" and kind == "battery"):
        return BATTERY_STATES
    return INVERTER_STATES if point == "state" and kind == "inverter" else None


@cache
def standard(name: str) -> StandardPoint | None:
    """The standard point of this name, or None; `dc_current_3_a` and `dc_current_{n}_a` find their family."""
    if (found := STANDARD.get(name)) is not None:
        return found
    family = STANDARD.get(_NUMBER.sub("_{n}", name, count=1)) or STANDARD.get(name.replace("{n}", "1"))
    if family is None:
        return None
    digits = _NUMBER.search(name)
    number = digits[0].strip("_") if digits else "{n}"
    label = Text(family.label.en.replace("{n}", number), family.label.zh.replace("{n}", number))
    return replace(family, name=name, label=label)


def same_family(name: str, other: str) -> bool:
    """Whether both are one standard point, or members of one numbered family (two strings, two cells)."""
    if name == other:
        return True
    family = _NUMBER.sub("_{n}", name, count=1)
    return family in STANDARD and family == _NUMBER.sub("_{n}", other, count=1)


_NUMBER = re.compile(r"_[1-9][0-9]*(?=_|$)")

_INV: tuple[Kind, ...] = ("inverter",)
_BAT: tuple[Kind, ...] = ("battery",)
_CHG: tuple[Kind, ...] = ("charger",)
_MET: tuple[Kind, ...] = ("meter",)
_WEA: tuple[Kind, ...] = ("weather",)
_GW: tuple[Kind, ...] = ("gateway",)
_BUS: tuple[Kind, ...] = ("bus",)
_AC: tuple[Kind, ...] = ("inverter", "battery", "charger", "meter")

_GENERATION = Text("generation +, consumption -", "发电为正,用电为负")
_CHARGE = Text("charge +, discharge -", "充电为正,放电为负")
_IMPORT = Text("import from the grid +, export -", "从电网受电为正,向电网送电为负")
_AS_SENT = Text(
    "sign as the device sends it; battery_power_kw tells the direction",
    "符号随设备;方向以 battery_power_kw 为准",
)
_CODE = Text("the numbers of the set bits of the maker's word", "厂家故障字中已置位的位号")
_PHASES = ("l1", "l2", "l3")
_LINES = (("12", "L1-L2"), ("23", "L2-L3"), ("31", "L3-L1"))


def _point(
    kinds: tuple[Kind, ...],
    name: str,
    unit: str,
    en: str,
    zh: str,
    *,
    meaning: Text | None = None,
    counter: bool = False,
    type_: ValueType = "number",
) -> StandardPoint:
    rate = _max_rate(name, unit) if kinds != _GW else None
    return StandardPoint(name, kinds, unit, type_, Text(en, zh), meaning, counter, rate)


def _max_rate(name: str, unit: str) -> float | None:
    beginnings = (rate for beginning, rate in _RATES.items() if name.startswith(beginning))
    return next(beginnings, _RATES_BY_UNIT.get(unit))


_RATES = {"soc_pct": 0.5, "soh_pct": 0.1, "vehicle_soc_pct": 0.5, "humidity_pct": 5.0, "cell_voltage_": 0.5}
_RATES_BY_UNIT = {"Hz": 2.0, "°C": 1.0, "hPa": 1.0}


def _phases(
    kinds: tuple[Kind, ...],
    name: str,
    unit: str,
    en: str,
    zh: str,
    *,
    meaning: Text | None = None,
    counter: bool = False,
) -> Iterator[StandardPoint]:
    """One point per phase; `{l}` in the name becomes `l1`, `l2`, `l3`."""
    for phase in _PHASES:
        label_en, label_zh = f"{en} {phase.upper()}", f"{phase.upper()} {zh}"
        yield _point(
            kinds, name.replace("{l}", phase), unit, label_en, label_zh, meaning=meaning, counter=counter
        )


def _alternating_current() -> Iterator[StandardPoint]:
    yield _point(_AC, "ac_power_kw", "kW", "AC power", "交流有功功率", meaning=_GENERATION)
    yield _point(_AC, "ac_reactive_power_kvar", "kvar", "Reactive power", "无功功率")
    yield _point(_AC, "ac_apparent_power_kva", "kVA", "Apparent power", "视在功率")
    yield _point(_AC, "power_factor", "", "Power factor", "功率因数", meaning=Text("-1 to 1", "-1 至 1"))
    yield _point(_AC, "frequency_hz", "Hz", "Frequency", "频率")
    yield _point(_AC, "ac_current_a", "A", "AC current, all phases", "交流总电流")
    yield from _phases(
        _AC, "ac_voltage_{l}_v", "V", "Voltage", "相电压", meaning=Text("phase to neutral", "相对中性线")
    )
    for lines, text in _LINES:
        yield _point(_AC, f"ac_voltage_l{lines}_v", "V", f"Voltage {text}", f"{text} 线电压")
    yield from _phases(_AC, "ac_current_{l}_a", "A", "Current", "电流")
    yield from _phases(
        _INV + _BAT + _CHG, "ac_power_{l}_kw", "kW", "AC power", "有功功率", meaning=_GENERATION
    )
    yield from _phases(_AC, "ac_reactive_power_{l}_kvar", "kvar", "Reactive power", "无功功率")
    yield from _phases(_AC, "ac_apparent_power_{l}_kva", "kVA", "Apparent power", "视在功率")
    yield from _phases(_AC, "power_factor_{l}", "", "Power factor", "功率因数")


def _inverter() -> Iterator[StandardPoint]:
    yield _point(_INV + _BAT, "dc_power_kw", "kW", "DC power", "直流功率")
    yield _point(_INV + _BAT + _CHG, "dc_voltage_v", "V", "DC voltage", "直流电压")
    yield _point(_INV + _BAT + _CHG, "dc_current_a", "A", "DC current", "直流电流")
    yield _point(_INV + _BAT, "dc_voltage_{n}_v", "V", "DC voltage, input {n}", "直流输入 {n} 电压")
    yield _point(_INV + _BAT, "dc_current_{n}_a", "A", "DC current, input {n}", "直流输入 {n} 电流")
    yield _point(_INV + _BAT, "dc_power_{n}_kw", "kW", "DC power, input {n}", "直流输入 {n} 功率")
    yield _point(_INV, "energy_total_kwh", "kWh", "Energy generated", "累计发电量", counter=True)
    yield _point(_INV, "energy_today_kwh", "kWh", "Energy generated today", "今日发电量")
    yield _point(_INV, "load_power_kw", "kW", "Load power", "负载功率")
    yield _point(_INV, "backup_power_kw", "kW", "Backup output power", "离网输出功率")
    yield _point(_INV, "energy_load_kwh", "kWh", "Energy to loads", "累计负载用电量", counter=True)
    yield _point(_INV, "energy_load_today_kwh", "kWh", "Energy to loads today", "今日负载用电量")
    yield _point(_INV, "dc_bus_voltage_v", "V", "DC bus voltage", "直流母线电压")
    yield _point((*_INV, *_BAT), "insulation_kohm", "kΩ", "Insulation resistance", "绝缘电阻")
    yield _point(_INV, "leakage_current_ma", "mA", "Residual current", "漏电流")
    yield _point(_INV + _BAT, "heatsink_temperature_c", "°C", "Heat sink temperature", "散热器温度")
    yield _point(_INV, "operating_hours_h", "h", "Operating hours", "累计运行时间", counter=True)
    yield _point(_INV + _BAT + _CHG, "rated_power_kw", "kW", "Rated power", "额定功率")


def _battery() -> Iterator[StandardPoint]:
    yield _point(_BAT, "soc_pct", "%", "State of charge", "荷电状态 SOC")
    yield _point(_BAT, "soh_pct", "%", "State of health", "健康度 SOH")
    yield _point(_BAT, "battery_power_kw", "kW", "Battery power", "电池功率", meaning=_CHARGE)
    yield _point(_BAT, "battery_voltage_v", "V", "Battery voltage", "电池电压")
    yield _point(_BAT, "battery_current_a", "A", "Battery current", "电池电流", meaning=_AS_SENT)
    yield _point(_BAT, "battery_temperature_c", "°C", "Battery temperature", "电池温度")
    yield _point(_BAT, "battery_state", "", "Battery state", "电池状态", type_="string")
    yield _point(_BAT, "cell_voltage_max_v", "V", "Highest cell voltage", "最高单体电压")
    yield _point(_BAT, "cell_voltage_min_v", "V", "Lowest cell voltage", "最低单体电压")
    yield _point(_BAT, "cell_voltage_mean_v", "V", "Mean cell voltage", "平均单体电压")
    yield _point(_BAT, "cell_voltage_{n}_v", "V", "Voltage of cell {n}", "单体 {n} 电压")
    yield _point(_BAT, "cell_temperature_max_c", "°C", "Highest cell temperature", "最高单体温度")
    yield _point(_BAT, "cell_temperature_min_c", "°C", "Lowest cell temperature", "最低单体温度")
    yield _point(_BAT, "cell_temperature_mean_c", "°C", "Mean cell temperature", "平均单体温度")
    yield _point(_BAT, "cell_temperature_{n}_c", "°C", "Temperature of cell {n}", "单体 {n} 温度")
    yield _point(_BAT, "energy_charged_kwh", "kWh", "Energy charged", "累计充电量", counter=True)
    yield _point(_BAT, "energy_discharged_kwh", "kWh", "Energy discharged", "累计放电量", counter=True)
    yield _point(_BAT, "energy_charged_today_kwh", "kWh", "Energy charged today", "今日充电量")
    yield _point(_BAT, "energy_discharged_today_kwh", "kWh", "Energy discharged today", "今日放电量")
    yield _point(_BAT, "capacity_kwh", "kWh", "Rated capacity", "额定容量")
    yield _point(_BAT, "capacity_ah", "Ah", "Total capacity", "总容量")
    yield _point(_BAT, "remaining_capacity_ah", "Ah", "Remaining capacity", "剩余容量")
    yield _point(_BAT, "cycle_count", "", "Cycles", "循环次数", counter=True)
    yield _point(_BAT, "charge_current_limit_a", "A", "Charge current permitted", "允许充电电流")
    yield _point(_BAT, "discharge_current_limit_a", "A", "Discharge current permitted", "允许放电电流")
    yield _point(_BAT, "module_count", "", "Modules", "模块数")


def _charger() -> Iterator[StandardPoint]:
    yield _point(_CHG, "connector_state", "", "Connector state", "充电枪状态", type_="string")
    yield _point(_CHG, "charging_power_kw", "kW", "Charging power", "充电功率")
    yield _point(_CHG, "session_energy_kwh", "kWh", "Energy of this session", "本次充电量")
    yield _point(_CHG, "energy_delivered_kwh", "kWh", "Energy delivered", "累计充出电量", counter=True)
    yield _point(_CHG, "current_limit_a", "A", "Current permitted", "允许电流")
    yield _point(_CHG, "session_duration_s", "s", "Time of this session", "本次充电时长")
    yield _point(_CHG, "vehicle_soc_pct", "%", "State of charge of the vehicle", "车辆 SOC")
    yield _point(_CHG, "connector_temperature_c", "°C", "Connector temperature", "充电枪温度")
    yield _point(_CHG, "connector_state_{n}", "", "State of connector {n}", "充电枪 {n} 状态", type_="string")
    yield _point(_CHG, "charging_power_{n}_kw", "kW", "Charging power of connector {n}", "充电枪 {n} 功率")


def _meter() -> Iterator[StandardPoint]:
    yield _point(_MET, "active_power_kw", "kW", "Active power", "有功功率", meaning=_IMPORT)
    yield from _phases(_MET, "active_power_{l}_kw", "kW", "Active power", "有功功率", meaning=_IMPORT)
    yield _point(_MET, "energy_import_kwh", "kWh", "Energy imported", "正向有功电量", counter=True)
    yield _point(_MET, "energy_export_kwh", "kWh", "Energy exported", "反向有功电量", counter=True)
    yield _point(_MET, "energy_import_today_kwh", "kWh", "Energy imported today", "今日受电量")
    yield _point(_MET, "energy_export_today_kwh", "kWh", "Energy exported today", "今日送电量")
    yield from _phases(_MET, "energy_import_{l}_kwh", "kWh", "Energy imported", "正向有功电量", counter=True)
    yield from _phases(_MET, "energy_export_{l}_kwh", "kWh", "Energy exported", "反向有功电量", counter=True)
    yield _point(
        _MET,
        "reactive_energy_import_kvarh",
        "kvarh",
        "Reactive energy imported",
        "正向无功电量",
        counter=True,
    )
    yield _point(
        _MET,
        "reactive_energy_export_kvarh",
        "kvarh",
        "Reactive energy exported",
        "反向无功电量",
        counter=True,
    )
    yield _point(_MET, "ac_voltage_ln_v", "V", "Voltage, mean of the phases", "平均相电压")
    yield _point(_MET, "ac_voltage_ll_v", "V", "Line voltage, mean", "平均线电压")
    yield _point(_MET, "ac_current_n_a", "A", "Neutral current", "中性线电流")
    yield _point(_MET, "unbalance_pct", "%", "Voltage unbalance", "电压不平衡度")
    yield _point(_MET, "demand_kw", "kW", "Demand", "需量", meaning=_IMPORT)
    yield from _phases(_MET, "thd_voltage_{l}_pct", "%", "Voltage distortion", "电压总谐波畸变率")
    yield from _phases(_MET, "thd_current_{l}_pct", "%", "Current distortion", "电流总谐波畸变率")


def _weather() -> Iterator[StandardPoint]:
    yield _point(_WEA, "irradiance_poa_w_m2", "W/m²", "Irradiance, plane of array", "组件面辐照度")
    yield _point(_WEA, "irradiance_ghi_w_m2", "W/m²", "Irradiance, horizontal", "水平面总辐照度")
    yield _point(_WEA + _INV, "module_temperature_c", "°C", "Module temperature", "组件温度")
    yield _point(_WEA + _INV + _BAT, "ambient_temperature_c", "°C", "Ambient temperature", "环境温度")
    yield _point(_WEA, "humidity_pct", "%", "Relative humidity", "相对湿度")
    yield _point(_WEA, "wind_speed_m_s", "m/s", "Wind speed", "风速")
    yield _point(
        _WEA, "wind_direction_deg", "°", "Wind direction", "风向", meaning=Text("from north", "自正北起")
    )
    yield _point(_WEA, "pressure_hpa", "hPa", "Air pressure", "气压")
    yield _point(_WEA, "rainfall_mm", "mm", "Rainfall", "降雨量")


def _polled() -> Iterator[StandardPoint]:
    yield _point(_INV + _BAT, "state", "", "State", "运行状态", type_="string")
    yield _point(_INV + _BAT + _CHG + _MET, "temperature_c", "°C", "Cabinet temperature", "机内温度")
    yield _point(
        _INV + _BAT + _CHG + _MET, "fault_code", "", "Fault code", "故障码", meaning=_CODE, type_="string"
    )
    yield _point(
        _INV + _BAT + _CHG + _MET, "warning_code", "", "Warning code", "告警码", meaning=_CODE, type_="string"
    )
    yield _point(_INV + _BAT + _CHG + _MET, "fault_number", "", "Fault number", "故障编号")
    yield _point(POLLED_KINDS, "vendor", "", "Maker", "厂家", type_="string")
    yield _point(POLLED_KINDS, "model", "", "Model", "型号", type_="string")
    yield _point(POLLED_KINDS, "serial", "", "Serial number", "序列号", type_="string")
    yield _point(POLLED_KINDS, "firmware", "", "Firmware", "固件版本", type_="string")
    yield _point(
        POLLED_KINDS,
        "device_clock_offset_s",
        "s",
        "Clock of the device, ahead of ours",
        "设备时钟与网关时钟之差",
    )
    yield _point(POLLED_KINDS, "failed_polls", "", "Failed polls in a row", "连续失败轮询数")
    yield _point(POLLED_KINDS, "good_polls", "", "Good polls in a row", "连续成功轮询数")


def _gateway() -> Iterator[StandardPoint]:
    yield _point(_GW, "cpu_pct", "%", "Processor load", "处理器负荷")
    yield _point(_GW, "cpu_temperature_c", "°C", "Processor temperature", "处理器温度")
    yield _point(_GW, "memory_available_pct", "%", "Memory available", "可用内存")
    yield _point(_GW, "disk_free_mb", "MB", "Disk free", "磁盘剩余")
    yield _point(_GW, "disk_used_pct", "%", "Disk used", "磁盘占用")
    yield _point(_GW, "sd_written_mb_per_day", "MB/d", "Written to the card", "存储卡日写入量")
    yield _point(_GW, "storage_refuses", "", "Storage refuses to be written", "存储拒绝写入", type_="bool")
    yield _point(_GW, "clock_synchronized", "", "Clock synchronized", "时钟已同步", type_="bool")
    yield _point(_GW, "clock_offset_s", "s", "Clock offset", "时钟偏差")
    yield _point(_GW, "clock_skew_ppm", "ppm", "Clock skew", "时钟快慢")
    yield _point(_GW, "uptime_s", "s", "Up for", "运行时长")
    yield _point(_GW, "restarts_1h", "", "Restarts in the last hour", "近一小时重启次数")
    yield _point(_GW, "buses_total", "", "Buses", "总线数")
    yield _point(_GW, "buses_silent", "", "Silent buses", "无应答总线数")
    yield _point(_GW, "backlog_frames", "", "Frames not yet delivered", "待上送帧数")
    yield _point(_GW, "backlog_age_s", "s", "Age of the oldest undelivered frame", "最早待上送帧的时长")
    yield _point(_GW, "influxdb_errors_pct", "%", "Database write errors", "数据库写入错误率")
    yield _point(_GW, "influxdb_lag_s", "s", "Oldest row not yet in the database", "最早待入库数据的时长")
    yield _point(_GW, "influxdb_rejected", "", "Rows set aside as refused for good", "被永久拒收的数据行数")
    yield _point(_GW, "mqtt_connected", "", "MQTT connected", "MQTT 已连接", type_="bool")
    yield _point(
        _GW,
        "mqtt_identity_in_use",
        "",
        "MQTT client id in use by another",
        "MQTT 客户端标识被占用",
        type_="bool",
    )
    yield _point(_GW, "under_voltage", "", "Supply voltage low", "供电欠压", type_="bool")
    yield _point(_GW, "throttled", "", "Processor throttled", "处理器降频", type_="bool")


def _bus() -> Iterator[StandardPoint]:
    yield _point(_BUS, "load_pct", "%", "Bus load", "总线负荷")
    yield _point(_BUS, "cycle_s", "s", "Polling cycle", "轮询周期")
    yield _point(_BUS, "requests_per_s", "1/s", "Requests per second", "每秒请求数")
    yield _point(_BUS, "errors_pct", "%", "Failed requests", "请求失败率")
    yield _point(_BUS, "devices_silent", "", "Silent devices", "无应答设备数")
    meaning = Text("since any device answered, while several are asked in vain", "多台设备连续无应答的时长")
    yield _point(_BUS, "silent_for_s", "s", "Line silent for", "线路静默时长", meaning=meaning)
    yield _point(_BUS, "devices_dead", "", "Devices that are gone", "失联设备数")
    yield _point(_BUS, "devices_total", "", "Devices", "设备数")
    planned = Text("what the planned reads take by the cost model", "按成本模型估算的计划读取占用")
    yield _point(_BUS, "planned_load_pct", "%", "Planned bus load", "计划总线负荷", meaning=planned)
    missed = Text("due, but the line was not free before the next one was", "到期但线路一直被占用而跳过")
    yield _point(_BUS, "missed_polls_pct", "%", "Missed polls", "错过的轮询比例", meaning=missed)
    yield _point(_BUS, "longest_delay_s", "s", "Longest delay of a poll", "轮询最大延迟")


STANDARD: Mapping[str, StandardPoint] = {
    point.name: point
    for part in (
        _polled(),
        _alternating_current(),
        _inverter(),
        _battery(),
        _charger(),
        _meter(),
        _weather(),
        _gateway(),
        _bus(),
    )
    for point in part
}
"""All standard points by name, families under their name with `{n}`."""
