"""The `mqtt:` and `influxdb:` blocks of a site file. Light on purpose: no client is imported here."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.quantity import DurationMs

_OTHER_READERS = frozenset({"influxdb", "history", "desk"})
"""Names of the journal's other readers: a broker of that name would share their place."""


def _topic_level(what: str) -> Any:
    """Text that may be one level of a topic."""

    def check(text: str) -> str:
        if not text or len(text.encode()) > 200 or any(c in "+/#" or ord(c) < 32 for c in text):
            raise ValueError(f"{text!r} is no {what}; write one without + / # and control characters")
        return text

    return AfterValidator(check)


DEFAULT_NAME = "mqtt"
"""Of a broker that the site file gives no name."""


class SparkplugConfig(BaseModel):
    """Who the site is to Sparkplug hosts: `spBv1.0/<group>/<type>/<node>[/<device>]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[str, _topic_level("Sparkplug group id")] | None = None
    """None: the root."""
    node: Annotated[str, _topic_level("Sparkplug edge node id")] | None = None
    """None: the site's id."""
    primary_host: Annotated[str, _topic_level("Sparkplug host id")] | None = None
    """The host application that births and data wait for."""


class HomeAssistantConfig(BaseModel):
    """How Home Assistant is told what there is; `true` stands for the defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, _topic_level("discovery prefix")] = "homeassistant"
    lang: Literal["en", "zh"] = "en"


class MqttConfig(BaseModel):
    """One broker. `embedded` starts one in this process, for demo and tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default=DEFAULT_NAME, pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)
    url: str = ""
    embedded: str | None = None
    root: str = Field(default="microgrid", min_length=1, pattern=r"^[^+#$/\s][^+#\s]*$")
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    client_id: str | None = None
    format: Literal["json", "sparkplug"] = "json"
    sparkplug: SparkplugConfig | None = None
    homeassistant: HomeAssistantConfig | None = None
    station: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    """Whose receipts settle what is sent, and whose desk may send requests; None: a PUBACK settles."""

    @model_validator(mode="before")
    @classmethod
    def _word_embedded(cls, data: Any) -> Any:
        return {"embedded": "127.0.0.1:1883"} if data == "embedded" else data

    @field_validator("homeassistant", mode="before")
    @classmethod
    def _word_home_assistant(cls, data: Any) -> Any:
        return ({} if data else None) if isinstance(data, bool) else data

    @field_validator("name")
    @classmethod
    def _free_name(cls, name: str) -> str:
        if name in _OTHER_READERS:
            raise ValueError(f"{name!r} is what another reader of the journal is called; choose another name")
        return name

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if "@" in url:
            raise ValueError(
                "a user or a password may not stand in the address; use username and password_file"
            )
        if url and not _is_address(url, ("mqtt", "mqtts")):
            raise ValueError(
                f"{url!r} is not a broker's address; write mqtt://host:1883 or mqtts://host:8883"
            )
        return url

    @model_validator(mode="after")
    def _one_broker(self) -> "MqttConfig":
        if bool(self.url) == bool(self.embedded):
            raise ValueError("either url or embedded must be given; write url: mqtt://host:1883")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; give both or none")
        if (self.ca_file or self.cert_file) and not self.url.startswith("mqtts:"):
            raise ValueError("certificates need TLS, and this address has none; write url: mqtts://host:8883")
        return self

    @model_validator(mode="after")
    def _one_format(self) -> "MqttConfig":
        if self.format == "json":
            if self.sparkplug is not None:
                raise ValueError("sparkplug: without its format does nothing; write format: sparkplug")
            return self
        for beside, given in (("homeassistant", self.homeassistant), ("station", self.station)):
            if given is not None:
                raise ValueError(f"{beside} reads our JSON; leave it out, or write format: json")
        if "/" in self.root and (self.sparkplug is None or self.sparkplug.group is None):
            raise ValueError(
                f"the root {self.root!r} is no Sparkplug group id; write sparkplug: {{group: NAME}}"
            )
        return self


class TiersConfig(BaseModel):
    """Buckets for means of a minute and of a quarter hour."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minute: str | None = Field(default=None, min_length=1)
    quarter: str | None = Field(default=None, min_length=1)


class InfluxConfig(BaseModel):
    """One InfluxDB (v2 write API)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    org: str = ""
    bucket: str = "microgrid"
    token_file: str | None = None
    ca_file: str | None = None
    flush_every: DurationMs = Field(default=1_000, ge=0, le=60_000)
    tiers: TiersConfig = TiersConfig()

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if "@" in url:
            raise ValueError("a user or a password may not stand in the address; use token_file")
        if not _is_address(url, ("http", "https")):
            raise ValueError(f"{url!r} is not a database's address; write http://host:8086")
        return url


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is none, or the brackets of an IPv6 address do not match
        return False
