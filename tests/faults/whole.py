"""The whole gateway in its world, and its end with the account of all stages: fixtures."""

import asyncio

import pytest

from tests.faults.world import World


@pytest.fixture
async def world(tmp_path, functions, serve, mosquitto, victoria, subscriber):
    broker = mosquitto(persistent=True)
    heard = subscriber(broker.port, "microgrid/#")
    return await World.made(tmp_path, functions, serve, broker, victoria(), heard)


@pytest.fixture
def ended_well(world, gateway, maplebridge, eventually):
    """One more start that drains everything and stops in order; then the account."""

    async def end(program, *, whole=True):
        last = await (await gateway("run", world.site, "--data", world.data, program=program)).until_ready()
        answers = world.answers()
        await eventually(lambda: asyncio.sleep(0, world.answers() > answers + 10), "a few more polls")
        assert await last.stop() == 0, last.log
        statistics = (await maplebridge("journal", "stats", world.site, "--data", world.data, "--json")).json
        behind = statistics["cursors"]["mqtt"]["backlog_frames"]  # the database gets its last 30 s again
        assert not whole or behind == 0, f"an orderly end leaves nothing unsent: {statistics}"
        return await asyncio.to_thread(world.account)

    return end
