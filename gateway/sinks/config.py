"""The `mqtt:` and `influxdb:` blocks of a site file. Light on purpose: no client is imported here."""

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.quantity import DurationMs


class MqttConfig(BaseModel):
    """One broker. `embedded` starts one in this process, for demo and tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "mqtt"
    url: str = ""
    embedded: str | None = None
    root: str = Field(default="microgrid", min_length=1, pattern=r"^[^+#$/\s][^+#\s]*$")
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    client_id: str | None = None
    format: Literal["json"] = "json"
    station: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    """Whose receipts settle what is sent, and whose desk may send requests; None: a PUBACK settles."""

    @model_validator(mode="before")
    @classmethod
    def _word_embedded(cls, data: Any) -> Any:
        return {"embedded": "127.0.0.1:1883"} if data == "embedded" else data

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
        return self


class InfluxConfig(BaseModel):
    """One InfluxDB (v2 write API)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    org: str = ""
    bucket: str = "microgrid"
    token_file: str | None = None
    ca_file: str | None = None
    flush_every: DurationMs = Field(default=1_000, ge=0, le=60_000)

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
