"""`/scan`: started, watched and stopped by an administrator; one at a time; nothing is written."""

import pytest
import structlog

from gateway.console.testing_scan import ASK_MS, IDENTIFY_MS

SCAN = "/api/v1/scan"


async def test_a_scan_goes_on_by_itself_and_tells_how_far_it_is(console):
    admin = await console.signed_in("admin")
    before = (await admin.get(SCAN)).json()
    assert ([bus["id"] for bus in before["buses"]], before["scan"]) == (["lan-1", "rs485-1"], None)
    with structlog.testing.capture_logs() as logs:
        started = await admin.post(SCAN, json={"bus": "rs485-1", "units": "1-20"})
    assert (started.status_code, started.json()["scan"]["state"]) == (202, "running")
    assert [(line["who"], line["what"], line["bus"]) for line in logs if line["event"] == "audit"] == [
        ("admin-1", "start scan", "rs485-1")
    ]
    console.clock.advance(10 * ASK_MS)
    half = (await admin.get(SCAN)).json()["scan"]
    assert (half["doing"], half["done"], half["total"], half["by"]) == ("asking", 10, 20, "admin-1")
    assert half["left_ms"] == 10 * ASK_MS + 3 * IDENTIFY_MS
    console.clock.advance(half["left_ms"])
    over = (await admin.get(SCAN)).json()["scan"]
    assert (over["state"], [unit["unit"] for unit in over["units"]]) == ("done", [1, 7, 12])
    assert over["units"][0]["device"] == "meter-main"
    assert over["yaml"] == (
        "devices:\n"
        "  # - {id: unknown-7, bus: rs485-1, unit: 7}\n"
        "  - {id: meter-12, profile: eastron-sdm630, bus: rs485-1, unit: 12}\n"
    )


async def test_a_second_scan_is_refused_and_the_first_goes_on(console):
    admin = await console.signed_in("admin")
    await admin.post(SCAN, json={"bus": "rs485-1"})
    with structlog.testing.capture_logs() as logs:
        second = await admin.post(SCAN, json={"bus": "lan-1"})
    assert (second.status_code, second.json()["guard"]) == (409, "scan_running")
    assert [line["result"] for line in logs if line["event"] == "audit"] == ["refused"]
    assert (await admin.get(SCAN)).json()["scan"]["bus"] == "rs485-1"


async def test_a_stopped_scan_keeps_what_it_has_found(console):
    admin = await console.signed_in("admin")
    await admin.post(SCAN, json={"bus": "rs485-1", "units": "1-20"})
    console.clock.advance(20 * ASK_MS + IDENTIFY_MS)
    stopped = (await admin.delete(SCAN)).json()["scan"]
    assert (stopped["state"], [unit["unit"] for unit in stopped["units"]]) == ("stopped", [1])
    assert (await admin.delete(SCAN)).json()["scan"]["state"] == "stopped"
    assert (await admin.post(SCAN, json={"bus": "lan-1"})).status_code == 202


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"bus": "nowhere"}, "body.bus"),
        ({"bus": "rs485-1", "units": "0-300"}, "body.units"),
        ({"bus": "rs485-1", "units": "all"}, "body.units"),
        ({}, "body.bus"),
    ],
)
async def test_what_does_not_fit_is_told_where(console, body, where):
    answer = await (await console.signed_in("admin")).post(SCAN, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)
