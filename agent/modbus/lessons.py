"""What devices have been found to refuse, remembered by model and firmware.

So neither a restart nor the next device of the same model has to find it out again. What is
remembered is asked again after a time, because devices are extended, and some refuse only while
they start; what is confirmed then is held for longer. Pure: the owner keeps the texts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from agent.modbus.address import Span, Table
from agent.modbus.plan import Holes
from agent.quantity import DAY_MS, MINUTE_MS

HOLDS_MS = 2 * MINUTE_MS
"""At first; each time that it is confirmed it holds for twice as long."""
_LONGEST_MS = DAY_MS
_BORROWED_MS = 10 * MINUTE_MS
"""What another device of the model taught is asked of this one so soon: options differ."""
_FORGOTTEN_MS = 90 * DAY_MS
_MOST = 500


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a device has taught.

    Args:
        holes: what it refuses.
        device: which device it was.
        at_ms: when it said so last, in UTC.
        hold_ms: for how long that is believed.
    """

    holes: Holes
    device: str
    at_ms: int
    hold_ms: int = HOLDS_MS

    def left_ms(self, device: str, utc_ms: int) -> int:
        """For how long it still holds for a device; not positive where it has to be asked again."""
        left_ms = self.hold_ms - max(0, utc_ms - self.at_ms)
        return left_ms if device == self.device else min(left_ms, _BORROWED_MS)

    def confirmed(self) -> "Lesson":
        """The same was found again: it is believed for twice as long."""
        return replace(self, hold_ms=min(_LONGEST_MS, 2 * self.hold_ms))


class Lessons:
    """All lessons of a site.

    Args:
        stored: by key, as `on_change` gave them.
        utc_ms: now; what is very old is forgotten.
        on_change: is told what to store, None to forget it; without it nothing outlives this object.
    """

    def __init__(
        self,
        stored: Mapping[str, bytes] = MappingProxyType({}),
        utc_ms: int = 0,
        on_change: Callable[[str, bytes | None], None] = lambda _key, _text: None,
    ) -> None:
        self._lessons: dict[str, Lesson] = {}
        self._on_change = on_change
        for key, text in stored.items():
            lesson = _read(text)
            if lesson is None or utc_ms - lesson.at_ms > _FORGOTTEN_MS:
                on_change(key, None)
            else:
                self._lessons[key] = lesson

    def recall(self, key: str) -> Lesson | None:
        """What is known of this model."""
        return self._lessons.get(key)

    def keep(self, key: str, lesson: Lesson) -> None:
        """Remember it; the oldest goes where there are too many."""
        if key not in self._lessons and len(self._lessons) >= _MOST:
            self.forget(min(self._lessons, key=lambda k: self._lessons[k].at_ms))
        self._lessons[key] = lesson
        self._on_change(key, _written(lesson))

    def forget(self, key: str) -> None:
        """Nothing is refused any more."""
        if self._lessons.pop(key, None) is not None:
            self._on_change(key, None)


def _written(lesson: Lesson) -> bytes:
    spans = {"refused": lesson.holes.refused, "apart": lesson.holes.apart}
    document = {
        "device": lesson.device,
        "at": lesson.at_ms,
        "hold_ms": lesson.hold_ms,
        **{name: sorted((s.table.value, s.start, s.count) for s in found) for name, found in spans.items()},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _read(text: bytes) -> Lesson | None:
    """None where another version wrote it: then it is found out again."""
    try:
        document = json.loads(text)
        refused, apart = (
            frozenset(Span(Table(table), start, count) for table, start, count in document[name])
            for name in ("refused", "apart")
        )
        return Lesson(Holes(refused, apart), document["device"], document["at"], document["hold_ms"])
    except (ValueError, KeyError, TypeError):
        return None
