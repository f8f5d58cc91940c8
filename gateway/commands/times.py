"""Times as people type them after `--from` and `--to`."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.quantity import duration_ms
from gateway.commands.failing import fail
from gateway.commands.language import Language

_NO_TIME = {
    "en": "{text!r} is no time; write 2026-05-30, 2026-05-30T08:00, or -7d for seven days ago",
    "zh": "{text!r} 不是时间;请写 2026-05-30、2026-05-30T08:00,或 -7d 表示七天前",
}


def utc_ms(text: str, zone: ZoneInfo, lang: Language) -> int:
    """UTC ms; a time without an offset is the site's, `-7d` counts from now. Exit 2 where it is none."""
    try:
        if re.fullmatch(r"-\d.*", text):
            return round(time.time() * 1_000) - duration_ms(text.removeprefix("-"))
        when = datetime.fromisoformat(text)
    except ValueError:
        fail(2, _NO_TIME[lang].format(text=text))
    return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1_000)
