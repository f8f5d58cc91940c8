"""`maplebridge alerts SITE.yaml`: the site's alerts, as the console shows them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from gateway.commands.failing import fail
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show

_STATES = ("open", "all", "active", "clearing", "unknown", "latched", "cleared", "shelved")
_NONE = {"en": "no alerts", "zh": "没有告警"}
_MARKS = {"critical": "◆ C", "high": "▲ H", "medium": "■ M", "low": "● L", "journal": "· J"}


def alerts(
    site: SiteArgument,
    *,
    state: str = typer.Option("open", "--state", help="open (all but cleared), all, shelved, or one state"),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """The site's alerts, the latest first."""
    from gateway.commands.desk import ask_desk, every, site_of

    words = language(lang)
    if state not in _STATES:
        fail(2, f"--state {state} is not known; use one of {', '.join(_STATES)}")
    config = site_of(site)
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
