"""A late reply on a serial line has a good checksum and no transaction id: none may be taken for another."""

import asyncio

from agent.simulator.fault import Acting, Fault

LATE = 1_000
LINES = 24
TIMEOUT_S, PERIOD_S = 0.06, 0.1


async def test_a_thousand_late_replies_invent_no_value(a_world, tmp_path):
    worlds = [
        a_world("rtu", tmp_path / f"port-{n}", timeout_s=TIMEOUT_S, period_s=PERIOD_S) for n in range(LINES)
    ]
    late = [Acting(Fault("late", late_ms=130, jitter_ms=65, chance=0.3, seed=n)) for n in range(LINES)]

    async def one(world, acting):
        async with world.running():
            world.units[1].faults = world.units[2].faults = (acting,)
            while sum(other.met for other in late) < LATE:
                await asyncio.sleep(0.05)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for world, acting in zip(worlds, late, strict=True):
            group.create_task(one(world, acting))
    accounts = [account for world in worlds for account in world.accounts.values()]
    assert [one for account in accounts for one in account.invented] == []
    assert sum(acting.met for acting in late) >= LATE
    assert sum(account.values for account in accounts) > LATE
