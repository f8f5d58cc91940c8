"""The whole gateway, killed again and again: for every point, scheduled = stored + explained gaps, at every stage."""

import asyncio
import random
import resource
import time

import pytest

from tests.faults.account import table
from tests.faults.scale import rounds


async def test_killed_again_and_again(world, gateway, ended_well, figures):
    count = rounds(fast=5, long=60)
    dice = random.Random(20_260_530)  # noqa: S311  # moments, no secrets
    program, starts_s = world.program(), []
    for _ in range(count):
        began = time.perf_counter()
        process = await gateway("run", world.site, "--data", world.data, program=program)
        if dice.random() < 0.85:
            await process.until_ready()
            starts_s.append(time.perf_counter() - began)
        await asyncio.sleep(dice.uniform(0.1, 1.5))
        await process.kill()
    account = await ended_well(program)
    verdicts = account.verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    frames, tickets = len(account.journal.frames), account.desk.tickets
    assert frames > count * 6
    figures(
        f"kill -9, whole gateway, {count} rounds",
        f"{sum(map(len, account.served.values()))} answers served, {frames} frames, "
        f"{len(account.desk.alerts)} alerts, {len(tickets)} tickets; starts longest {max(starts_s):.2f} s\n{table(verdicts)}",
    )


async def some_kills(world, gateway, program, count=4):
    for _ in range(count):
        process = await (
            await gateway("run", world.site, "--data", world.data, program=program)
        ).until_ready()
        await asyncio.sleep(1.2)
        await process.kill()


ILL = {
    "seq_used_again": ("journal", "duplicate"),
    "value_invented": ("journal", "invented"),
    "gap_swallowed": ("journal", "unexplained"),
    "ack_before_commit": ("journal", "lost"),
    "stamped_when_written": ("database", "invented"),
    "dedupe_lost": ("desk", "duplicate"),
}


@pytest.mark.long
@pytest.mark.parametrize("illness", ILL)
async def test_a_doctored_gateway_is_found_out(world, gateway, ended_well, figures, illness):
    program = world.program(illness)
    await some_kills(world, gateway, program)
    account = await ended_well(program, whole=False)
    stage, kind = ILL[illness]
    verdicts = {verdict.stage: verdict for verdict in account.verdicts()}
    assert getattr(verdicts[stage], kind), table(verdicts.values())
    figures(f"doctored, {illness}", f"red: {stage} {kind.upper()}")


async def test_settled_before_the_broker_has_it_is_found_out(world, gateway, ended_well, figures):
    """The broker stands still, and the gateway dies while its frames are on their way."""
    program = world.program("trimmed_too_early")
    process = await (await gateway("run", world.site, "--data", world.data, program=program)).until_ready()
    await asyncio.sleep(1)
    world.broker.freeze()
    await asyncio.sleep(1.5)
    await process.kill()
    world.broker.kill()
    world.broker.start()
    account = await ended_well(program)
    verdicts = {verdict.stage: verdict for verdict in account.verdicts()}
    assert verdicts["MQTT"].lost, table(verdicts.values())


async def test_a_gateway_that_stood_still_tells_it_and_does_not_catch_up(world, gateway, ended_well, figures):
    frozen_s = rounds(fast=3, long=30)
    process = await (
        await gateway("run", world.site, "--data", world.data, program=world.program())
    ).until_ready()
    await asyncio.sleep(1.5)
    process.freeze()
    await asyncio.sleep(frozen_s)
    before = world.answers()
    process.thaw()
    await asyncio.sleep(1.0)
    late = world.answers() - before
    assert await process.stop() == 0
    account = await ended_well(world.program())
    verdicts = account.verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    assert late <= 8, f"{late} polls in the second after the stop: it catches up"
    told = sum(h.slots or 0 for h in account.journal.holes if h.device == "one" and h.reason == "overload")
    assert abs(told - frozen_s * 5) <= 2
    figures(
        f"SIGSTOP for {frozen_s} s",
        f"{told} slots told as a gap per device, {late} polls in the second after it, lost 0",
    )


async def test_a_gateway_without_descriptors_goes_on(world, gateway, ended_well, eventually, figures):
    held_s = rounds(fast=2, long=30)
    process = await (
        await gateway("run", world.site, "--data", world.data, program=world.program())
    ).until_ready()
    await asyncio.sleep(1)
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, hard))
    world.broker.kill()
    await asyncio.sleep(held_s)
    assert process.alive, process.log
    world.broker.start()
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    heard = len(world.heard.messages)
    began = time.perf_counter()
    await eventually(
        lambda: asyncio.sleep(0, len(world.heard.messages) > heard), "the broker hears again", 30
    )
    back_s = time.perf_counter() - began
    assert await process.stop() == 0
    account = await ended_well(world.program())
    verdicts = account.verdicts()
    assert all(v.clean for v in verdicts), table(verdicts)
    figures(f"no file descriptor for {held_s} s", f"no exit, back after {back_s:.1f} s, lost 0")
