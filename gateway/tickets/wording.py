"""An alert's present values and what would clear it, in words for the person who wants to close."""

import re
from collections.abc import Mapping
from typing import Any

from agent.points import standard
from agent.quantity import duration_text
from agent.reading import Text, Value
from agent.rules.rule import Rule

_ZH_UNITS = {"ms": "毫秒", "s": "秒", "m": "分钟", "h": "小时", "d": "天"}


def alert_words(document: Mapping[str, Any], rule: Rule | None, params: Mapping[str, Value]) -> Text:
    """`still 46.2 °C, needs <= 42 for 10 min`; without its rule only the values.

    Args:
        document: the alert.
        rule: the one that raised it, None when it is gone.
        params: the device's own values for that rule.
    """
    values: Mapping[str, Any] = document["values"]
    named = len(values) > 1
    now_en = ", ".join(
        f"{name} {_value(name, v)}" if named else _value(name, v) for name, v in values.items()
    )
    now_zh = ", ".join(
        f"{_label_zh(name)} {_value(name, v)}" if named else _value(name, v) for name, v in values.items()
    )
    if rule is None:
        return Text(f"still {now_en}", f"当前 {now_zh}")
    need = _needs(rule, {**rule.params, **params}, document.get("channel"))
    if not named and values:
        need = re.sub(rf"^{re.escape(next(iter(values)))} (?=[<>=])", "", need)
    span = duration_text(rule.clear_for_ms)
    for_en = f" for {_spell_en(span)}" if rule.clear_for_ms else ""
    for_zh = f" 并持续 {span[:-1]} {_ZH_UNITS[span[-1]]}" if rule.clear_for_ms and span[-2:] != "ms" else ""
    latch_en = ", then a reset on site" if rule.latch else ""
    latch_zh = ",并须现场复归" if rule.latch else ""
    return Text(
        f"still {now_en or 'active'}, needs {need}{for_en}{latch_en}",
        f"当前 {now_zh or '仍未恢复'},需要 {need}{for_zh}{latch_zh}",
    )


def _needs(rule: Rule, params: Mapping[str, Value], channel: int | None) -> str:
    text = f"not ({rule.when.text})" if rule.clear is None else rule.clear.text
    if channel is not None:
        text = text.replace("{n}", str(channel))
    filled = re.sub(
        r"[A-Za-z_][A-Za-z0-9_]*", lambda m: _number(params[m[0]]) if m[0] in params else m[0], text
    )
    return _SUM.sub(_added, filled)


_SUM = re.compile(r"(?<=[<>=] )(\d+(?:\.\d+)?) ([+-]) (\d+(?:\.\d+)?)(?=$| (?:and|or)\b)")
"""A limit that is written as a sum of two parameters, such as `<= 55 - 10`."""


def _added(match: re.Match[str]) -> str:
    left, right = float(match[1]), float(match[3])
    return _number(left - right if match[2] == "-" else left + right)


def _value(name: str, value: Any) -> str:
    point = standard(name)
    measured = isinstance(value, int | float) and not isinstance(value, bool)
    unit = point.unit if point is not None and measured else ""
    return f"{_number(value)} {unit}".rstrip()


def _number(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _label_zh(name: str) -> str:
    point = standard(name)
    return name if point is None else point.label.zh


def _spell_en(span: str) -> str:
    return f"{span[:-1]} min" if span.endswith("m") else span
