"""A broker that is killed and frozen again and again: the station behind it has every frame and every change."""

import json
import time

import pytest

from tests.conftest import until_sync
from tests.faults.scale import rounds
from tests.faults.uplink import MOST_GROWTH_KB, memory_kb
from tests.gateway.sinks.station_double import StationDouble

pytestmark = pytest.mark.mosquitto

KILLS, FREEZES = rounds(fast=8, long=50), rounds(fast=2, long=10)


@pytest.fixture
def station(tmp_path):
    started = []

    def start(port):
        started.append(StationDouble(port, tmp_path / "station.db").start())
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_killed_and_frozen_it_loses_nothing_and_memory_does_not_grow(
    mosquitto, uplink, station, figures, tmp_path
):
    broker = mosquitto()  # keeps nothing over a kill
    county, site = station(broker.port), uplink(f"mqtt://127.0.0.1:{broker.port}")
    until_sync(lambda: len(county.rows()) > 200, "the first frames")
    before_kb = memory_kb(site)
    for turn in range(KILLS + FREEZES):
        heard = len(county.rows())
        if turn % (KILLS // FREEZES + 1) == KILLS // FREEZES:
            broker.freeze()
            time.sleep(2.0)
            broker.thaw()
        else:
            broker.kill()
            time.sleep(0.2)
            broker.start()
        until_sync(lambda heard=heard: len(county.rows()) > heard + 20, "frames again", 30)
    grown_kb = memory_kb(site) - before_kb
    site.communicate(b"end\n", timeout=60)
    sent = {tuple(key) for key in json.loads((tmp_path / "data" / "sent.json").read_text())}
    stored = county.keys()
    figures(
        f"broker killed {KILLS} times, frozen {FREEZES} times",
        f"{len(sent)} sent, lost {len(sent - stored)}, invented {len(stored - sent)}, memory {grown_kb:+} KiB",
    )
    assert not sent - stored
    assert not stored - sent
    assert grown_kb <= MOST_GROWTH_KB
