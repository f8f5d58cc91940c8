"""Reading a simulated unit directly, without a wire."""

import pytest

from agent.modbus.decode import compile_block
from agent.modbus.pdu import UnitRefused
from agent.modbus.plan import block_of
from agent.modbus.sunspec import resolve, walk


@pytest.fixture
def read_all():
    """Profile and unit → value of every point that the unit answers, each read on its own."""

    async def everything(profile, unit):
        async def read(span):
            words = unit.read(span.table, span.start, span.count)
            if isinstance(words, int):
                raise UnitRefused(words)
            return words

        if profile.sunspec is not None:
            chain = await walk(read, profile.sunspec.bases)
            assert chain is not None, "no SunSpec device"
            profile = resolve(profile, chain)
        values = {}
        for point in profile.points:
            try:
                words = await read(point.span)
            except UnitRefused:
                continue
            (values[point.name],), _ = compile_block(block_of([point], 1_000))(words)
        return values

    return everything
