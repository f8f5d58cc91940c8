"""A YAML text as plain data, with the place of each value, in one pass over the parser's events.

YAML 1.2's core schema: `no`, `12:30` and `2026-01-01` stay texts. Duplicate keys, tags and aliases
are refused (an alias bomb loads in no time and kills when walked), and depth is bounded.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

MAX_DEPTH = 40

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: `("devices", 0, "unit")`."""

KEY = "\0key"
"""`(*path, KEY)` is the place of the key itself rather than of its value."""

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml, some ten times as fast; the wheels of all our platforms have it."""

_WORD_VALUES = {"": None, "~": None} | {
    form: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for form in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(?:0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)|[0-9][0-9_]*)")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"(?P<minus>-)?\+?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NotPlainYamlError(ValueError):
    """The text is no YAML, or more than plain data. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, message: str, remedy: str = "") -> None:
        self.line, self.column, self.message, self.remedy = line, column, message, remedy
        super().__init__(message)


@dataclass(slots=True)
class _Open:
    """A list or mapping that has begun; `key` is what the next value of a mapping belongs to."""

    path: Path
    data: dict[Any, Any] | list[Any]
    key: Any = None
    has_key: bool = False


@dataclass(slots=True)
class Plain:
    """The root of a text, and the line and column at which each value stands."""

    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)


def read_plain(text: str) -> Plain:
    """All of a YAML text; an empty one is None.

    Raises:
        NotPlainYamlError: at the first thing that is no plain YAML.
    """
    plain = Plain()
    open_now: list[_Open] = []
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refused(event, "the file holds more than one document", "remove the line `---`")
            elif isinstance(event, yaml.CollectionEndEvent):
                open_now.pop()
            elif isinstance(event, yaml.NodeEvent):
                _take(event, open_now, plain)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(error.problem or error.context or "not readable as YAML").split())
        raise NotPlainYamlError(line, column, f"not valid YAML: {problem}") from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise NotPlainYamlError(1, 1, f"not valid YAML: {problem}") from None
    return plain


def _take(event: Any, open_now: list[_Open], plain: Plain) -> None:
    """Put a value, or a key, where it belongs, and open what begins."""
    around = open_now[-1] if open_now else None
    if isinstance(event, yaml.AliasEvent):
        raise _refused(event, "YAML aliases (*name) are not allowed", "write the value out")
    if event.tag is not None and event.tag != "!":
        raise _refused(event, "YAML tags (!name) are not allowed", "write the value alone")
    if around is not None and isinstance(around.data, dict) and not around.has_key:
        _take_key(event, around, plain)
        return
    value = _value(event)
    path: Path = ()
    if around is not None:
        if isinstance(around.data, dict):
            path, around.has_key = (*around.path, around.key), False
            around.data[around.key] = value
        else:
            path = (*around.path, len(around.data))
            around.data.append(value)
    else:
        plain.data = value
    plain.places[path] = _place(event)
    if isinstance(value, dict | list):
        if len(path) > MAX_DEPTH:
            raise _refused(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        open_now.append(_Open(path, value))


def _take_key(event: Any, around: _Open, plain: Plain) -> None:
    if not isinstance(event, yaml.ScalarEvent):
        raise _refused(
            event, "a key must be a plain word, not a list or a mapping", "write a word before the colon"
        )
    key = _value(event)
    if key in around.data:
        raise _refused(event, f"duplicate key {event.value!r}", "remove one of them")
    around.key, around.has_key = key, True
    plain.places[*around.path, key, KEY] = _place(event)


def _value(event: Any) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] else event.value
    return [] if isinstance(event, yaml.SequenceStartEvent) else {}


def _scalar(text: str) -> Any:
    """What an unquoted text means (YAML 1.2, 10.3.2); digits may be grouped by `_`."""
    if text in _WORD_VALUES:
        return _WORD_VALUES[text]
    if text[0] not in "-+.0123456789":
        return text
    if (whole := _INTEGER.fullmatch(text)) is not None:
        return _integer(text, whole)
    if _NUMBER.fullmatch(text) is not None:
        return float(text.replace("_", ""))
    if (odd := _NO_NUMBER.fullmatch(text)) is not None:
        return math.nan if text[1:2].lower() == "n" else -math.inf if odd["minus"] else math.inf
    return text


def _integer(text: str, whole: re.Match[str]) -> int | str:
    sign = -1 if text[0] == "-" else 1
    if whole["octal"]:
        return sign * int(whole["octal"], 8)
    if whole["hex"]:
        return sign * int(whole["hex"], 16)
    digits = text.replace("_", "")
    return int(digits) if len(digits) <= 400 else text


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _refused(event: Any, message: str, remedy: str) -> NotPlainYamlError:
    return NotPlainYamlError(*_place(event), message, remedy)
