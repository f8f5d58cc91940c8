"""How far each reader has got, and how much of that is safe to write down. Pure."""

from collections import deque
from collections.abc import Mapping

from gateway.journal.ranges import Progress, Ranges
from gateway.journal.record import Position


class Places:
    """The readers' places.

    Args:
        found: as the file had them.
        gone: positions that nobody can read any more.
    """

    def __init__(self, found: Mapping[str, Progress], gone: Ranges) -> None:
        self.gone = gone
        self.active: set[str] = set()
        """Who has asked for a place since the start, and so holds data back."""
        self._progress = dict(found)
        self._lags: dict[str, _Lag] = {}

    def of(self, reader: str) -> Progress:
        """A reader's place; asking makes it one that holds data back."""
        self.active.add(reader)
        if reader not in self._progress:
            self._progress[reader] = Progress().settle_all(self.gone)
        return self._progress[reader]

    def all(self) -> dict[str, Progress]:
        return dict(self._progress)

    def settle(self, reader: str, first: Position, last: Position) -> None:
        self._progress[reader] = self.of(reader).settle(first, last)

    def vanish(self, gone: Ranges) -> None:
        """These are gone as well."""
        self.gone = gone
        for reader, progress in self._progress.items():
            self._progress[reader] = progress.settle_all(gone)

    def lag(self, reader: str, behind_ms: int) -> None:
        """What this reader settles may be written down only so much later; also where it begins anew."""
        place, known = self.of(reader), self._lags.get(reader)
        self._lags[reader] = _Lag(behind_ms, place if known is None else known.sure)

    def recede(self, reader: str) -> None:
        """Take back what a lagging reader has settled too lately to be sure of."""
        self._progress[reader] = self._lags[reader].sure.settle_all(self.gone)
        self._lags[reader].forget()

    def durable(self, mono_ms: int) -> dict[str, Progress]:
        """What may be written down now."""
        return {
            reader: self._lags[reader].note(mono_ms, progress) if reader in self._lags else progress
            for reader, progress in self._progress.items()
        }


class _Lag:
    """One reader's progress as it was a while ago, by the moments at which it was asked for."""

    def __init__(self, behind_ms: int, sure: Progress) -> None:
        self.sure = sure
        self._behind_ms = behind_ms
        self._lately: deque[tuple[int, Progress]] = deque()

    def note(self, mono_ms: int, progress: Progress) -> Progress:
        self._lately.append((mono_ms, progress))
        while self._lately and self._lately[0][0] <= mono_ms - self._behind_ms:
            self.sure = self._lately.popleft()[1]
        return self.sure

    def forget(self) -> None:
        self._lately.clear()
