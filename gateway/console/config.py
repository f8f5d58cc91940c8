"""The `console:` block of a site file."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


class TlsFiles(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cert_file: str
    key_file: str


class ConsoleConfig(BaseModel):
    """Where the console listens. Without TLS only loopback is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(default="127.0.0.1:8080", pattern=r"^.+:\d{1,5}$")
    tls: Literal["self_signed"] | TlsFiles | None = None

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @model_validator(mode="after")
    def _plain_stays_at_home(self) -> "ConsoleConfig":
        if self.tls is None and self.listen.rpartition(":")[0] not in _LOOPBACK:
            raise ValueError(
                f"the console may listen on {self.host} only with TLS; "
                "add tls: {cert_file: .., key_file: ..} or listen on 127.0.0.1"
            )
        if self.port > 65_535:
            raise ValueError(f"port {self.port} is outside 0..65535; choose another")
        return self
