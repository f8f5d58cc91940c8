"""Reading a simulated unit directly, without a wire."""

import pytest

from agent.modbus.decode import compile_block
from agent.modbus.pdu import UnitRefused
from agent.modbus.plan import block_of
from agent.modbus.sunspec import resolve, walk


@pytest.fixture
def read_points():
    """Profile and unit → (point, value) by name of each point that the unit answers, each read on its own."""

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
        found = {}
        for point in profile.points:
            try:
                words = await read(point.span)
            except UnitRefused:
                continue
            (value,), _ = compile_block(block_of([point], 1_000))(words)
            found[point.name] = point, value
        return found

    return everything


@pytest.fixture
def read_all(read_points):
    """Profile and unit → value of every point that the unit answers."""

    async def everything(profile, unit):
        return {name: value for name, (_, value) in (await read_points(profile, unit)).items()}

    return everything
