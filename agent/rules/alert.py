"""The alert as everybody outside sees it (`interfaces.md` §3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from agent.reading import Text, Value

AlertState: TypeAlias = Literal["active", "clearing", "unknown", "latched", "cleared"]
Severity: TypeAlias = Literal["critical", "high", "medium", "low", "journal"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "journal")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an alert is not annunciated; it still records."""

    by: Literal["shelved", "inhibited", "maintenance", "out_of_service"]
    alert: str | None = None
    """The alert that inhibits it."""
    until_ms: int | None = None
    reason: str = ""
    person: str = ""
    """Who shelved it."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What an alert was raised by: the rule's text (as a hash), the parameters there, the inputs' quality."""

    rule_hash: str
    params: Mapping[str, Value] = field(default_factory=dict)
    quality: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"rule_hash": self.rule_hash, "params": dict(self.params), "quality": dict(self.quality)}


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one watch (rule x device x channel)."""

    id: str
    rule: str
    site: str
    device: str
    channel: int | None
    state: AlertState
    severity: Severity
    since_ms: int
    until_ms: int | None
    title: Text
    values: Mapping[str, Value | None] = field(default_factory=dict)
    acknowledged: Acknowledgement | None = None
    suppressed: Suppression | None = None
    ticket: str | None = None
    chattering: bool = False
    """It has come and gone too often within a minute."""
    basis: Basis | None = None
    """None for one that an earlier version raised."""

    def document(self) -> dict[str, Any]:
        """The JSON form of the contract."""
        ack, sup = self.acknowledged, self.suppressed
        return {
            "id": self.id,
            "rule": self.rule,
            "site": self.site,
            "device": self.device,
            "channel": self.channel,
            "state": self.state,
            "severity": self.severity,
            "since": self.since_ms,
            "until": self.until_ms,
            "title": self.title.document(),
            "values": dict(self.values),
            "acknowledged": None if ack is None else {"by": ack.by, "at": ack.at_ms},
            "suppressed": None
            if sup is None
            else {
                "by": sup.by,
                "alert": sup.alert,
                "until": sup.until_ms,
                "reason": sup.reason,
                "person": sup.person,
            },
            "ticket": self.ticket,
            "chattering": self.chattering,
            "basis": None if self.basis is None else self.basis.document(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Alert":
        """The reverse of `document`."""
        ack, sup, basis = document["acknowledged"], document["suppressed"], document.get("basis")
        return cls(
            id=document["id"],
            rule=document["rule"],
            site=document["site"],
            device=document["device"],
            channel=document["channel"],
            state=document["state"],
            severity=document["severity"],
            since_ms=document["since"],
            until_ms=document["until"],
            title=Text(**document["title"]),
            values=document["values"],
            acknowledged=None if ack is None else Acknowledgement(ack["by"], ack["at"]),
            suppressed=None
            if sup is None
            else Suppression(sup["by"], sup["alert"], sup["until"], sup["reason"], sup.get("person", "")),
            ticket=document["ticket"],
            chattering=document.get("chattering", False),
            basis=None if basis is None else Basis(**basis),
        )
