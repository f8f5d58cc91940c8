"""A block that a device does not give is halved until it is known which points it lacks.

The others are read on the way, so no readable point is missed. Most devices refuse with an
exception; some meet an illegal address with silence, which costs a time-out each: then the
search ends after a few, and goes on in a later poll.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agent.modbus.address import Span
from agent.modbus.pdu import BusError, UnitRefused, UnitSilent
from agent.modbus.plan import Block, Holes, between, split
from agent.profile import Point

_NO_SUCH_FUNCTION = 1
_INSISTENCE = 2


@dataclass(slots=True)
class Halved:
    """What came out of it.

    Args:
        block: what the device did not give.
        found: blocks that the device gives, with their data bytes.
        lacking: points that it does not give, and why.
        unknown: blocks that were not asked for any more.
        silences: how many times silence was the answer.
    """

    block: Block
    found: list[tuple[Block, bytes]] = field(default_factory=list)
    lacking: list[tuple[Point, BusError]] = field(default_factory=list)
    unknown: list[Block] = field(default_factory=list)
    apart: set[Span] = field(default_factory=set)
    silences: int = 0

    @property
    def holes(self) -> Holes:
        """What to read around from now on."""
        return Holes(frozenset(p.span for p, _ in self.lacking), frozenset(self.apart))


async def halve(
    block: Block, why: BusError, ask: Callable[[Span], Awaitable[bytes]], *, patience: int = 0
) -> Halved:
    """Find out, with `ask`, what of a block can be read.

    Args:
        block: what the device did not give.
        why: what it did instead.
        ask: brings the data bytes of a span.
        patience: how many times silence may be the answer.

    Raises:
        BusError: from `ask`, other than a refused address or the silence that is allowed;
            then nothing has been learnt.
    """
    search = _Search(block, ask, patience)
    await search.divide(block, why)
    return search.result


class _Search:
    def __init__(self, block: Block, ask: Callable[[Span], Awaitable[bytes]], patience: int) -> None:
        self.result = Halved(block)
        self._ask = ask
        self._patience = patience

    async def divide(self, block: Block, why: BusError) -> None:
        result = self.result
        if len(block.points) == 1 and isinstance(why, UnitSilent) and await self._insist(block):
            return
        if len(block.points) == 1 or (isinstance(why, UnitRefused) and why.code == _NO_SUCH_FUNCTION):
            result.lacking += [(p, why) for p in block.points]
            return
        halves = split(block)
        before, left = len(result.found), len(result.unknown)
        for half in halves:
            await self._look(half, silent=isinstance(why, UnitSilent))
        whole = [b for b, _ in result.found[before:]] == list(halves)
        if len(result.unknown) > left or (whole and await self._is_still_withheld(block, why)):
            result.apart.add(between(*halves))

    async def _look(self, block: Block, *, silent: bool) -> None:
        if silent and self.result.silences >= self._patience:
            self.result.unknown.append(block)
            return
        try:
            self.result.found.append((block, await self._ask(block.span)))
        except UnitRefused as error:
            if not error.about_address:
                raise
            await self.divide(block, error)
        except UnitSilent as error:
            if not silent:
                raise
            self.result.silences += 1
            await self.divide(block, error)

    async def _insist(self, block: Block) -> bool:
        """One silence more or less may be chance: whether a point is given after all."""
        for _ in range(_INSISTENCE):
            try:
                self.result.found.append((block, await self._ask(block.span)))
            except UnitSilent:
                self.result.silences += 1
            else:
                return True
        return False

    async def _is_still_withheld(self, block: Block, why: BusError) -> bool:
        """Silence may have been chance; an exception was none."""
        if isinstance(why, UnitRefused):
            return True
        try:
            await self._ask(block.span)
        except UnitSilent:
            self.result.silences += 1
            return True
        return False
