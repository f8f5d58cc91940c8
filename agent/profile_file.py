"""The YAML form of a device profile, read into a frozen `Profile`.

Everything wrong in a file is said at once, each with its line. What only weakens a
profile (a mandatory point missing, a standard point of another kind) is a warning.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agent.document import Document, DocumentError, Fault, path_text, read
from agent.mend import mended
from agent.modbus.address import Span
from agent.modbus.sunspec_models import definition, has_point
from agent.plain_yaml import Path as Place
from agent.points import MANDATORY, StandardPoint, standard, states_of
from agent.profile import Kind, Link, Point, Profile, SunSpecMap, SunSpecPoint
from agent.profile_samples import sample_errors, sample_name_errors
from agent.profile_yaml import ProfileYaml


def read_profile(document: Document) -> Profile:
    """The profile in a document.

    Raises:
        DocumentError: with all faults of the file.
    """
    try:
        yaml = read(ProfileYaml, document)
    except DocumentError as error:
        faults = (*error.faults, *_faults_of_rest(document))
    else:
        profile = _profile(yaml)
        faults = tuple(_errors(profile, document)) or tuple(sample_errors(profile, document))
        if not faults:
            return profile
    raise DocumentError(sorted(faults, key=lambda fault: (fault.line, fault.column)))


def _faults_of_rest(document: Document) -> tuple[Fault, ...]:
    """What is wrong with a profile beside its shape."""
    rest = mended(ProfileYaml, document.data, _stand_in)
    if rest is None:
        return ()
    known = tuple(path_text(place) for place in rest[1])
    if any(place[0] == "points" for place in rest[1]):
        known = (*known, "samples")  # they may well expect what the faulty point was meant to be
    return tuple(f for f in _errors(_profile(rest[0]), document) if not f.path.startswith(known))


def _stand_in(place: Place, value: Any) -> Any:
    """For a value that a profile must have; a faulty point keeps its name."""
    match place:
        case ("version",):
            return 1
        case ("vendor" | "model",):
            return "?"
        case ("title", "en" | "zh"):
            return "?"
        case ("points", int(index)) if isinstance(value, dict):
            name = value.get("name", f"point_{index}")
            label = {"en": "?", "zh": "?"}
            return {
                "name": name,
                "table": "coil",
                "address": index,
                "type": "bool",
                "unit": "",
                "label": label,
            }
        case _:
            return None


def _profile(yaml: ProfileYaml) -> Profile:
    link = yaml.link.link()
    points = tuple(point.point(link) for point in yaml.points)
    return Profile(
        name=yaml.profile,
        kind=yaml.kind,
        also=yaml.also,
        vendor=yaml.vendor,
        model=yaml.model,
        title=yaml.title.text(),
        sources=yaml.sources,
        link=link,
        every_ms=yaml.every,
        points=tuple(_completed(point) for point in points),
        samples=tuple(sample.sample() for sample in yaml.samples),
        sunspec=_sunspec(yaml),
        ratio_applied=yaml.ratio_applied,
        identify=None if yaml.identify is None else yaml.identify.fingerprint(link),
    )


def warnings_of(profile: Profile, document: Document) -> tuple[Fault, ...]:
    """What a reader should know about a profile that can be used all the same."""
    return tuple(_warnings(profile, document))


def with_ratios(profile: Profile, ct_ratio: float, pt_ratio: float) -> Profile:
    """The profile as seen through transformers: what the meter says times their ratios.

    Current goes with the current transformer, voltage with the voltage transformer,
    power and energy with both; nothing changes where the meter knows the ratios itself.
    """
    if profile.ratio_applied or (ct_ratio == 1.0 and pt_ratio == 1.0):
        return profile
    return replace(
        profile,
        points=tuple(_scaled(point, _ratio(point.unit, ct_ratio, pt_ratio)) for point in profile.points),
        sunspec=replace(
            profile.sunspec,
            points=tuple(
                _scaled_sunspec(point, _ratio(point.unit, ct_ratio, pt_ratio))
                for point in profile.sunspec.points
            ),
        )
        if profile.sunspec is not None
        else None,
    )


_CURRENT_UNITS = frozenset({"A", "mA"})
_VOLTAGE_UNITS = frozenset({"V", "kV"})
_POWER_UNITS = frozenset({"W", "kW", "var", "kvar", "VA", "kVA", "Wh", "kWh", "varh", "kvarh", "VAh", "kVAh"})


def _ratio(unit: str, ct_ratio: float, pt_ratio: float) -> float:
    if unit in _CURRENT_UNITS:
        return ct_ratio
    if unit in _VOLTAGE_UNITS:
        return pt_ratio
    return ct_ratio * pt_ratio if unit in _POWER_UNITS else 1.0


def _widened(limits: tuple[float, float] | None, ratio: float) -> tuple[float, float] | None:
    return (limits[0] * ratio, limits[1] * ratio) if limits is not None else None


def _scaled(point: Point, ratio: float) -> Point:
    if ratio == 1.0 or point.value_type != "number":
        return point
    form = replace(point.format, scale=point.format.scale * ratio, range=_widened(point.format.range, ratio))
    return replace(
        point,
        format=form,
        max_rate=None if point.max_rate is None else point.max_rate * ratio,
        wraps_at=None if point.wraps_at is None else point.wraps_at * ratio,
    )


def _scaled_sunspec(point: SunSpecPoint, ratio: float) -> SunSpecPoint:
    return replace(point, scale=point.scale * ratio, range=_widened(point.range, ratio))


def _completed(point: Point) -> Point:
    """Unit, label and counter of a standard point need not be written in each profile."""
    known = standard(point.name)
    if known is None:
        return point
    return replace(
        point,
        unit=point.unit or known.unit,
        label=point.label or known.label,
        counter=point.counter or known.counter,
    )


def _sunspec(yaml: ProfileYaml) -> SunSpecMap | None:
    if yaml.sunspec is None:
        return None
    return yaml.sunspec.map(
        {point.name: known for point in yaml.sunspec.points if (known := standard(point.name)) is not None}
    )


def _errors(profile: Profile, document: Document) -> Iterator[Fault]:
    stem = document.file.rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    if stem.endswith((".yaml", ".yml")) and stem.rsplit(".", 1)[0] != profile.name:
        yield document.fault(
            ("profile",),
            f"the profile is called {profile.name!r} but its file {stem!r}",
            "give both the same name",
        )
    if profile.sunspec is None and not profile.points:
        yield document.fault((), "the profile has no points", "add `points:` or `sunspec:`")
    yield from _point_errors(profile, document)
    yield from _sunspec_errors(profile, document)
    yield from _mark_errors(profile, document)
    yield from sample_name_errors(profile, document)


def _point_errors(profile: Profile, document: Document) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, point in enumerate(profile.points):
        at = ("points", index)
        if point.name in seen:
            yield document.fault(
                (*at, "name"),
                f"the point {point.name!r} is already defined at points[{seen[point.name]}]",
                "give each point its own name",
            )
        seen.setdefault(point.name, index)
        yield from _name_errors(point, point.value_type, document, at)
        yield from _state_errors(profile.kinds, point, document, at)
        yield from _span_errors(profile.link, point, document, at)


def _name_errors(
    point: Point | SunSpecPoint, value_type: str | None, document: Document, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    known = standard(point.name)
    if known is None:
        return
    if point.unit != known.unit:
        yield document.fault(
            (*at, "unit"),
            f"the standard point {point.name!r} is in {known.unit!r}, not {point.unit!r}",
            "scale it to that unit",
        )
    if value_type is not None and value_type != known.type:
        yield document.fault(
            at,
            f"the standard point {point.name!r} is a {known.type}, here it is a {value_type}",
            _type_remedy(known),
        )


def _type_remedy(known: StandardPoint) -> str:
    return "give it `states:` or `bits:`" if known.type == "string" else "choose a fitting type or name"


def _state_errors(
    kinds: tuple[Kind, ...], point: Point, document: Document, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    allowed = states_of(point.name, kinds[0])
    for raw, state in (point.format.states or {}).items():
        if allowed is not None and state not in allowed:
            yield document.fault(
                (*at, "states", raw),
                f"{state!r} is not a name for {point.name!r}",
                f"use one of {', '.join(allowed)}",
            )


def _span_errors(link: Link, point: Point, document: Document, at: tuple[str | int, ...]) -> Iterator[Fault]:
    try:
        span = point.span
    except ValueError as error:
        yield document.fault((*at, "address"), str(error), "addresses are zero-based, as on the wire")
        return
    yield from _read_errors(link, repr(point.name), span, document, at)


def _read_errors(
    link: Link, what: str, span: Span, document: Document, at: tuple[str | int, ...]
) -> Iterator[Fault]:
    """What keeps the device from giving the span in one read."""
    if not span.table.is_bits and span.count > link.max_registers:
        yield document.fault(
            (*at, "address"),
            f"{what} needs {span.count} registers in one read, the link allows {link.max_registers}",
            "bring value and scale register closer together or raise link.max_registers",
        )
    for start, count in link.forbidden:
        if span.start < start + count and start < span.end and not span.table.is_bits:
            yield document.fault(
                (*at, "address"),
                f"{what} lies in {start}+{count}, which link.forbidden says never to read",
                "correct the address or the forbidden range",
            )


def _mark_errors(profile: Profile, document: Document) -> Iterator[Fault]:
    for index, mark in enumerate(profile.identify.marks if profile.identify is not None else ()):
        at = ("identify", "registers", index)
        try:
            span = mark.span
        except ValueError as error:
            yield document.fault((*at, "address"), str(error), "addresses are zero-based, as on the wire")
            continue
        yield from _read_errors(profile.link, "the mark", span, document, at)


def _sunspec_errors(profile: Profile, document: Document) -> Iterator[Fault]:
    if profile.sunspec is None:
        return
    names = {point.name for point in profile.points}
    for index, model in enumerate(profile.sunspec.assume):
        if definition(model) is None:
            yield document.fault(("sunspec", "assume", index), f"SunSpec has no model {model}", "correct it")
    for index, point in enumerate(profile.sunspec.points):
        at = ("sunspec", "points", index)
        if point.name in names:
            yield document.fault(
                (*at, "name"), f"the point {point.name!r} is already defined", "remove one of them"
            )
        names.add(point.name)
        yield from _name_errors(point, None, document, at)
        for model, place in point.models:
            if not has_point(model, place.removeprefix("-")):
                yield document.fault(
                    (*at, "find"),
                    f"SunSpec model {model} has no point {place.removeprefix('-')!r}",
                    "correct it; names are those of the SunSpec model definitions",
                )
        allowed = states_of(point.name, profile.kind)
        for symbol, state in (point.states or {}).items():
            if allowed is not None and state not in allowed:
                yield document.fault(
                    (*at, "states", symbol),
                    f"{state!r} is not a name for {point.name!r}",
                    f"use one of {', '.join(allowed)}",
                )


def _warnings(profile: Profile, document: Document) -> Iterator[Fault]:
    names = [point.name for point in profile.points]
    if profile.sunspec is not None:
        names += [point.name for point in profile.sunspec.points]
    for kind in profile.kinds:
        for name in MANDATORY.get(kind, ()):
            if name not in names:
                yield document.fault(
                    ("points",), f"a {kind} should have {name!r}", "add it if the device has it", "warning"
                )
    if profile.kind == "weather" and not any(_fits(name, ("weather",)) for name in names):
        yield document.fault(
            ("points",), "a weather station should have at least one standard point", "", "warning"
        )
    if not profile.samples:
        yield document.fault(
            (), "the profile has no samples", "add recorded registers with what they mean", "warning"
        )
    for index, point in enumerate(profile.points):
        if standard(point.name) is not None and not _fits(point.name, profile.kinds):
            yield document.fault(
                ("points", index, "name"),
                f"{point.name!r} is no standard point of kind {profile.kind}, so no rule will use it",
                "add the kind to `also:` if the device is one",
                "warning",
            )


def _fits(name: str, kinds: tuple[Kind, ...]) -> bool:
    known = standard(name)
    return known is not None and any(kind in known.kinds for kind in kinds)
