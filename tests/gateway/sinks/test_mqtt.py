"""The MQTT sink with a real broker: the picture, live before late, and every way a broker can fail."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from agent.reading import Text
from agent.rules.alert import Alert
from gateway.failure import Failure
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.mqtt_pace import Pace
from tests.gateway.sinks.mqtt_site import DEVICES, QUICK

pytestmark = pytest.mark.mosquitto


def alert(alert_id="a1", state="active", severity="high"):
    return Alert(
        alert_id, "PV-01", "hall", "inv-1", None, state, severity, 5, None, Text("Cell warm", "电芯偏热")
    )


async def test_birth_meta_and_status_are_retained_and_frames_go_out_live(
    mosquitto, subscriber, sink_for, running, feed, until
):
    broker = mosquitto()
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.published == 5, "the picture: five messages")
    heard = subscriber(broker.port)
    await until(lambda: heard.last("microgrid/hall/status"))
    feed.frame()
    await until(heard.frames)
    await sink.first_sent.wait()

    status = heard.last("microgrid/hall/status")
    assert status | {"since": 0} == {"state": "online", "since": 0, "boot": feed.boot, "version": "0.1.0"}
    assert abs(status["since"] / 1_000 - time.time()) < 10
    assert heard.last("microgrid/hall/inv-1/meta")["points"] == {
        "ac_power_kw": {"unit": "kW", "type": "number"}
    }
    assert heard.last("microgrid/hall/bat-1/status")["state"] == "unsure"
    await until(lambda: heard.last("microgrid/hall/inv-1/status")["state"] == "online")
    assert heard.frames() == [("inv-1", feed.boot, 1, False)]
    retained = {topic for topic, _, kept in heard.messages if kept}
    assert retained == {
        "microgrid/hall/status",
        "microgrid/hall/inv-1/meta",
        "microgrid/hall/inv-1/status",
        "microgrid/hall/bat-1/meta",
        "microgrid/hall/bat-1/status",
    }


async def test_a_device_is_unsure_after_a_failed_poll_and_offline_after_three(
    mosquitto, subscriber, sink_for, running, feed, until
):
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/inv-1/status")
    running(sink_for(broker.port))
    for reason in (None, "timeout", "timeout", "timeout", "timeout", None):
        feed.frame(reason=reason)
        await feed.journal.commit()
        await asyncio.sleep(0.02)
    topic = "microgrid/hall/inv-1/status"
    await until(
        lambda: len(heard.on(topic)) >= 4 and heard.last(topic)["state"] == "online", str(heard.on(topic))
    )
    states = [status["state"] for status in heard.on(topic)]
    assert states[-4:] == ["online", "unsure", "offline", "online"]


async def test_the_will_says_offline_without_a_time_and_a_stop_says_it_with_one(
    mosquitto, subscriber, sink_for, running, until
):
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/status")
    sink = sink_for(broker.port)
    run = running(sink)
    await until(lambda: (heard.last("microgrid/hall/status") or {}).get("state") == "online")
    await run.stop()
    assert not sink.connected
    await until(lambda: heard.last("microgrid/hall/status")["state"] == "offline")
    await asyncio.sleep(0.1)
    assert [s["since"] is None for s in heard.on("microgrid/hall/status")] == [False, False]

    vanishing = sink_for(broker.port)
    running(vanishing)
    await until(lambda: vanishing.connected)
    taker = sink_for(broker.port, config=MqttConfig(url=f"mqtt://127.0.0.1:{broker.port}", root="other"))
    running(taker)  # the same client id: the broker drops the first and publishes its will
    await until(
        lambda: (
            {"state": "offline", "since": None, "boot": sink._clock.boot, "version": "0.1.0"}
            in heard.on("microgrid/hall/status")
        )
    )


async def test_what_was_missed_comes_late_and_beside_live_frames(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    for _ in range(300):
        feed.frame("bat-1")
    await journal.commit()
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/+/readings")
    running(sink_for(broker.port, pace=Pace(retry_spread_ms=100, backlog_per_s=200)))
    await until(heard.frames)
    feed.frame("inv-1")
    await until(lambda: ("inv-1", feed.boot, 1, False) in heard.frames())
    assert len(heard.frames()) < 250, "the live frame did not wait for the backlog"
    await until(lambda: len(heard.frames()) == 301)
    late = [seq for device, _, seq, late in heard.frames() if device == "bat-1" and late]
    assert late == list(range(1, 301))
    await until(lambda: journal.cursor("mqtt") == journal.head())


async def test_a_broker_that_is_killed_and_comes_back_has_missed_nothing(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    broker = mosquitto(persistent=True)
    heard = subscriber(broker.port, "microgrid/hall/+/readings")
    sink = sink_for(broker.port)
    running(sink)
    for turn in range(12):
        for _ in range(10):
            feed.frame("inv-1")
            feed.frame("bat-1")
        await journal.commit()
        if turn == 4:
            broker.kill()
        if turn == 8:
            broker.start()
        await asyncio.sleep(0.05)
    await until(lambda: journal.cursor("mqtt") == journal.head(), "all settled")
    await until(
        lambda: {frame[:3] for frame in heard.frames()} == set(feed.sent),
        f"every frame at least once: {len(set(feed.sent))}",
    )


async def test_a_link_that_flaps_is_made_again_soon_each_time(mosquitto, sink_for, running, until):
    broker = mosquitto()
    sink = sink_for(broker.port, pace=replace(QUICK, retry_cap_ms=60_000, holds_ms=50))
    running(sink)
    for flap in range(8):
        await until(lambda: sink.connected, f"connection {flap}", 2.0)
        await asyncio.sleep(0.1)
        broker.kill()
        await until(lambda: not sink.connected)
        broker.start()


async def test_a_frozen_broker_is_noticed_and_nobody_else_waits(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    broker = mosquitto()
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.connected)
    broker.freeze()
    begun = time.monotonic()
    for _ in range(200):
        feed.frame()
    await journal.commit()
    await asyncio.wait_for(journal.wait(199), 1)
    await until(lambda: not sink.connected, "given up")
    assert time.monotonic() - begun < 1.5 * QUICK.keepalive_s + 5
    broker.thaw()
    heard = subscriber(broker.port, "microgrid/hall/+/readings")
    await until(lambda: {seq for _, _, seq, _ in heard.frames()} == set(range(1, 201)), deadline_s=15)
    await until(lambda: journal.cursor("mqtt") == 200)


async def test_alerts_are_a_retained_picture_and_changes_are_in_order(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    open_alerts = [alert("a0")]
    broker = mosquitto()
    heard = subscriber(broker.port)
    running(sink_for(broker.port, open_alerts=lambda: open_alerts))
    await until(lambda: heard.last("microgrid/hall/alerts/a0"))
    for state in ("active", "clearing", "cleared"):
        feed.change({"alert": alert("a1", state).document()})
    await until(lambda: None in heard.on("microgrid/hall/alerts/a1"))
    states = [document and document["state"] for document in heard.on("microgrid/hall/alerts/a1")]
    assert states == ["active", "clearing", "cleared", None]
    await until(lambda: len(heard.on("microgrid/hall/changes")) == 3)
    changes = heard.on("microgrid/hall/changes")
    assert [c["seq"] for c in changes] == [1, 2, 3]
    assert changes[0] | {"ts": 0} == {
        "boot": feed.boot,
        "seq": 1,
        "ts": 0,
        "alert": json.loads(json.dumps(alert("a1").document())),
    }
    await until(lambda: journal.cursor("mqtt") == journal.head())
    assert heard.last("microgrid/hall/alerts/a0")["state"] == "active"


async def test_changes_made_while_the_link_is_down_come_in_order_and_end_the_picture(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    broker = mosquitto(persistent=True)
    heard = subscriber(broker.port)
    open_alerts = []
    sink = sink_for(broker.port, open_alerts=lambda: open_alerts)
    running(sink)
    await until(lambda: sink.connected)
    open_alerts[:] = [alert("a1"), alert("a2")]
    feed.change({"alert": alert("a1").document()})
    feed.change({"alert": alert("a2").document()})
    await until(
        lambda: heard.last("microgrid/hall/changes") and journal.cursor("mqtt") == journal.head() == 2
    )
    broker.stop()
    await until(lambda: not sink.connected)
    open_alerts[:] = [alert("a2", severity="critical")]
    feed.change({"alert": alert("a1", "clearing").document()})
    feed.change({"alert": alert("a1", "cleared").document()})
    feed.change({"alert": alert("a2", severity="critical").document()})
    await journal.commit()
    broker.start()
    await until(lambda: None in heard.on("microgrid/hall/alerts/a1"))
    await until(lambda: len(heard.on("microgrid/hall/changes")) == 5)
    changes = heard.on("microgrid/hall/changes")
    assert [(c["seq"], c.get("late", False)) for c in changes] == [
        (1, False),
        (2, False),
        (3, True),
        (4, True),
        (5, True),
    ]
    assert [d and d["state"] for d in heard.on("microgrid/hall/alerts/a1")] == ["active", "cleared", None]
    assert heard.last("microgrid/hall/alerts/a2")["severity"] == "critical"


async def test_tickets_are_retained_while_open(mosquitto, subscriber, sink_for, running, feed, until):
    tickets = {"t1": {"id": "t1", "state": "new"}, "t2": {"id": "t2", "state": "archived"}}

    async def document(ticket_id):
        return tickets.get(ticket_id)

    async def open_tickets():
        return [ticket for ticket, found in tickets.items() if found["state"] != "archived"]

    broker = mosquitto()
    heard = subscriber(broker.port)
    running(sink_for(broker.port, ticket_document=document, open_tickets=open_tickets))
    await until(lambda: heard.last("microgrid/hall/tickets/t1"))
    tickets["t1"] = {"id": "t1", "state": "archived"}
    feed.change({"ticket": "t1", "event": {"event": "archive"}})
    await until(lambda: None in heard.on("microgrid/hall/tickets/t1"))
    assert [d and d["state"] for d in heard.on("microgrid/hall/tickets/t1")] == ["new", "archived", None]
    assert heard.on("microgrid/hall/tickets/t2") == []
    await until(lambda: heard.on("microgrid/hall/changes"))
    assert heard.last("microgrid/hall/changes")["event"] == {"event": "archive"}


async def test_tickets_that_the_desk_cannot_tell_of_come_later_and_the_rest_goes_on(
    mosquitto, subscriber, sink_for, running, feed, until, monkeypatch
):
    monkeypatch.setattr("gateway.sinks.mqtt_tickets._AGAIN_MS", 100)
    tickets = {"t1": {"id": "t1", "state": "new"}, "t2": {"id": "t2", "state": "new"}}
    works = False

    async def document(ticket_id):
        if not works:
            raise Failure("the ticket store refuses")
        return tickets.get(ticket_id)

    async def open_tickets():
        if not works:
            raise Failure("the ticket store refuses")
        return ["t1"]

    broker = mosquitto()
    heard = subscriber(broker.port)
    sink = sink_for(broker.port, ticket_document=document, open_tickets=open_tickets)
    running(sink)
    await until(lambda: sink.connected)
    feed.change({"ticket": "t2", "event": {"event": "open"}})
    feed.frame()
    await until(lambda: heard.frames() and heard.on("microgrid/hall/changes"))
    assert heard.on("microgrid/hall/tickets/t2") == []
    works = True
    await until(lambda: heard.last("microgrid/hall/tickets/t1") and heard.last("microgrid/hall/tickets/t2"))
    works, tickets["t2"] = False, {"id": "t2", "state": "archived"}
    feed.change({"ticket": "t2", "event": {"event": "archive"}})
    await until(lambda: len(heard.on("microgrid/hall/changes")) == 2)
    works = True
    await until(lambda: None in heard.on("microgrid/hall/tickets/t2"))


async def test_meta_is_published_again_when_a_device_has_said_what_it_is(
    mosquitto, subscriber, sink_for, running, until
):
    devices = dict(DEVICES)
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/inv-1/meta")
    sink = sink_for(broker.port, devices=devices)
    running(sink)
    await until(lambda: heard.last("microgrid/hall/inv-1/meta"))
    devices["inv-1"] = DeviceMeta("inverter", model="I-60")
    sink.announce("inv-1")
    await until(lambda: heard.last("microgrid/hall/inv-1/meta")["model"] == "I-60")


async def test_a_record_too_large_for_the_broker_is_set_aside_and_the_rest_goes_on(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    broker = mosquitto("max_packet_size 2000", "max_inflight_messages 1")
    heard = subscriber(broker.port, "microgrid/hall/+/readings")
    running(sink_for(broker.port))
    feed.change({"alert": alert("a1").document() | {"values": {"x": "y" * 5_000}}})
    feed.frame()
    await until(heard.frames)
    await until(lambda: journal.cursor("mqtt") == journal.head() == 2)


async def test_a_refused_password_is_said_and_tried_again_without_hurry(
    mosquitto, sink_for, running, until, tmp_path
):
    passwords = tmp_path / "passwords"
    passwords.write_text("site:nonsense\n")
    passwords.chmod(0o600)
    (tmp_path / "mqtt.pass").write_text("secret\n")
    (tmp_path / "mqtt.pass").chmod(0o600)
    broker = mosquitto("allow_anonymous false", f"password_file {passwords}")
    config = MqttConfig(url=f"mqtt://127.0.0.1:{broker.port}", username="site", password_file="mqtt.pass")
    sink = sink_for(broker.port, config=config)
    running(sink)
    await until(lambda: sink.trouble is not None)
    assert "refused" in sink.trouble
    assert not sink.connected


async def test_gaps_are_told_to_whom_they_concern(mosquitto, subscriber, sink_for, running, until, journal):
    now_ms = int(time.time() * 1_000)
    journal.gap("inv-1", now_ms - 5_000, now_ms, 5, (3, 4), "backoff")
    journal.gap("*", now_ms - 9_000, now_ms, None, None, "damaged")
    await journal.commit()
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/+/gaps")
    running(sink_for(broker.port))
    await until(lambda: len(heard.messages) == 3)
    assert heard.on("microgrid/hall/inv-1/gaps")[0] == {
        "boot": journal.boot,
        "from": now_ms - 5_000,
        "to": now_ms,
        "slots": 5,
        "seq": [3, 4],
        "reason": "backoff",
    }
    assert [gap["reason"] for gap in heard.on("microgrid/hall/bat-1/gaps")] == ["damaged"]


async def test_a_topic_that_is_forbidden_is_kept_and_the_others_go_on(
    mosquitto, subscriber, sink_for, running, feed, until, journal, tmp_path
):
    rights = tmp_path / "acl"
    rights.write_text("topic readwrite microgrid/hall/inv-1/#\ntopic write microgrid/hall/status\n")
    rights.chmod(0o600)
    broker = mosquitto(f"acl_file {rights}")
    sink = sink_for(broker.port)
    running(sink)
    heard = subscriber(broker.port, "microgrid/hall/inv-1/readings")
    feed.frame("bat-1")
    feed.frame("inv-1")
    await until(heard.frames)
    await until(lambda: 1 not in journal.settled("mqtt") and 2 in journal.settled("mqtt"))
    assert journal.cursor("mqtt") == 0
    assert sink.refused > 0
