"""`maplebridge alerts SITE.yaml`: the site's alerts, as the console shows them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from agent.quantity import DAY_MS
from gateway.commands.failing import fail
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show

_STATES = ("open", "all", "active", "clearing", "unknown", "latched", "cleared", "shelved")
_NONE = {"en": "no alerts", "zh": "没有告警"}
_LOAD = {
    "alarms": {
        "en": "alarms {}: {:g} a day (ISA-18.2: about 150 at most), worst hour {} (12), worst ten minutes {}",
        "zh": "告警 {} 次:每天 {:g} 次(ISA-18.2:至多约 150),最多的一小时 {} 次(12),最多的十分钟 {} 次",
    },
    "flood": {
        "en": "in flood {:g} minutes, {:g} % of the time (at most 1 %)",
        "zh": "告警洪泛 {:g} 分钟,占时 {:g} %(至多 1 %)",
    },
    "mix": {"en": "priorities {} (about 5 / 15 / 80)", "zh": "优先级 {}(约 5 / 15 / 80)"},
    "standing": {
        "en": "open now {}, {} of them for more than a day; {} shelved",
        "zh": "当前未恢复 {},其中 {} 条超过一天;搁置 {} 条",
    },
    "chattering": {"en": "chatters: {}", "zh": "抖动:{}"},
}
_MARKS = {"critical": "◆ C", "high": "▲ H", "medium": "■ M", "low": "● L", "journal": "· J"}


def alerts(
    site: SiteArgument,
    *,
    state: str = typer.Option("open", "--state", help="open (all but cleared), all, shelved, or one state"),
    statistics: bool = typer.Option(
        False, "--statistics", help="the alarm-load figures of the last days in place of the list"
    ),
    days: float = typer.Option(
        7.0, "--days", min=0.01, max=36_500.0, help="how many days, with --statistics"
    ),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """The site's alerts, the latest first; or what they asked of people."""
    from gateway.commands.desk import ask_desk, every, site_of

    words = language(lang)
    if state not in _STATES:
        fail(2, f"--state {state} is not known; use one of {', '.join(_STATES)}")
    config = site_of(site)
    if statistics:
        to_ms = round(datetime.now(UTC).timestamp() * 1_000)
        from_ms = to_ms - round(days * DAY_MS)
        load = ask_desk(config, data, words, lambda desk: desk.alarm_load(from_ms, to_ms), as_json=as_json)
        if as_json:
            show(load)
        else:
            print("\n".join(_load(load, words)))
        return
    items = ask_desk(config, data, words, lambda desk: every(desk.alerts, state=state), as_json=as_json)
    if as_json:
        show({"items": items})
        return
    if not items:
        print(_NONE[words])
    zone = ZoneInfo(config.file.site.timezone)
    for item in items:
        print(_line(item, words, zone))


def _load(load: dict[str, Any], lang: str) -> list[str]:
    each, flood = load["per_operator"], load["flood"]
    mix = ", ".join(f"{_MARKS[severity]} {part['pct']:g} %" for severity, part in load["priorities"].items())
    lines = [
        _LOAD["alarms"][lang].format(
            load["alarms"], each["per_day"], each["worst_hour"], each["worst_10_min"]
        ),
        _LOAD["flood"][lang].format(flood["minutes"], flood["pct"]),
        _LOAD["mix"][lang].format(mix),
        _LOAD["standing"][lang].format(load["standing"], len(load["stale"]), len(load["shelved"])),
    ]
    lines += [
        f"  {actor['alarms']:>5}  {actor['share_pct']:>5g} %  {_actor(actor, lang)}" for actor in load["top"]
    ]
    return lines + [_LOAD["chattering"][lang].format(_actor(actor, lang)) for actor in load["chattering"]]


def _actor(actor: dict[str, Any], lang: str) -> str:
    return f"{actor['device']}  {actor['rule']}  {actor['title'][lang]}"


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
