"""How the monotonic clocks of the boots stand to UTC, so that unsure times can be mended. Pure.

A boot whose time became known has one offset, and all boots of one run of the kernel share it. A boot
that ended without (no network, then a power cut) can never know it: once a later boot does, its readings
get an estimate that lies between the boots before and after it, and stay marked as unsure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from agent.reading import Frame
from agent.time_source import FLOOR_MS
from gateway.journal.batch import Boot
from gateway.journal.record import Change, Position, Record

_E = TypeVar("_E", bound=Frame | Change)


class Boots:
    """All boots that the journal knows; the last one is this."""

    def __init__(self, boots: Mapping[str, Boot]) -> None:
        self._boots = dict(boots)
        self._this = next(reversed(self._boots), "")
        self._offsets_ms: dict[str, int] = {}
        self.estimated: dict[str, tuple[int | None, int]] = {}
        """Boots at estimated times: the earliest (None: unknown) and the latest offset that is possible."""
        self._work_out()

    def learn(self, boot: str, offset_ms: int) -> None:
        """The boot's wall clock is trusted now, and UTC stands `offset_ms` from its monotonic clock."""
        self._boots[boot] = replace(self._boots[boot], offset_ms=offset_ms)
        self._work_out()

    def known(self, boot: str) -> bool:
        """Whether the boot itself has learned its time."""
        return self._boots[boot].offset_ms is not None

    def waits(self, entry: Frame | Change) -> bool:
        """Whether the entry's time is a guess that may still be mended."""
        return entry.unsure and entry.boot not in self._offsets_ms

    def is_imported(self, record: Record) -> bool:
        """Whether the record did not come from the run of the gateway that wrote it down."""
        if record.entry.boot == self._this:
            return False
        running = next((b for b in reversed(self._boots.values()) if b.position < record.position), None)
        return running is not None and record.entry.boot != running.boot

    def true_ts_ms(self, boot: str, mono_ms: int) -> int | None:
        """The UTC time of an instant of a boot, None until that boot's clock is known, or estimated."""
        offset_ms = self._offsets_ms.get(boot)
        return None if offset_ms is None else mono_ms + offset_ms

    def mended(self, entry: _E) -> _E:
        """With the true time where an unsure clock stamped it and the truth is known by now.

        With an estimate where it never will be; then it stays `unsure`.
        """
        if not entry.unsure:
            return entry
        ts_ms = self.true_ts_ms(entry.boot, entry.mono_ms)
        if ts_ms is None:
            return entry
        return replace(entry, ts_ms=ts_ms, unsure=entry.boot in self.estimated)

    def shift_ms(self, boot: str) -> int | None:
        """What its unsure times must be moved by, None until that is known."""
        found, offset_ms = self._boots.get(boot), self._offsets_ms.get(boot)
        if found is None or offset_ms is None:
            return None
        return 0 if found.trusted else offset_ms - (found.utc_ms - found.mono_ms)

    def shifts_ms(self) -> frozenset[int]:
        """True minus stored time, for the boots whose first frames were stamped by an unsure clock."""
        return frozenset({0, *(self.shift_ms(boot) or 0 for boot in self._boots)})

    def age_s(self, position: Position, ts_ms: int, now_ms: int) -> float:
        """How old the stamp of a block is, also where its boot's clock had not been sure and was behind."""
        of = next((b for b in reversed(self._boots.values()) if b.position < position), None)
        began_ms = None if of is None else self.true_ts_ms(of.boot, of.mono_ms)
        if of is not None and began_ms is not None and of.utc_ms <= ts_ms < began_ms:
            ts_ms += began_ms - of.utc_ms
        return max(0.0, (now_ms - ts_ms) / 1_000)

    def restarts(self, mono_ms: int, utc_ms: int, within_ms: int) -> int:
        """Starts of the gateway until now, without its very first one."""
        count = 0
        kernel_boot = self._boots[self._this].kernel_boot
        for boot in list(self._boots.values())[1:]:
            if kernel_boot and boot.kernel_boot == kernel_boot:  # the same monotonic clock
                count += mono_ms - boot.mono_ms <= within_ms
                continue
            truth_ms = self._offsets_ms.get(boot.boot)
            started_ms = boot.utc_ms if truth_ms is None else boot.mono_ms + truth_ms
            count += utc_ms - started_ms <= within_ms
        return count

    def _work_out(self) -> None:
        self.estimated = {}
        shared = {
            boot.kernel_boot: boot.offset_ms for boot in self._boots.values() if boot.offset_ms is not None
        }
        self._offsets_ms = {}
        for boot in self._boots.values():
            offset_ms = boot.offset_ms
            if offset_ms is None and boot.kernel_boot:
                offset_ms = shared.get(boot.kernel_boot)
            if offset_ms is not None:
                self._offsets_ms[boot.boot] = offset_ms
        for boot, earliest_ms, latest_ms in list(self._between()):
            self.estimated[boot.boot] = earliest_ms, latest_ms
            self._offsets_ms[boot.boot] = _likely(boot, earliest_ms, latest_ms)

    def _between(self) -> Iterator[tuple[Boot, int | None, int]]:
        """Boots that will never know their time, from the newest, and the bounds of their offsets."""
        boots = list(self._boots.values())
        running = self._boots[self._this].kernel_boot if boots else ""
        next_ms: int | None = None
        for index in range(len(boots) - 1, -1, -1):
            boot = boots[index]
            offset_ms = self._offsets_ms.get(boot.boot)
            if offset_ms is None and next_ms is not None and (boot.kernel_boot != running or not running):
                ended_ms = boot.mono_ms if boot.last_mono_ms is None else boot.last_mono_ms
                earliest_ms, latest_ms = self._end_before(boots[:index], boot), next_ms - ended_ms - 1
                yield boot, earliest_ms, latest_ms
                offset_ms = _likely(boot, earliest_ms, latest_ms)
            if offset_ms is not None:
                next_ms = boot.mono_ms + offset_ms

    def _end_before(self, boots: list[Boot], boot: Boot) -> int | None:
        """The offset that the boot has if it began right after the last one of these whose time is known."""
        for before in reversed(boots):
            offset_ms = self._offsets_ms.get(before.boot)
            if offset_ms is not None:
                ended_ms = before.mono_ms if before.last_mono_ms is None else before.last_mono_ms
                return ended_ms + offset_ms - boot.mono_ms + 1  # no two frames share a time
        return None


def _likely(boot: Boot, earliest_ms: int | None, latest_ms: int) -> int:
    """What its own clock said where that can be, else the nearer bound; never after the next boot."""
    guess_ms = boot.utc_ms - boot.mono_ms
    if earliest_ms is None:
        return min(guess_ms, latest_ms) if boot.utc_ms >= FLOOR_MS else latest_ms
    return min(max(guess_ms, earliest_ms), latest_ms)
