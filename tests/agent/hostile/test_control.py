"""The harness can see what it looks for: a client without our checks does hand out wrong values here.

The client is a stock pymodbus, the faults are those at which it is known to be taken in.
"""

import asyncio

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from agent.simulator.fault import Acting, Fault
from agent.simulator.line import Speed
from agent.simulator.server import RtuServer, TcpServer

TIMEOUT_S = 0.1
READS = 8


async def asked(kind, witness, fault):
    """Of some reads that meet the fault: how many were taken for good, and how many of these say something else."""
    taken = wrong = 0
    async with Stock(kind, witness) as stock:
        for turn in range(READS):
            witness.faults = (fault,) if turn else ()
            start = 1_000 if turn % 2 else 0
            try:
                reply = await stock.read_holding_registers(start, count=6, device_id=1)
            except (ModbusException, TimeoutError):
                continue
            if turn and not reply.isError():
                taken += 1
                wrong += reply.registers[::2] != [0x1000 | start + n for n in (0, 2, 4)]
    return taken, wrong


class Stock:
    """A stock client of one unit on a socket or a serial line."""

    def __init__(self, kind, witness):
        self._server = (
            RtuServer({1: witness}, speed=Speed(turnaround_ms=20))
            if kind == "rtu"
            else TcpServer({1: witness})
        )

    async def __aenter__(self):
        more = {"timeout": TIMEOUT_S, "retries": 0, "reconnect_delay": 0}
        started = await self._server.start()
        if isinstance(self._server, RtuServer):
            self._client = AsyncModbusSerialClient(str(started), baudrate=115_200, **more)
        else:
            self._client = AsyncModbusTcpClient("127.0.0.1", port=started, **more)
        await self._client.connect()
        return self._client

    async def __aexit__(self, *_):
        self._client.close()
        await asyncio.sleep(0)
        await self._server.close()


async def test_after_one_late_reply_a_stock_client_hands_out_the_registers_of_the_request_before(a_witness):
    taken, wrong = await asked("rtu", a_witness(1), Acting(Fault("late", late_ms=150, times=1)))
    assert wrong == taken == READS - 2  # all after the one that timed out


@pytest.mark.parametrize(
    "fault",
    [
        Fault("short_count"),
        Fault("long_count", registers=3),
        Fault("lying_count", registers=-1),
        Fault("odd_count"),
        Fault("wrong_function"),
    ],
    ids=lambda fault: fault.do,
)
async def test_a_stock_client_takes_a_malformed_reply_for_good(a_witness, fault):
    taken, _ = await asked("tcp", a_witness(1), Acting(fault))
    assert taken > 0


@pytest.mark.parametrize("kind", ["rtu", "tcp"])
async def test_it_is_right_where_nothing_is_wrong(a_witness, kind):
    assert await asked(kind, a_witness(1), Acting(Fault("late", late_ms=0))) == (READS - 1, 0)


async def test_old_content_under_the_right_name_is_seen_by_the_harness_though_by_no_client(a_world, tmp_path):
    world = a_world("tcp", tmp_path / "port")
    async with world.running():
        loop = asyncio.get_running_loop()
        assert await world.whole_after(loop.time(), within_s=10) is not None
        await world.misbehave(Fault("stale"))
        assert await world.whole_after(loop.time(), within_s=10) is not None
        await asyncio.sleep(0.5)
    assert len(world.bad.invented) >= 9
