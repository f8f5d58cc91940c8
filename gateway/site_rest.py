"""A site file whose shape is wrong still has a rest that can be checked: no fault hides another."""

import copy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.document import KEY, Document, Fault, path_in, path_text
from agent.document import Path as Place
from gateway.config import SiteFile
from gateway.site_check import find_out

ROUNDS = 4
"""A faulty required value is first taken out, then stood in for; each may uncover one more."""


def faults_of_rest(document: Document, folder: Path) -> tuple[Fault, ...]:
    """The errors that a file has beside those of its shape; none if too little of it can be read."""
    data = copy.deepcopy(document.data)
    mended: set[Place] = set()
    for _ in range(ROUNDS):
        try:
            file = SiteFile.model_validate(data)
        except ValidationError as error:
            places = {path_in(data, (), item["loc"]): item["type"] == "missing" for item in error.errors()}
            if not all(_mend(data, place, missing=missing) for place, missing in places.items()):
                return ()
            mended |= set(places)
        else:
            known = tuple(path_text(place) for place in mended)
            found = find_out(file, document, folder).faults
            return tuple(f for f in found if f.level == "error" and not f.path.startswith(known))
    return ()


def _mend(data: Any, place: Place, *, missing: bool) -> bool:
    """Take the value at `place` out, or stand in for it where it is required."""
    if not place:
        return False
    *above, name = place
    for part in above:
        data = data[part]
    if not isinstance(data, dict):
        return False
    if not missing:
        return data.pop(name, KEY) is not KEY
    stand_in = _stand_in(name, next((part for part in above if isinstance(part, int)), 0))
    if stand_in is None:
        return False
    data[name] = stand_in
    return True


def _stand_in(name: str | int, index: int) -> Any:
    """Something of the right shape that meets nothing else in the file."""
    match name:
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
