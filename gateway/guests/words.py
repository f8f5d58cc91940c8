"""What is said at the door: one JSON document per line, a question at a time.

    gateway  {"site": "hall", "lines": [{"bus": "lan-1", "url": "tcp://…"}], "welcome": true}
    guest    {"bus": "lan-1"}
    gateway  {}
    guest    {"unit": 1, "timeout_ms": 1000, "read": {"table": "holding", "start": 0, "count": 10}}
    gateway  {"data": "00ff…"}  or  {"error": "timeout", "why": "no reply in time"}
    guest    {"unit": 1, "timeout_ms": 1000}                     who are you? (function 43/14)
    gateway  {"nameplate": {"vendor": …}}

There is no word for writing, and none for bytes: what goes to the line is made by the gateway's own bus.
"""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.modbus.address import MAX_BITS, MAX_REGISTERS, Span, Table
from agent.modbus.identity import Identity
from agent.modbus.pdu import BadReply, BusDown, BusError, UnitRefused, UnitSilent

MAX_WORDS = 16_384
"""Bytes of the longest line; a reply of 125 registers takes 500 digits."""

Error = Literal["timeout", "exception", "bad_reply", "bus_down", "refused", "occupied", "wrong"]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SaidFirst(BaseModel):
    """A gateway of a later version may say more: what it holds must be understood all the same."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Line(_SaidFirst):
    """A bus of the gateway; `timeout_ms` where its site file sets one."""

    bus: str
    url: str
    timeout_ms: int | None = None


class Hello(_SaidFirst):
    """Who is here; `welcome` is false for users who may not ask."""

    site: str
    lines: list[Line]
    welcome: bool


class Choice(_Said):
    """The bus that a guest wants to ask on."""

    bus: str


class Where(_Said):
    """What one request may read."""

    table: Table
    start: Annotated[int, Field(ge=0, le=0xFFFF)]
    count: Annotated[int, Field(ge=1, le=MAX_BITS)]

    @model_validator(mode="after")
    def _one_request(self) -> Self:
        if self.count > (MAX_BITS if self.table.is_bits else MAX_REGISTERS):
            raise ValueError(f"no request reads {self.count} of {self.table}")
        self.span()
        return self

    def span(self) -> Span:
        return Span(self.table, self.start, self.count)


class Question(_Said):
    """A read, or without one a request for the nameplate. `timeout_ms` is what a reply may take."""

    unit: Annotated[int, Field(ge=0, le=255)]
    timeout_ms: Annotated[float, Field(ge=1, le=10_000)]
    read: Where | None = None


class Nameplate(_Said):
    """What a unit says of itself, as `agent.modbus.identity.Identity` has it."""

    vendor: str
    product_code: str
    revision: str
    vendor_url: str
    product_name: str
    model_name: str
    user_application: str
    others: dict[int, str]

    @classmethod
    def of(cls, identity: Identity) -> Self:
        return cls(**{name: getattr(identity, name) for name in cls.model_fields})

    def identity(self) -> Identity:
        return Identity(**{name: getattr(self, name) for name in type(self).model_fields})


class Answer(_Said):
    """Data bytes as hex digits or the nameplate, or why there is neither; empty for a free seat."""

    data: str | None = None
    nameplate: Nameplate | None = None
    error: Error | None = None
    code: int | None = None
    why: str = ""

    @classmethod
    def of_error(cls, error: BusError) -> "Answer":
        match error:
            case UnitRefused():
                return cls(error="exception", code=error.code, why=str(error))
            case UnitSilent():
                return cls(error="timeout", why=str(error))
            case BadReply():
                return cls(error="bad_reply", why=str(error))
            case BusDown(refused=True):
                return cls(error="refused", why=str(error))
            case _:
                return cls(error="bus_down", why=str(error))

    def error_or_none(self) -> BusError | None:
        """What the gateway's bus met, as if it were met here."""
        match self:
            case Answer(error=None):
                return None
            case Answer(error="exception", code=int(code)):
                return UnitRefused(code)
            case Answer(error="timeout"):
                return UnitSilent(self.why)
            case Answer(error="bad_reply"):
                return BadReply(self.why)
            case _:
                return BusDown(self.why, refused=self.error == "refused")


S = TypeVar("S", bound=BaseModel)


def told(said: BaseModel) -> bytes:
    """The line that says it."""
    return said.model_dump_json(exclude_none=True).encode() + b"\n"


def understood(kind: type[S], line: bytes) -> S:
    """What a line says.

    Raises:
        ValueError: anything else than `kind`.
    """
    return kind.model_validate_json(line)
