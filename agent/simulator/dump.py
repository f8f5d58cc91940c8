"""A recorded device: it answers what was recorded, and refuses what was not.

unit_id: 247
holding: {"35000": [1, 10000]}      zero-based address of the first word → words, function 3
input: {}                           the same, function 4
illegal: [[36000, 125]]             reads (start, count) that the device refused
expected: {soc: 68}                 and more keys that serving does not need
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.modbus.address import Table
from agent.simulator.refusal import ILLEGAL_ADDRESS
from agent.simulator.unit import Answer, Unit

Blocks = Mapping[int, tuple[int, ...]]


class Dump(BaseModel):
    """The part of a `dump.json` that is served; other keys are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device: str = ""
    unit_id: int = Field(ge=0, le=255)
    holding: Blocks = Field(default_factory=dict)
    input: Blocks = Field(default_factory=dict)
    coil: Blocks = Field(default_factory=dict)
    discrete: Blocks = Field(default_factory=dict)
    illegal: tuple[tuple[int, int], ...] = ()

    def blocks(self, table: Table) -> Blocks:
        return {
            Table.HOLDING: self.holding,
            Table.INPUT: self.input,
            Table.COIL: self.coil,
            Table.DISCRETE: self.discrete,
        }[table]


def read_dump(data: Any) -> Dump:
    """The dump in a parsed JSON document.

    Raises:
        ValueError: it is no dump, or it holds no registers.
    """
    try:
        dump = Dump.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise ValueError(f"{place}: {first['msg'].lower()}") from None
    if not any(dump.blocks(table) for table in Table):
        raise ValueError("the dump holds no registers that could be served")
    return dump


class DumpedDevice(Unit):
    """Serves a dump."""

    def __init__(self, dump: Dump) -> None:
        super().__init__()
        self._illegal = frozenset(dump.illegal)
        self._words = {
            table: {
                address: word
                for start, words in dump.blocks(table).items()
                for address, word in enumerate(words, start)
            }
            for table in Table
        }

    def read(self, table: Table, start: int, count: int) -> Answer:
        words = self._words[table]
        wanted = range(start, start + count)
        if (start, count) in self._illegal or any(address not in words for address in wanted):
            return ILLEGAL_ADDRESS
        return [words[address] for address in wanted]
