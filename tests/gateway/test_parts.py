"""Parts of a site come and go one by one; one that fails takes the site down loudly."""

import asyncio

import pytest

from gateway.parts import Parts


async def forever(log: list[str], name: str) -> None:
    log.append(f"{name} up")
    try:
        await asyncio.Event().wait()
    finally:
        log.append(f"{name} down")


async def test_stopping_one_part_leaves_the_others_alone():
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        parts = Parts(group)
        parts.start("a", forever(log, "a"))
        parts.start("b", forever(log, "b"))
        await asyncio.sleep(0)
        await parts.stop("a")
        assert log == ["a up", "b up", "a down"]
        parts.start("a", forever(log, "a"))
        await asyncio.sleep(0)
        await parts.stop_all()
    assert sorted(log[3:]) == ["a down", "a up", "b down"]


async def test_two_parts_may_not_share_a_name():
    async with asyncio.TaskGroup() as group:
        parts = Parts(group)
        parts.start("a", forever([], "a"))
        with pytest.raises(ValueError, match="runs already"):
            parts.start("a", forever([], "a"))
        await parts.stop_all()


async def test_whoever_comes_too_late_stops_what_is_gone_and_starts_nothing():
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        parts = Parts(group)
        parts.start("a", forever(log, "a"))
        await parts.stop_all()
        await parts.stop("a")
        parts.start("a", forever(log, "a"))
    assert log == []


async def test_a_part_that_fails_takes_the_group_down():
    async def fails() -> None:
        raise RuntimeError("broken")

    with pytest.raises(ExceptionGroup) as error:
        async with asyncio.TaskGroup() as group:
            parts = Parts(group)
            parts.start("a", forever([], "a"))
            parts.start("b", fails())
    assert error.group_contains(RuntimeError, match="broken")
