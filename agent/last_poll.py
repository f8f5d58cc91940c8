"""The blocks in use for one device, and what their last replies held.

Raw words, and for each point that is not good why: for people who look into a fault.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.modbus.address import Table
from agent.modbus.decode import Decoder, compile_block
from agent.modbus.meaning import explain
from agent.modbus.pdu import BusError, words_of
from agent.modbus.plan import Block


@dataclass(slots=True, eq=False)
class Read:
    """A block in use, with what its last reply held."""

    block: Block
    decode: Decoder
    names: tuple[str, ...]
    data: bytes | None = None
    asked_ms: int = 0
    problem: str | None = None

    @classmethod
    def of(cls, block: Block) -> "Read":
        return cls(block, compile_block(block), tuple(p.name for p in block.points))


@dataclass(frozen=True, slots=True)
class BlockPoll:
    """What one read last brought; `words` is None and `problem` says why where it brought nothing."""

    table: Table
    start: int
    count: int
    words: tuple[int, ...] | None
    mono_ms: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class LastPoll:
    """The last raw words of a device, for each point that is not good why, and why a whole poll failed."""

    device: str
    problem: str | None
    blocks: tuple[BlockPoll, ...]
    why: Mapping[str, str]


def last_poll(
    device: str, problem: str | None, reads: Iterable[Read], refused: Mapping[str, BusError]
) -> LastPoll:
    """Taken from what the reads hold, the latest first, when somebody wants to see it."""
    blocks: list[BlockPoll] = []
    why: dict[str, str] = {name: str(error) for name, error in refused.items()}
    told = set(why)
    for read in reads:
        span = read.block.span
        words = words_of(span, read.data) if read.data is not None else None
        blocks.append(BlockPoll(span.table, span.start, span.count, words, read.asked_ms, read.problem))
        for point in read.block.points:
            if point.name in told:
                continue
            told.add(point.name)
            at = point.span.start - span.start
            text = explain(point, words[at : at + point.span.count]) if words is not None else read.problem
            if text is not None:
                why[point.name] = text
    return LastPoll(device, problem, tuple(blocks), why)
