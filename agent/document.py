"""A YAML text that remembers where each value stands, so that an error says file:line:col."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from agent.plain_yaml import KEY, NotPlainYamlError, Path, read_plain

MAX_BYTES = 4_000_000

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file, and how to mend it. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str
    remedy: str
    level: Level = "error"

    def __str__(self) -> str:
        mend = f"; {self.remedy}" if self.remedy else ""
        note = "warning: " if self.level == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {note}{self.message}{mend}"

    def document(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
            "remedy": self.remedy,
            "level": self.level,
        }


class DocumentError(Exception):
    """A file that cannot be used; `faults` says all that is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the place of each value in the text it came from."""

    file: str
    data: Any
    places: dict[Path, tuple[int, int]]

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at `path`, or of the nearest value around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def fault(self, path: Path, message: str, remedy: str = "", level: Level = "error") -> Fault:
        line, column = self.place(path)
        return Fault(self.file, line, column, path_text(path), message, remedy, level)


def path_text(path: Path) -> str:
    """`("devices", 0, "unit")` → `devices[0].unit`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str | bytes, file: str) -> Document:
    """Read a YAML text.

    Raises:
        DocumentError: not YAML, too large or too deep, duplicate keys, aliases, not a mapping.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise _refused(file, line, 1, "the file is not UTF-8 text", "save it as UTF-8") from None
    if len(text) > MAX_BYTES:
        raise _refused(file, 1, 1, f"the file is larger than {MAX_BYTES // 1_000_000} MB", "split it")
    try:
        plain = read_plain(text)
    except NotPlainYamlError as error:
        raise _refused(file, error.line, error.column, error.message, error.remedy) from None
    if not isinstance(plain.data, dict):
        raise _refused(file, 1, 1, "the file must hold keys and values at the top", "start with `version: 1`")
    return Document(file, plain.data, plain.places)


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], document: Document) -> Model:
    """Check the document against a pydantic model.

    Raises:
        DocumentError: with one fault for each thing that is wrong.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise DocumentError(faults_of(error, document)) from None


def faults_of(error: ValidationError, document: Document, at: Path = ()) -> tuple[Fault, ...]:
    """A validation's errors as faults with their places; `at` is where the validated part stands."""
    faults: dict[tuple[str, str], Fault] = {}
    for item in _heard(error.errors(include_url=False)):
        path = at + path_in(document.data, at, item["loc"])
        message, remedy = _words(item)
        at_key = (*path, KEY) if item["type"] == "extra_forbidden" else path
        line, column = document.place(at_key)
        fault = Fault(document.file, line, column, path_text(path), message, remedy)
        faults.setdefault((fault.path, fault.message), fault)
    return tuple(sorted(faults.values(), key=lambda f: (f.line, f.column)))


def _refused(file: str, line: int, column: int, message: str, remedy: str) -> DocumentError:
    return DocumentError([Fault(file, line, column, "", message, remedy)])


def path_in(data: Any, at: Path, loc: Iterable[str | int]) -> Path:
    """Pydantic's location without the parts that are not in the data (union members and the like)."""
    for part in at:
        data = data[part]
    path: list[str | int] = []
    parts = list(loc)
    for position, part in enumerate(parts):
        inside_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside_list or (isinstance(data, dict) and part in data):
            path.append(part)
            data = data[part]
        elif position == len(parts) - 1 and isinstance(data, dict) and isinstance(part, str):
            path.append(part)
    return tuple(path)


def _heard(items: Sequence[Any]) -> Iterator[Any]:
    """All but a list "too short" only because its faulty entries were not counted."""
    for item in items:
        place = item["loc"]
        inner = any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in items)
        if not (item["type"] == "too_short" and inner):
            yield item


def _words(item: Any) -> tuple[str, str]:
    kind, given = item["type"], item.get("input")
    name = item["loc"][-1] if item["loc"] else "document"
    match kind:
        case "extra_forbidden":
            return f"unknown key {name!r}", "remove it or correct its spelling"
        case "missing":
            return f"the key {name!r} is missing", "add it"
        case "value_error" | "assertion_error":
            message, _, remedy = str(item["ctx"]["error"]).partition("; ")
            return message, remedy
        case "literal_error" | "enum":
            return f"{given!r} is not allowed here", f"use one of {item['ctx']['expected']}"
        case _:
            message = item["msg"]
            return f"{message[0].lower()}{message[1:]}, not {_short(given)}", ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
