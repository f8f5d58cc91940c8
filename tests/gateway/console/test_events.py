"""The live stream: snapshot, changes, ticks, resume, and viewers that read too slowly."""

import asyncio

import pytest

from agent.reading import Text
from gateway.console import hub as hub_module
from gateway.console.session import ABSOLUTE_MS, IDLE_MS


@pytest.fixture
def viewer(console):
    return console.as_role("viewer")


def warm(console, rule="BAT-02"):
    return console.site.desk.raise_alert(rule, "bat-1", "high", Text("Cell warm", "电芯偏热"), {})


async def test_it_begins_with_everything_that_is_known(console, viewer, streaming):
    alert = warm(console)
    ticket = console.site.desk.add_ticket(
        "inspection", "P2", Text("x", "x"), ["bat-1"], by="desk", alert=alert["id"]
    )
    async with streaming(viewer) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        first = await stream.next()
    assert first.name == "snapshot"
    assert first.id
    assert first.data["now"] == console.clock.utc_ms()
    assert [site["id"] for site in first.data["sites"]] == ["village-hall"]
    assert len(first.data["devices"]) == 13
    assert [a["id"] for a in first.data["alerts"]] == [alert["id"]]
    assert first.data["tickets"] == [] or first.data["tickets"][0]["id"] == ticket["id"]


async def test_frames_alerts_and_tickets_follow_and_ticks_come_by_themselves(console, viewer, streaming):
    async with streaming(viewer) as stream:
        await stream.until("snapshot")
        console.site.village.poll(12.0)
        alert = warm(console)
        frame = await stream.until("frame", lambda data: data["device"] == "inv-1")
        assert frame.data["values"]["ac_power_kw"] == pytest.approx(46.0, rel=0.1)
        assert frame.data["quality"] == {"insulation_kohm": "absent"}
        assert {"site", "device", "ts", "boot", "seq", "values", "quality", "span_ms"} == frame.data.keys()
        told = await stream.until("alert")
        assert told.data["id"] == alert["id"]
        ticket = console.site.desk.add_ticket("inspection", "P2", Text("x", "x"), ["bat-1"], by="desk")
        assert (await stream.until("ticket")).data["number"] == ticket["number"]
        console.site.desk.clear_alert(alert["id"])
        assert (await stream.until("alert")).data["state"] == "cleared"
        tick = await stream.until("tick")
        assert tick.id is None
        assert tick.data == {
            "now": console.clock.utc_ms(),
            "sites": {"village-hall": {"ts": console.clock.utc_ms(), "state": "online"}},
        }


async def test_of_many_frames_in_a_window_the_newest_goes_out(console, viewer, streaming):
    async with streaming(viewer) as stream:
        await stream.until("snapshot")
        for _ in range(50):
            console.site.village.poll(12.0)
        frame = await stream.until("frame", lambda data: data["device"] == "inv-1")
        assert frame.data["seq"] == 51


async def test_a_failed_poll_is_a_frame_with_its_reason(console, viewer, streaming):
    console.site.village.silent.add("inv-1")
    async with streaming(viewer) as stream:
        await stream.until("snapshot")
        console.site.village.poll(12.0)
        frame = await stream.until("frame", lambda data: data["device"] == "inv-1")
        assert (frame.data["values"], frame.data["quality"]) == ({}, {"*": "bad"})
        assert frame.data["reason"] == "timeout"


async def test_after_a_break_exactly_what_was_missed_comes(console, viewer, streaming):
    async with streaming(viewer) as stream:
        await stream.until("snapshot")
        first = warm(console, "A-1")
        last = await stream.until("alert")
        assert last.data["id"] == first["id"]
    missed = [warm(console, f"A-{n}") for n in (2, 3, 4)]
    async with streaming(viewer, **{"Last-Event-ID": last.id}) as stream:
        got = [await stream.until("alert") for _ in missed]
        later = warm(console, "A-5")
        got.append(await stream.until("alert"))
    assert [event.data["rule"] for event in got] == ["A-2", "A-3", "A-4", "A-5"]
    assert got[-1].data["id"] == later["id"]


@pytest.mark.parametrize(
    "id_", ["boot-test-99999", "other-boot-1", "nonsense", "", "boot-test-", "boot-test-9" * 5]
)
async def test_what_is_no_longer_known_is_a_reset_with_a_new_snapshot(console, viewer, streaming, id_):
    async with streaming(viewer, **{"Last-Event-ID": id_}) as stream:
        assert (await stream.next()).name == "reset"
        assert (await stream.next()).name == "snapshot"


async def test_the_ring_forgets_the_oldest(console, viewer, streaming, monkeypatch):
    monkeypatch.setattr(hub_module, "RING_BYTES", 2_000)
    async with streaming(viewer) as stream:
        first = await stream.until("snapshot")
        for n in range(20):
            warm(console, f"A-{n}")
        await stream.until("alert", lambda alert: alert["rule"] == "A-19")
    async with streaming(viewer, **{"Last-Event-ID": first.id}) as stream:
        assert (await stream.next()).name == "reset"


async def test_fleet_detail_has_sites_without_frames(console, viewer, streaming):
    async with streaming(viewer, "?detail=fleet") as stream:
        first = await stream.next()
        assert first.data["devices"] == []
        assert "flow" not in first.data["sites"][0]
        console.site.village.poll(12.0)
        alert = warm(console)
        names = []
        async with asyncio.timeout(5):
            while "tick" not in names or "alert" not in names:
                event = await stream.next()
                names.append(event.name)
        assert "frame" not in names
        assert "site" in names
        assert alert["rule"] == "BAT-02"


async def test_site_detail_has_headline_points_only(console, viewer, streaming):
    async with streaming(viewer, "?detail=site") as stream:
        await stream.until("snapshot")
        console.site.village.poll(12.0)
        frame = await stream.until("frame", lambda data: data["device"] == "inv-1")
        assert list(frame.data["values"]) == ["ac_power_kw", "energy_today_kwh", "temperature_c", "state"]
        assert "flow" in (await stream.until("site")).data


async def test_other_sites_are_left_out(console, viewer, streaming):
    async with streaming(viewer, "?sites=elsewhere") as stream:
        assert (await stream.next()).data["sites"] == []
        console.site.village.poll(12.0)
        assert (await stream.next()).name == "tick"


async def test_everybody_gets_the_same_bytes(console, viewer, streaming):
    other = console.as_role("admin")
    async with streaming(viewer) as one, streaming(other) as two:
        await one.until("snapshot")
        await two.until("snapshot")
        console.site.village.poll(12.0)
        assert (await one.until("frame")) == (await two.until("frame"))


async def test_a_stream_keeps_its_session_alive_but_not_for_ever(console, streaming):
    client = await console.signed_in("viewer")
    async with streaming(client, "?detail=fleet") as stream:
        for _ in range(3):
            console.clock.advance(IDLE_MS - 60_000)
            await stream.until("tick")
            await stream.until("tick")
        console.clock.advance(ABSOLUTE_MS)
        with pytest.raises(EOFError):
            await stream.until("never")
    assert (await client.get("/api/v1/session")).status_code == 401


async def test_a_removed_users_stream_ends(console, viewer, streaming):
    async with streaming(viewer) as stream:
        await stream.until("snapshot")
        console.users.remove("viewer-1")
        with pytest.raises(EOFError):
            await stream.until("never")


async def test_who_reads_too_slowly_is_cut_off_and_others_do_not_notice(
    console, viewer, streaming, monkeypatch
):
    monkeypatch.setattr(hub_module, "VIEWER_BYTES", 200_000)
    host, port = console.url.removeprefix("http://").split(":")
    dropped = hub_module.DROPPED._value.get()
    reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    auth = viewer.headers["authorization"]
    writer.write(f"GET /api/v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: {auth}\r\n\r\n".encode())
    await reader.read(10)
    async with streaming(viewer, "?detail=fleet") as stream, asyncio.timeout(20):
        while hub_module.DROPPED._value.get() == dropped:
            console.site.village.poll(12.0)
            for n in range(200):
                warm(console, f"A-{n}")
            console.site.desk.alert_documents.clear()
            await stream.until("site")
        await stream.until("tick")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(50_000_000)
    writer.close()


async def test_closed_streams_leave_nothing_behind(console, viewer, streaming):
    for _ in range(3):
        async with streaming(viewer) as stream:
            await stream.until("snapshot")
    async with asyncio.timeout(5):
        while console.console.hub._viewers:
            await asyncio.sleep(0.02)


async def test_while_nobody_watches_nothing_is_encoded(console, monkeypatch):
    encoded = []
    monkeypatch.setattr(console.console.hub, "_encode_frame", encoded.append)
    console.site.village.poll(12.0)
    await asyncio.sleep(0.2)
    assert encoded == []
