"""The shape of a rule file as it is written (`interfaces.md` §8); `rule_file` makes rules of it."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from agent.profile import Kind
from agent.quantity import DurationMs, duration_ms
from agent.rules.alert import Severity
from agent.rules.rule import Equal, OnBad

_PERIODS = re.compile(r"(\d+(?:\.\d+)?)x")


def _max_gap(value: Any) -> tuple[int | None, float]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, str) and (match := _PERIODS.fullmatch(value.strip())):
        if not float(match[1]):
            raise ValueError("a gap of no period lets nothing be missing; write 2x or more")
        return None, float(match[1])
    return duration_ms(value), 0.0


def _some(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


MaxGap = Annotated[tuple[int | None, float], BeforeValidator(_max_gap)]
"""`30s` → (30000, 0.0); `3x` → (None, 3.0)."""
Words = Annotated[tuple[str, ...], BeforeValidator(_some)]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(_some)]
Parameter = Annotated[float | str | StrictBool, BeforeValidator(_number)]
PhaseWord = Literal["normal", "pending", "active", "clearing", "unknown", "latched"]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TextYaml(Block):
    """A text in both languages.

    In `{en: check shade, soiling, zh: ..}` YAML takes `soiling` for a key without a value. People
    write so, and it can mean only one thing: it belongs to the text before it.
    """

    en: str = Field(min_length=1)
    zh: str = ""

    @model_validator(mode="before")
    @classmethod
    def _with_commas(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not all(isinstance(text, str | None) for text in value.values()):
            return value
        whole: dict[str, str] = {}
        for key, text in value.items():
            if text is not None:
                whole[key] = text
            elif whole and isinstance(key, str):
                last = next(reversed(whole))
                whole[last] += f",{key}" if last == "zh" else f", {key}"
            else:
                return value
        return whole


class DefaultsYaml(Block):
    """What rules of this file have when they do not say it themselves."""

    on_bad: OnBad = "freeze"
    max_gap: MaxGap = (None, 3.0)
    hold_max: DurationMs = 1_800_000
    clear_for: DurationMs = 300_000
    min_good: float = Field(default=0.5, ge=0, le=1)


class ScopeYaml(Block):
    kind: Kinds = ()
    role: Words = ()
    site: Words = ()
    device: Words = ()
    bus: Words = ()
    labels: dict[str, str] = Field(default_factory=dict)
    each: str | None = Field(default=None, pattern=r"^[a-z]$")

    @model_validator(mode="after")
    def _says_something(self) -> "ScopeYaml":
        if not (self.kind or self.role or self.site or self.device or self.bus or self.labels):
            raise ValueError("the scope is empty; say which devices, such as kind: battery")
        return self


class StepYaml(Block):
    when: str | None = None
    for_: DurationMs = Field(default=0, alias="for")
    after: DurationMs | None = None
    severity: Severity

    @model_validator(mode="after")
    def _one_of_both(self) -> "StepYaml":
        if (self.when is None) == (self.after is None):
            raise ValueError("a step has either `when` or `after`; write one of them")
        return self


class InhibitorYaml(Block):
    rule: str = Field(pattern=r"^[A-Z]+-[0-9]+$")
    equal: tuple[Equal, ...] = Field(default=("site",), min_length=1)


class EvidenceYaml(Block):
    before: DurationMs | None = None
    after: DurationMs | None = None
    points: tuple[str, ...] = ()
    pack: str | None = None


class TicketYaml(Block):
    kind: str
    team: str
    checklist: str | None = None
    open_after: DurationMs = 0
    verify_for: DurationMs | None = None
    close_guard: str | None = None
    evidence: EvidenceYaml | None = None


class RuleTestYaml(Block):
    name: str
    every: DurationMs = Field(gt=0)
    samples: dict[str, Annotated[str, BeforeValidator(_word)]] = Field(min_length=1)
    expect: dict[Annotated[int, BeforeValidator(duration_ms)], PhaseWord]
    params: dict[str, Parameter] = Field(default_factory=dict)
    channel: int | None = None


class RuleYaml(Block):
    id: str = Field(pattern=r"^[A-Z]+-[0-9]+$", max_length=40)
    title: TextYaml
    cause: TextYaml | None = None
    consequence: TextYaml | None = None
    action: TextYaml
    scope: ScopeYaml
    params: dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")], Parameter] = Field(
        default_factory=dict
    )
    only_if: str | None = None
    when: str
    clear: str | None = None
    for_: DurationMs = Field(default=0, alias="for")
    clear_for: DurationMs | None = None
    latch: StrictBool = False
    on_bad: OnBad | None = None
    max_gap: MaxGap | None = None
    hold_max: DurationMs | None = None
    min_good: float | None = Field(default=None, ge=0, le=1)
    severity: Severity
    steps: tuple[StepYaml, ...] = Field(default=(), max_length=8)
    inhibited_by: tuple[InhibitorYaml, ...] = Field(default=(), max_length=32)
    ticket: TicketYaml | None = None
    tests: tuple[RuleTestYaml, ...] = ()

    @model_validator(mode="after")
    def _a_journal_entry_opens_nothing(self) -> "RuleYaml":
        if self.severity == "journal" and (self.ticket is not None or self.steps):
            raise ValueError(
                "severity journal makes no alert, so it can have neither ticket nor steps; "
                "choose another severity or remove them"
            )
        return self


class RuleFileYaml(Block):
    """The outer shape; the rules are read one by one, so that one fault does not hide another."""

    version: Literal[1]
    defaults: DefaultsYaml = DefaultsYaml()
    rules: list[Any] = Field(min_length=1)
