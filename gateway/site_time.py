"""The `time:` block of a site file, and the clock that it makes."""

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from agent.clock import SystemClock
from agent.time_source import (
    AlwaysRight,
    ClockChip,
    FirstOf,
    FixedTime,
    HostTime,
    KernelTime,
    MeasuredTime,
    TimeSource,
)
from gateway.journal.this_boot import origin_beside
from gateway.time_server import TimeServer

NTP_PORT = 123
_NTP = re.compile(r"ntp://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+)(:(?P<port>[0-9]{1,5}))?/?")
_WORDS = ("auto", "kernel", "rtc", "always")


class TimeConfig(BaseModel):
    """Who says that the time is right."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = "auto"

    @field_validator("source")
    @classmethod
    def _known(cls, text: str) -> str:
        if text in _WORDS:
            return text
        match = _NTP.fullmatch(text)
        if match is None or not 0 < int(match["port"] or NTP_PORT) < 65_536:
            raise ValueError(
                f"{text!r} is no source of time; write {', '.join(_WORDS)}, or ntp://HOST of a time server"
            )
        return text

    @property
    def server(self) -> tuple[str, int] | None:
        """Host and port of the time server, None where the source is another."""
        match = _NTP.fullmatch(self.source)
        return None if match is None else (match["host"].strip("[]"), int(match["port"] or NTP_PORT))


@dataclass(frozen=True, slots=True)
class SiteTime:
    """A site's clock, and the time server that is asked for it, if one is."""

    clock: SystemClock
    server: TimeServer | None

    async def keep(self) -> None:
        """Ask the time server until cancelled; nothing to do where there is none."""
        if self.server is not None:
            await self.server.run()


def site_time(config: TimeConfig, file: Path, journal: Path) -> SiteTime:
    """The clock that a site file asks for; a host's clock must show a later time than the file's own.

    `journal` is the folder of the journal: an earlier run may have known the time.
    """
    measured = MeasuredTime()
    clock = SystemClock(source=_source(config, file, measured))
    server = None if config.server is None else TimeServer(*config.server, clock, measured)
    origin_ms = origin_beside(journal)
    if origin_ms is not None:
        clock.recall(origin_ms)
    return SiteTime(clock, server)


def clock_beside(config: TimeConfig, file: Path, journal: Path) -> SystemClock:
    """For a command beside a running gateway: what the gateway knows of the time holds here, too."""
    origin_ms = origin_beside(journal)
    source = _source(config, file, MeasuredTime())
    return SystemClock(source=source if origin_ms is None else FirstOf(FixedTime(origin_ms), source))


def _source(config: TimeConfig, file: Path, measured: MeasuredTime) -> TimeSource:
    if config.server is not None:
        return FirstOf(measured, KernelTime())
    match config.source:
        case "always":
            return AlwaysRight()
        case "rtc":
            return FirstOf(KernelTime(), ClockChip())
        case "auto":
            return FirstOf(KernelTime(), HostTime(_written_ms(file)))
        case _:
            return KernelTime()


def _written_ms(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0
