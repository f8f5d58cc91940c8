"""A refused block is halved until it is known which points the device refuses.

The others are read on the way, so no readable point is missed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agent.modbus.address import Span
from agent.modbus.pdu import UnitRefused
from agent.modbus.plan import Block, gap_between, split
from agent.profile import Point

_NO_SUCH_FUNCTION = 1


@dataclass(slots=True)
class Halved:
    """What came out of it.

    Args:
        found: blocks that the device gives, with their data bytes.
        refused: points that it does not give, with its words.
        holes: spans to read around from now on.
    """

    found: list[tuple[Block, bytes]] = field(default_factory=list)
    refused: list[tuple[Point, UnitRefused]] = field(default_factory=list)
    holes: set[Span] = field(default_factory=set)


async def halve(block: Block, refused: UnitRefused, ask: Callable[[Span], Awaitable[bytes]]) -> Halved:
    """Find out, with `ask`, what of a refused block can be read.

    Raises:
        BusError: from `ask`, other than a refused address; then nothing has been learnt.
    """
    result = Halved()
    await _divide(block, refused, ask, result)
    return result


async def _divide(
    block: Block, refused: UnitRefused, ask: Callable[[Span], Awaitable[bytes]], result: Halved
) -> None:
    if len(block.points) == 1 or refused.code == _NO_SUCH_FUNCTION:
        result.holes.update(p.span for p in block.points)
        result.refused.extend((p, refused) for p in block.points)
        return
    before = len(result.found)
    halves = split(block)
    for half in halves:
        try:
            result.found.append((half, await ask(half.span)))
        except UnitRefused as error:
            if not error.about_address:
                raise
            await _divide(half, error, ask, result)
    gap = gap_between(*halves)
    if gap is not None and [b for b, _ in result.found[before:]] == list(halves):
        result.holes.add(gap)
