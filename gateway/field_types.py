"""Which type each field of the database has, by its name, over all profiles of a site. Pure.

InfluxDB fixes a field's type with the first row of a measurement and refuses every other one, so that two
devices of one kind may not mean different things by one name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.profile import Profile

OWN = ("seq", "bad", "clock")
"""Fields that each row has of its own."""
OWN_OF_SPANS = ("polls", "failed")


@dataclass(frozen=True, slots=True)
class Clash:
    """A point whose name already stands for something else."""

    profile: str
    point: str
    why: str


def clashes(profiles: Iterable[Profile]) -> Iterator[Clash]:
    """What keeps the readings of these profiles, each given once, from standing in one measurement."""
    known: dict[tuple[str, str], tuple[str, str]] = {}
    for profile in profiles:
        names = {point.name for point in profile.points}
        for point in profile.points:
            if point.name in (*OWN, *OWN_OF_SPANS):
                yield Clash(profile.name, point.name, "each row in the database has a field of this name")
                continue
            for suffix in ("_min", "_max", "_first"):
                if point.name.endswith(suffix) and point.name.removesuffix(suffix) in names:
                    whole = point.name.removesuffix(suffix)
                    why = f"the database's tiers have a field of this name for {whole!r}"
                    yield Clash(profile.name, point.name, why)
            type_, first = known.setdefault((profile.kind, point.name), (point.value_type, profile.name))
            if type_ != point.value_type:
                why = f"it is a {point.value_type} here and a {type_} in profile {first!r} of the same kind"
                yield Clash(profile.name, point.name, why)
