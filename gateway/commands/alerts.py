"""`maplebridge alerts SITE.yaml`: the site's alerts, as the console shows them."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

_STATES = ("open", "all", "active", "clearing", "unknown", "latched", "cleared", "shelved")
_NONE = {"en": "no alerts", "zh": "没有告警"}
_MARKS = {"critical": "◆ C", "high": "▲ H", "medium": "■ M", "low": "● L", "journal": "· J"}


def alerts(
    site: Path = typer.Argument(..., metavar="SITE.yaml", help="the site file"),
    *,
    state: str = typer.Option("open", "--state", help="open (all but cleared), all, shelved, or one state"),
    data: Path | None = typer.Option(None, "--data", metavar="DIR", help="where the site's state lies"),
    lang: str | None = typer.Option(None, "--lang", help="zh or en; default from LANG"),
    as_json: bool = typer.Option(False, "--json", help="print one JSON document"),
) -> None:
    """The site's alerts, the latest first."""
    from gateway.tickets.shell import ask_desk, every, fail, language, show, site_of

    words, config = language(lang), site_of(site)
    if state not in _STATES:
        fail(2, f"--state {state} is not known; use one of {', '.join(_STATES)}")
    items = ask_desk(config, data, words, lambda desk: every(desk.alerts, state=state), as_json=as_json)
    if as_json:
        show({"items": items})
        return
    if not items:
        print(_NONE[words])
    zone = ZoneInfo(config.file.site.timezone)
    for item in items:
        print(_line(item, words, zone))


def _line(alert: dict[str, Any], lang: str, zone: ZoneInfo) -> str:
    when = datetime.fromtimestamp(alert["since"] / 1_000, zone)
    suppressed = "" if alert["suppressed"] is None else f" ({alert['suppressed']['by']})"
    values = ", ".join(f"{name}={value}" for name, value in alert["values"].items())
    parts = (
        f"{when:%Y-%m-%d %H:%M:%S}",
        _MARKS[alert["severity"]],
        alert["state"] + suppressed,
        alert["device"],
        alert["rule"],
        alert["title"][lang],
        values,
        alert["id"],
    )
    return "  ".join(parts)
