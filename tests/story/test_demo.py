"""`maplebridge demo` as somebody sees it who has never seen it: a live village within a minute, and what goes wrong in it."""

import asyncio
import re
import time

import pytest

SUMMARY = {
    "en": r"frames polled (\d+), published (\d+), stored (\d+); alerts (\d+), tickets (\d+)",
    "zh": r"轮询帧 (\d+),已发布 (\d+),已存储 (\d+);告警 (\d+),工单 (\d+)",
}


async def started(gateway, *arguments):
    """The process, the console's address and the one-time code, as printed."""
    process = await gateway("demo", "--port", "0", *arguments)
    said = ""
    while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/#code=(\S+)", said)):
        line = await process.line(60)
        assert line, process.log
        said += line
    return process, found[1], found[2], said


async def rest_of(process, deadline_s):
    said = ""
    while line := await process.line(deadline_s):
        said += line
    return said


async def test_within_a_minute_there_are_power_a_trend_alerts_and_tickets(tmp_path, gateway, api, eventually):
    began = time.monotonic()
    process, base, code, said = await started(gateway, "--minutes", "1", "--data", tmp_path / "demo")
    assert f"The village is live: {base}" in said
    console = api(base)
    assert (await console.get("/api/v1/sites"))[0] == 401
    assert (await console.post("/api/v1/session", {"code": "wrong-code"}))[0] == 401
    assert (await console.post("/api/v1/session", {"code": code}))[0] == 204
    assert (await api(base).post("/api/v1/session", {"code": code}))[0] == 401, "the code is good for once"

    async def asked(path):
        status, answer = await console.get(path)
        assert status == 200, answer
        return answer

    async def live():
        (site,) = (await asked("/api/v1/sites"))["items"]
        figures = [
            site["balance"][part] for part in ("grid_kw", "pv_kw", "battery_kw", "charging_kw", "load_kw")
        ]
        return site if all(f and f["value"] is not None for f in figures) else None

    site = await eventually(live, "all of the power balance")
    assert site["id"] == "village-hall"
    assert site["balance"]["pv_kw"]["value"] > 0
    devices = {d["id"]: d for d in (await asked("/api/v1/sites/village-hall/devices"))["items"]}
    assert {
        "inv-1",
        "inv-2",
        "bat-1",
        "charger-1",
        "charger-3",
        "meter-main",
        "weather-1",
        "gateway",
    } <= devices.keys()

    async def trend():
        path = "/api/v1/sites/village-hall/devices/inv-1/series?points=ac_power_kw&step=1s"
        values = [value for value in (await asked(path))["points"]["ac_power_kw"] if value is not None]
        return values if len(values) >= 5 else None

    values = await eventually(trend, "a trend of inv-1", 30)
    assert all(0 <= value <= 55 for value in values)

    async def tripped(rule, device):
        for alert in (await asked("/api/v1/alerts?state=open"))["items"]:
            if (alert["rule"], alert["device"]) == (rule, device) and alert["ticket"]:
                return alert
        return None

    for rule, device in (("PV-02", "inv-2"), ("BAT-02", "bat-1")):
        alert = await eventually(lambda r=rule, d=device: tripped(r, d), f"{rule} on {device}", 50)
        ticket = await asked(f"/api/v1/tickets/{alert['ticket']}")
        assert alert["id"] in ticket["alerts"]
        assert device in ticket["devices"]
    shown_s = time.monotonic() - began
    assert shown_s < 60, "a person sees it within the first minute"
    assert (await console.get("/healthz"))[0] == 200
    status, page = await console.get("/")
    assert status == 200
    assert b"<html" in page

    said = await rest_of(process, 60)
    frames, published, stored, alerts, tickets = map(int, re.search(SUMMARY["en"], said).groups())
    assert min(frames, published, stored) > 300
    assert stored >= frames
    assert min(alerts, tickets) >= 2
    assert await process.stop(10) == 0
    assert process.log == ""
    print(f"all seen after {shown_s:.0f} s; {said.strip().splitlines()[-1]}")  # noqa: T201  # shown by -s


async def test_it_speaks_chinese_and_ends_by_itself(gateway):
    process, base, code, said = await started(gateway, "--minutes", "0.1", "--lang", "zh")
    assert f"村子已上线:{base}" in said
    assert code in said
    said = await rest_of(process, 30)
    frames, published, stored, _, _ = map(int, re.search(SUMMARY["zh"], said).groups())
    assert min(frames, published, stored) > 0
    assert await process.stop(10) == 0


@pytest.mark.parametrize(
    "arguments", [["--minutes", "0"], ["--speed", "-1"], ["--lang", "fr"], ["--port", "70000"]]
)
async def test_what_cannot_be_meant_is_refused(maplebridge, arguments):
    answer = await maplebridge("demo", *arguments)
    assert answer.code == 2
    assert arguments[0] in answer.err
    assert "Traceback" not in answer.err


async def test_ctrl_c_ends_it_with_the_summary(gateway):
    process, _, _, _ = await started(gateway)
    await asyncio.sleep(0.5)
    process.interrupt()
    assert re.search(SUMMARY["en"], await rest_of(process, 15))
    assert await process.stop(10) == 0
