"""A site file whose shape is wrong still has a rest that can be checked: no fault hides another."""

from pathlib import Path
from typing import Any

from agent.document import Document, Fault, path_text
from agent.document import Path as Place
from agent.mend import mended
from gateway.config import SiteFile
from gateway.site_check import find_out


def faults_of_rest(document: Document, folder: Path) -> tuple[Fault, ...]:
    """The errors that a file has beside those of its shape; none if too little of it can be read."""
    rest = mended(SiteFile, document.data, _stand_in)
    if rest is None:
        return ()
    file, places = rest
    known = tuple(path_text(place) for place in places)
    found = find_out(file, document, folder).faults
    return tuple(f for f in found if f.level == "error" and not f.path.startswith(known))


def _stand_in(place: Place, _: Any) -> Any:
    """Something of the right shape that meets nothing else in the file."""
    index = next((part for part in place if isinstance(part, int)), 0)
    match place[-1]:
        case "version":
            return 1
        case "id":
            return f"unnamed-{index}"
        case "unit":
            return 247 - index % 200
        case "url":
            return "tcp://unknown.invalid"
        case "bus" | "profile" | "en":
            return "?"
        case "name":
            return {"en": "?", "zh": "?"}
        case _:
            return None
