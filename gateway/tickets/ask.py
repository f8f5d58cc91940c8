"""What persons may ask of a ticket, checked at the gate: one model per event of the contract."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.tickets.life import DESK_ONLY, Act

Words = Annotated[str, Field(min_length=1, max_length=4_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Millis = Annotated[int, Field(ge=0, le=4_102_444_800_000)]
"""UTC milliseconds up to the year 2100; seconds given by mistake lie decades back and are refused later."""
MAX_EVIDENCE_BYTES = 1_000_000
_DESK = "desk:"
_FROZEN_NAMES = ("opening-", "report-")
"""How the files begin that the desk itself freezes."""


def desk_key(name: str) -> str:
    """A key that no person can send, since `check_key` refuses its beginning."""
    return f"{_DESK}{name}"


@dataclass(frozen=True, slots=True)
class Ask:
    """An event that somebody wants to happen."""

    act: Act
    by: str
    role: str
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    arguments: Mapping[str, Any] = field(default_factory=dict)


class WrongArguments(Exception):  # noqa: N818  # named for what the caller sent
    """The event does not exist or its arguments do not fit: HTTP 422."""

    def __init__(self, faults: list[dict[str, str]]) -> None:
        self.faults = faults
        super().__init__(
            "; ".join(f"{f['path']}: {f['message']}" if f["path"] else f["message"] for f in faults)
        )

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """(where, message) of each."""
        return tuple((fault["path"], fault["message"]) for fault in self.faults)

    def document(self) -> dict[str, Any]:
        """The RFC 9457 problem document."""
        return {
            "type": "urn:maplebridge:problem:wrong_arguments",
            "title": "The arguments of this event do not fit",
            "status": 422,
            "detail": str(self),
            "faults": self.faults,
        }


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Person(_Arguments):
    person: Name | None = None


class Dispatch(_Arguments):
    team: Name
    person: Name | None = None


class Arrive(_Arguments):
    code: Name
    at: Millis | None = None


class Safety(_Arguments):
    isolated: bool
    gas_quiet: bool


class Start(_Arguments):
    safety: Safety


class Hold(_Arguments):
    reason: Annotated[
        Literal["parts", "weather", "access", "customer", "safety", "grid_outage"],
        BeforeValidator(lambda text: text.replace(" ", "_") if isinstance(text, str) else text),
    ]
    resume_by: Millis


class Measurement(_Arguments):
    name: Name
    value: float
    unit: Annotated[str, Field(max_length=20)]
    instrument: Annotated[str, Field(max_length=100)]


class Report(_Arguments):
    cause: Words
    action: Words
    checklist: dict[str, bool | float | str | None] = Field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()


class Reviewed(_Person):
    note: Annotated[str, Field(max_length=4_000)] = ""


class Waived(_Person):
    reason: Words


class Reasoned(_Arguments):
    reason: Words


class Merge(_Arguments):
    into: Name


class Reassign(_Arguments):
    person: Name


class Escalate(_Arguments):
    level: Literal["town", "county"]
    reason: Words


class Comment(_Arguments):
    text: Words


def _persons_name(name: str) -> str:
    if name.startswith(_FROZEN_NAMES):
        raise ValueError(
            "names with opening- or report- in front are the desk's own; use another, as photo-1.jpg"
        )
    return name


class AddEvidence(_Arguments):
    """A file of at most `MAX_EVIDENCE_BYTES`, base64 in `content`; it is stored under `name`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"), AfterValidator(_persons_name)]
    content: Annotated[str, Field(max_length=(MAX_EVIDENCE_BYTES + 2) // 3 * 4)]
    media_type: Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")] = "application/octet-stream"
    note: Annotated[str, Field(max_length=1_000)] = ""
    purpose: Literal["photo", "signatures", "document"] = "document"


class Feedback(_Arguments):
    """No score: the person was not reached, which counts as one attempt."""

    score: Annotated[int, Field(ge=1, le=5)] | None = None
    text: Annotated[str, Field(max_length=4_000)] = ""


class Nothing(_Arguments):
    pass


_MODELS: Mapping[Act, type[_Arguments]] = {
    Act.DISPATCH: Dispatch,
    Act.ACCEPT: _Person,
    Act.ARRIVE: Arrive,
    Act.START: Start,
    Act.HOLD: Hold,
    Act.RESUME: Nothing,
    Act.REPORT: Report,
    Act.VERIFY_WAIVE: Waived,
    Act.REVIEW: Reviewed,
    Act.RETURN: Reasoned,
    Act.CANCEL: Waived,
    Act.MERGE: Merge,
    Act.RESET_LATCH: _Person,
    Act.REASSIGN: Reassign,
    Act.ESCALATE: Escalate,
    Act.CHASE: Nothing,
    Act.COMMENT: Comment,
    Act.ADD_EVIDENCE: AddEvidence,
    Act.FEEDBACK: Feedback,
    Act.REOPEN: Reasoned,
    Act.ARCHIVE: Nothing,
}
ASKABLE = tuple(_MODELS)
"""The events of the contract, in its order."""


def parse_ask(event: Mapping[str, Any], *, by: str, role: str) -> Ask:
    """`{"event", "key"?, ...arguments}` as an `Ask`.

    Raises:
        WrongArguments: no such event, or arguments that do not fit it.
    """
    rest = dict(event)
    name, key = rest.pop("event", None), rest.pop("key", None)
    try:
        act = Act(name)
    except ValueError:
        act = Act.OPEN
    if act in DESK_ONLY:
        known = ", ".join(act.value for act in ASKABLE)
        raise WrongArguments([{"path": "event", "message": f"{name!r} is not an event; use one of {known}"}])
    if key is not None:
        check_key(key)
    try:
        arguments = _MODELS[act].model_validate(rest)
    except ValidationError as error:
        raise WrongArguments([fault_of(item) for item in error.errors(include_url=False)]) from None
    facts = arguments.model_dump(mode="json")
    return Ask(act, by, role, key, facts) if key else Ask(act, by, role, arguments=facts)


def check_key(key: object) -> None:
    """Whether a person may send this key.

    Raises:
        WrongArguments: it is no short text, or looks like one of the desk's own.
    """
    message = None
    if not (isinstance(key, str) and 1 <= len(key) <= 100 and key.isprintable()):
        message = "must be a text of 1 to 100 characters, best a UUID"
    elif key.startswith(_DESK):
        message = f"keys with {_DESK} in front are the desk's own; use another, best a UUID"
    if message is not None:
        raise WrongArguments([{"path": "key", "message": message}])


def fault_of(item: Any) -> dict[str, str]:
    """One of pydantic's errors: where, and what is wrong."""
    path = ".".join(str(part) for part in item["loc"])
    message = "unknown argument" if item["type"] == "extra_forbidden" else item["msg"]
    return {"path": path, "message": message}
