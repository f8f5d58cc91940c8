"""A search that finds two units at once: for the pages and their tests."""

from gateway.console.ports import ActRefused, Json, WrongArguments

_LINE = "rtu:///dev/ttyUSB0?baudrate=9600"
_METER: Json = {
    "url": _LINE,
    "unit": 2,
    "profile": "eastron-sdm630",
    "vendor": "Eastron",
    "model": "SDM630",
    "serial": "210034",
    "version": "",
    "confidence": 0.97,
    "entry": {"id": "meter-1", "profile": "eastron-sdm630", "unit": 2},
    "candidates": [],
    "also_units": [],
    "findings": [],
    "values": {"frequency_hz": 49.98, "ac_voltage_l1_v": 231.2},
}
_STRANGER: Json = {
    **_METER,
    "unit": 7,
    "profile": None,
    "vendor": "",
    "model": "<b>?</b>",
    "serial": "",
    "confidence": 0.0,
    "entry": {"id": "unknown-1", "unit": 7},
    "values": {},
}
FOUND: Json = {
    "devices": [_METER, _STRANGER],
    "buses": [],
    "missing": 0,
    "yaml": "buses:\n  - {id: rs485-1}\ndevices:\n  - {id: meter-1, profile: eastron-sdm630, unit: 2}\n",
}
_IDLE: Json = {
    "state": "idle",
    "bus": None,
    "progress": None,
    "longest_s": None,
    "problem": None,
    "result": None,
}


class SmallScan:
    """Done as soon as it is begun; on the bus `slow` it goes on for ever."""

    def __init__(self) -> None:
        self._told = _IDLE

    def state(self) -> Json:
        return self._told

    def start(self, bus: str, units: str | None, *, by: str) -> Json:
        if self._told["state"] == "running":
            raise ActRefused("a search is running; stop it first", {"guard": "scan_running"})
        if bus not in ("rs485-1", "slow"):
            raise WrongArguments([("bus", f"there is no bus {bus!r}")])
        if bus == "slow":
            progress = {"doing": "asking", "done": 12, "total": 247, "found": 1}
            self._told = {**_IDLE, "state": "running", "bus": bus, "longest_s": 74, "progress": progress}
        else:
            self._told = {**_IDLE, "state": "done", "bus": bus, "longest_s": 74, "result": FOUND}
        return self._told

    def stop(self) -> Json:
        self._told = {**self._told, "state": "stopped"}
        return self._told
