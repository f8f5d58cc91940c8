"""What is left of a document whose shape is wrong, so that its other faults can be told as well."""

import copy
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from agent.document import path_in
from agent.plain_yaml import Path

ROUNDS = 4
"""A faulty required value is first taken out, then stood in for; each may uncover one more."""

Model = TypeVar("Model", bound=BaseModel)
StandIn: TypeAlias = Callable[[Path, Any], Any]
"""Place and faulty value (None where it is missing) → what fits there, or None."""


def mended(model: type[Model], data: Any, stand_in: StandIn) -> tuple[Model, frozenset[Path]] | None:
    """The model without its faulty values, and their places; None where too little can be read."""
    data = copy.deepcopy(data)
    places: set[Path] = set()
    for _ in range(ROUNDS):
        try:
            return model.model_validate(data), frozenset(places)
        except ValidationError as error:
            found = {path_in(data, (), item["loc"]): item["type"] == "missing" for item in error.errors()}
            done: set[Path] = set()
            for place, missing in found.items():
                if any(place[:length] in done for length in range(1, len(place))):
                    continue  # it went with what it was in
                if not _mend(data, place, stand_in, missing=missing):
                    return None
                done.add(place)
            places |= set(found)
    return None


def _mend(data: Any, place: Path, stand_in: StandIn, *, missing: bool) -> bool:
    """Take the value at `place` out, or stand in for it where something must be there."""
    if not place:
        return False
    *above, name = place
    for part in above:
        data = data[part]
    if isinstance(data, dict) and not missing:
        return data.pop(name, stand_in) is not stand_in
    data[name] = stand_in(place, None if missing else data[name])
    return data[name] is not None
