"""A site file whose shape is wrong still has a rest that can be checked: no fault hides another."""

from pathlib import Path
from typing import Any

from agent.document import Document, Fault, path_text
from agent.mend import mended
from agent.plain_yaml import Path as Place
from gateway.config import SiteFile
from gateway.site_check import find_out


def faults_of_rest(document: Document, folder: Path) -> tuple[Fault, ...]:
    """The errors that a file has beside those of its shape; none if too little of it can be read."""
    free = _free_units(document.data)
    rest = mended(SiteFile, document.data, lambda place, _: _stand_in(place, free))
    if rest is None:
        return ()
    file, places = rest
    known = tuple(path_text(place) for place in places)
    found = find_out(file, document, folder).faults
    return tuple(f for f in found if f.level == "error" and not f.path.startswith(known))


def _free_units(data: Any) -> list[int]:
    """The units that no device of the file has."""
    devices = data.get("devices") if isinstance(data, dict) else None
    entries = devices if isinstance(devices, list) else []
    taken = [device.get("unit") for device in entries if isinstance(device, dict)]
    return [unit for unit in range(247, 0, -1) if unit not in taken]


def _stand_in(place: Place, free: list[int]) -> Any:
    """Something of the right shape that meets nothing else in the file."""
    index = next((part for part in place if isinstance(part, int)), 0)
    match place[-1]:
        case "version":
            return 1
        case "id":
            return f"unnamed-{index}"
        case "unit":
            return free[index % len(free)] if free else None
        case "url":
            return "tcp://unknown.invalid"
        case "bus" | "profile" | "en":
            return "?"
        case "name":
            return {"en": "?", "zh": "?"}
        case _:
            return None
