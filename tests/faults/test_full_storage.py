"""The storage refuses everything for a while: live readings go on, an alert says so, and all of it is committed afterwards."""

import asyncio
import resource

import pytest

from tests.faults.account import table
from tests.faults.scale import rounds


@pytest.fixture
async def refusing(world, gateway):
    """A running gateway, and `refuse(bool)`: no file of its may be written (RLIMIT_FSIZE), as on a full card."""
    process = await (
        await gateway("run", world.site, "--data", world.data, program=world.program())
    ).until_ready()
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)

    def refuse(wanted):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1 if wanted else hard, hard))

    return process, refuse


async def test_live_readings_go_on_and_nothing_is_lost(
    world, refusing, gateway, ended_well, eventually, figures
):
    process, refuse = refusing
    held_s = rounds(fast=13, long=630)  # longer than ten minutes
    await asyncio.sleep(1.5)
    heard = world.heard

    def live(device="one"):
        return heard.on(f"microgrid/fault-hall/{device}/readings")

    refuse(True)
    await asyncio.sleep(2)
    before, count = len(live()), world.answers()
    await asyncio.sleep(held_s)
    told, answered = len(live()) - before, world.answers() - count
    assert process.alive, process.log
    pulse = heard.last("microgrid/fault-hall/gateway/readings")
    refuse(False)
    committed = asyncio.get_running_loop().time()
    await eventually(
        lambda: asyncio.sleep(0, "journal.healed" in process.log), "the storage is written again", 10
    )
    healed_s = asyncio.get_running_loop().time() - committed
    assert await process.stop() == 0, process.log
    account = await ended_well(world.program())
    verdicts = account.verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    assert pulse["values"]["storage_refuses"] is True
    assert told >= 0.9 * answered
    figures(
        f"storage refused for {held_s} s",
        f"{told} live frames of one device of {answered} polls, lost 0, committed {healed_s:.1f} s after",
    )
