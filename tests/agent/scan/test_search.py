"""A search against real servers: who answers, who is the same, and what each is."""

import termios

import pytest

from agent.clock import SystemClock
from agent.modbus.bus import Bus
from agent.modbus.endpoint import parse_url
from agent.modbus.pdu import BusDown
from agent.scan.line import Pace, settings_of
from agent.scan.search import Search
from agent.simulator.device import SimulatedDevice
from agent.simulator.motion import Motion
from agent.simulator.server import RtuServer, TcpServer
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
NAMES = (
    "eastron-sdm630",
    "eastron-sdm120",
    "huawei-sun2000",
    "schneider-pm5000",
    "sunspec-meter",
    "goodwe-et",
)
PROFILES = [SHELF.find(name) for name in NAMES]
PACE = Pace(gap_ms=0, probe_ms=100)


class Hurried(SystemClock):
    """Does not wait between the polls of a unit: nothing moves here."""

    async def sleep_until(self, monotonic_ms):
        pass


def device(name, seed="d", serial=""):
    made = SimulatedDevice(SHELF.find(name), serial)
    made.set(**Motion(seed, made.free_points).values(0.0))
    return made


async def search(url, units, settings=None):
    async def open_line(line):
        return Bus(line, None, {}), False

    steps = []
    found = await Search(
        open_line=open_line,
        settings=settings or [parse_url(url)],
        units=units,
        pace=PACE,
        profiles=PROFILES,
        clock=Hurried(),
        thorough=False,
        told=steps.append,
    ).run()
    assert steps
    assert steps[-1].done == steps[-1].total
    return found


@pytest.fixture
async def served():
    servers = []

    async def start(units, **more):
        server = TcpServer(units, **more)
        servers.append(server)
        return server, await server.start()

    yield start
    for server in servers:
        await server.close()


def best(outcome):
    return {unit.unit: unit.best.profile.name if unit.best else None for unit in outcome.units}


async def test_units_behind_a_gateway_are_told_apart_and_identified(served):
    units = {number: device(name) for number, name in enumerate(NAMES, 1)}
    server, port = await served(units)
    outcome = await search(f"tcp://127.0.0.1:{port}", range(1, 12))
    assert best(outcome) == dict(enumerate(NAMES, 1))
    assert outcome.missing == 5
    assert server.connections == 1


async def test_dead_units_are_no_units_and_cost_no_live_one(served):
    units = {1: device("eastron-sdm630"), 2: device("sunspec-meter"), 3: device("goodwe-et")}
    units[2].answer = lambda _: None
    _, port = await served(units)
    assert best(await search(f"tcp://127.0.0.1:{port}", [1, 2, 3])) == {1: "eastron-sdm630", 3: "goodwe-et"}


async def test_a_device_that_answers_to_every_id_is_one_device(served):
    one = device("sunspec-meter")
    _, port = await served(dict.fromkeys(range(1, 9), one))
    (unit,) = (await search(f"tcp://127.0.0.1:{port}", range(1, 9))).units
    assert (unit.unit, unit.also) == (1, (2, 3, 4, 5, 6, 7, 8))


async def test_two_meters_of_a_model_are_two(served):
    _, port = await served({1: device("eastron-sdm630", "a"), 2: device("eastron-sdm630", "b")})
    assert len((await search(f"tcp://127.0.0.1:{port}", [1, 2])).units) == 2


async def test_two_devices_with_the_same_serial_text_are_two_once_they_have_counted(served):
    _, port = await served({n: device("sunspec-meter", f"seed {n}", serial="0815") for n in (1, 2, 3)})
    units = (await search(f"tcp://127.0.0.1:{port}", [1, 2, 3])).units
    assert [(unit.unit, unit.serial, unit.also) for unit in units] == [(n, "0815", ()) for n in (1, 2, 3)]


async def test_what_no_profile_fits_is_told_without_one(served):
    unknown = SimulatedDevice(SHELF.find("rs485-pyranometer"))
    _, port = await served({5: unknown})
    assert best(await search(f"tcp://127.0.0.1:{port}", [5])) == {5: None}


async def test_frames_over_a_serial_server(served):
    _, port = await served({7: device("eastron-sdm630")}, rtu=True)
    assert best(await search(f"rtu+tcp://127.0.0.1:{port}", [6, 7])) == {7: "eastron-sdm630"}


class _OneSpeed(RtuServer):
    """Answers only at 19,200 baud, as a line does; the terminal's own setting is what counts."""

    async def start(self, link=None):
        path = await super().start(link)
        for unit in self.units.values():
            answer = unit.answer
            unit.answer = lambda pdu, answer=answer: answer(pdu) if self._fits() else None
        return path

    def _fits(self):
        return termios.tcgetattr(self._fds[0])[4] == termios.B19200


async def test_the_speed_of_a_serial_line_is_found():
    server = _OneSpeed({2: device("eastron-sdm630")})
    path = await server.start()
    url = f"rtu://{path}"
    settings = [line for line in settings_of(url, parse_url(url)) if line.parity == "N"][:3]
    try:
        (unit,) = (await search(url, [1, 2, 3], settings)).units
    finally:
        await server.close()
    assert (unit.unit, unit.line.baudrate, unit.best.profile.name) == (2, 19_200, "eastron-sdm630")


async def test_nobody_listens():
    server = TcpServer({})
    port = await server.start()
    await server.close()
    with pytest.raises(BusDown):
        await search(f"tcp://127.0.0.1:{port}", [1])
