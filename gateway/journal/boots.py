"""How the monotonic clocks of the boots stand to UTC, so that unsure times can be mended. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from agent.reading import Frame
from gateway.journal.batch import Boot


class Boots:
    """All boots that the journal knows; the last one is this."""

    def __init__(self, boots: Mapping[str, Boot]) -> None:
        self._boots = dict(boots)

    def learn(self, boot: str, offset_ms: int) -> None:
        """The boot's wall clock is trusted now, and stands `offset_ms` from its monotonic one."""
        self._boots[boot] = replace(self._boots[boot], offset_ms=offset_ms)

    def known(self, boot: str) -> bool:
        return self._boots[boot].offset_ms is not None

    def true_ts_ms(self, boot: str, mono_ms: int) -> int | None:
        """The UTC time of an instant of a boot, None until that boot's clock is known."""
        found = self._boots.get(boot)
        offset_ms = None if found is None else self._offset_ms(found)
        return None if offset_ms is None else mono_ms + offset_ms

    def restarts_since(self, utc_ms: int) -> int:
        """Starts of the gateway since then, without its very first one."""
        started = [
            boot.utc_ms if (truth := self._offset_ms(boot)) is None else boot.mono_ms + truth
            for boot in list(self._boots.values())[1:]
        ]
        return sum(start >= utc_ms for start in started)

    def mended(self, frame: Frame) -> Frame:
        """With the true time where an unsure clock stamped it and the truth is known by now."""
        if not frame.unsure:
            return frame
        ts_ms = self.true_ts_ms(frame.boot, frame.mono_ms)
        return frame if ts_ms is None else replace(frame, ts_ms=ts_ms, unsure=False)

    def shift_ms(self, boot: str) -> int | None:
        """What its unsure times must be moved by, None until that is known."""
        found = self._boots.get(boot)
        offset_ms = None if found is None else self._offset_ms(found)
        if found is None or offset_ms is None:
            return None
        return 0 if found.trusted else offset_ms - (found.utc_ms - found.mono_ms)

    def shifts_ms(self) -> frozenset[int]:
        """True minus stored time, for the boots whose first frames were stamped by an unsure clock."""
        return frozenset({0, *(self.shift_ms(boot) or 0 for boot in self._boots)})

    def _offset_ms(self, boot: Boot) -> int | None:
        if boot.offset_ms is not None or not boot.kernel_boot:
            return boot.offset_ms
        for other in reversed(self._boots.values()):
            if other.kernel_boot == boot.kernel_boot and other.offset_ms is not None:
                return other.offset_ms
        return None
