"""The whole way, as a user runs it: a register changes on the wire, and in the end a ticket is archived."""

import asyncio
import hashlib
import json
import time

import pytest

SITE = """\
version: 1
site:
  id: story-hall
  name: {{en: Story hall, zh: 故事村部}}
  location: {{latitude: 29.79, longitude: 120.44}}
  cell: {{county: c, town: t, village: v}}
buses:
  - {{id: lan-1, url: "{lan}"}}
  - {{id: rs485-1, url: "{line}", timeout: 500ms}}
  - {{id: serial-server, url: "{serial_server}"}}
devices:
  - {{id: inv-1, profile: sunspec-inverter, bus: lan-1, unit: 1, rated_kw: 50, rated_kwp: 55, every: 1s}}
  - {{id: bat-1, profile: sunspec-storage, bus: lan-1, unit: 3, rated_kw: 100, rated_kwh: 215, every: 1s}}
  - {{id: meter-main, profile: eastron-sdm630, bus: rs485-1, unit: 2, role: main_meter, every: {every}}}
  - {{id: meter-lift, profile: eastron-sdm630, bus: serial-server, unit: 3, role: sub_meter, parent: meter-main,
     ct_ratio: 40, every: 1s}}
journal: {{commit_every: 250ms}}
mqtt: {{url: "mqtt://127.0.0.1:{mqtt}"}}
influxdb: {{url: "{influxdb}", org: story, bucket: microgrid}}
rules: [rules/]
teams:
  - {{id: station, name: {{en: Station, zh: 供电所}}, members: [{{id: zhang, name: Zhang, role: inspector}}]}}
console: {{listen: "127.0.0.1:0"}}
"""

RULES = """\
version: 1
rules:
  - id: STORY-1
    title: {en: Cell too warm for the story, zh: 故事里的电芯过热}
    cause: {en: the story wants it, zh: 剧情需要}
    consequence: {en: a ticket, zh: 产生工单}
    action: {en: cool it, zh: 冷却}
    scope: {kind: battery}
    params: {high: 45.0, ok: 42.0}
    when: cell_temperature_max_c >= high
    clear: cell_temperature_max_c <= ok
    for: 0s
    clear_for: 1s
    severity: high
    ticket: {kind: defect, team: station, checklist: CL-ST-A, verify_for: 2s}
    tests:
      - {name: raises at once and clears, every: 1s, samples: {cell_temperature_max_c: "44 46 41x2"},
         expect: {"1s": active, "2s": clearing, "3s": normal}}
      - {name: bad says nothing, every: 1s, samples: {cell_temperature_max_c: "44 bad 44"}, expect: {}}
"""

CHECKLIST = """\
version: 1
checklist: CL-ST-A
title: {en: Story, zh: 故事}
items:
  - {id: filter, text: {en: Filter clean, zh: 滤网清洁}}
  - {id: bms_max, text: {en: Highest temperature, zh: 最高温度}, kind: number, unit: "°C"}
"""

ALERT_KEYS = {
    "id", "rule", "site", "device", "channel", "state", "severity", "since", "until", "title", "values",
    "acknowledged", "suppressed", "ticket",
}  # fmt: skip
TICKET_KEYS = {
    "id", "number", "kind", "state", "priority", "site", "devices", "level", "owner", "team", "assignee",
    "alerts", "checklist", "clocks", "evidence", "events", "allowed",
}  # fmt: skip


class Story:
    """A running site with all that is around it."""

    def __init__(self, **parts) -> None:
        self.__dict__.update(parts)
        self.top = "microgrid/story-hall"

    def write(self, every: str = "1s", **changed: str) -> None:
        self.site.write_text(SITE.format(**{**self.urls, "every": every, **changed}))

    def alerts(self, rule: str) -> list[tuple[str, dict | None]]:
        """(topic, document) of all alert messages on one rule, in order; empty ones of its topics too."""
        heard = [
            (topic, json.loads(payload) if payload else None)
            for topic, payload, _ in self.heard.messages.copy()
            if topic.startswith(f"{self.top}/alerts/")
        ]
        topics = {topic for topic, document in heard if document and document["rule"] == rule}
        return [one for one in heard if one[0] in topics]

    async def alert(self, rule: str, state: str, deadline_s: float = 10.0) -> dict:
        def found():
            told = [document for _, document in self.alerts(rule) if document is not None]
            return next((d for d in told if d["state"] == state), None)

        return await self.until(found, f"{rule} {state} on MQTT", deadline_s)

    def seqs(self, device: str) -> list[int]:
        return [seq for name, _, seq, late in self.heard.frames() if name == device and not late]

    async def act(self, ticket: str, event: str, **arguments):
        return await self.api.post(
            f"/api/v1/tickets/{ticket}/events", {"event": event, "key": f"{ticket}-{event}", **arguments}
        )


@pytest.fixture
async def story(
    tmp_path, simulated, serve, mosquitto, victoria, subscriber, gateway, maplebridge, api, until
):
    folder = tmp_path / "site"
    for name, text in {
        "rules/story.yaml": RULES,
        "checklists/story.yaml": CHECKLIST,
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    inverter, battery = simulated("sunspec-inverter"), simulated("sunspec-storage")
    meter, lift = simulated("eastron-sdm630"), simulated("eastron-sdm630")
    inverter.set(state="running", ac_power_kw=31.25, energy_total_kwh=1234.0)
    battery.set(soc_pct=61.5, battery_power_kw=-8.0, cell_temperature_max_c=25.0, state="discharging")
    meter.set(active_power_kw=12.5, ac_voltage_l1_v=230.25, ac_voltage_l2_v=230.5, ac_voltage_l3_v=230.75)
    lift.set(active_power_kw=0.5, ac_voltage_l1_v=229.5)
    broker, database = mosquitto(), victoria()
    urls = {
        "lan": await serve({1: inverter, 3: battery}),
        "line": await serve.line({2: meter}),
        "serial_server": await serve({3: lift}, rtu=True),
        "mqtt": str(broker.port),
        "influxdb": database.url,
    }
    told = Story(
        site=folder / "site.yaml",
        data=tmp_path / "data",
        urls=urls,
        inverter=inverter,
        battery=battery,
        meter=meter,
        lift=lift,
        database=database,
        heard=subscriber(broker.port),
        until=until,
    )
    told.write()
    made = await maplebridge("user", "add", "op", "--role", "operator", "--data", told.data, "--json")
    assert made.code == 0, made.err
    token = (await maplebridge("user", "token", "op", "--data", told.data, "--json")).json["token"]
    told.gateway = await (await gateway("run", told.site, "--data", told.data)).until_ready()
    told.api = api(told.gateway.ready["console"], token)
    return told


async def frames_say_what_the_registers_say(story):
    top, heard, until = story.top, story.heard, story.until
    frame = await until(lambda: heard.last(f"{top}/bat-1/readings"), "a frame of bat-1")
    assert frame["values"]["soc_pct"] == pytest.approx(61.5)
    assert frame["values"]["battery_power_kw"] == pytest.approx(-8.0)
    assert frame["values"]["state"] == "discharging"
    assert frame["quality"].get("cell_voltage_max_v") == "absent", "what was never set is not available"
    assert "cell_voltage_max_v" not in frame["values"]
    assert isinstance(frame["ts"], int)
    assert abs(frame["ts"] / 1_000 - time.time()) < 60
    frame = await until(lambda: heard.last(f"{top}/meter-main/readings"), "a frame over the serial line")
    assert frame["values"]["active_power_kw"] == pytest.approx(12.5)
    assert frame["values"]["ac_voltage_l1_v"] == 230.25
    frame = await until(lambda: heard.last(f"{top}/meter-lift/readings"), "a frame over RTU over TCP")
    assert frame["values"]["active_power_kw"] == pytest.approx(0.5 * 40), (
        "times the current transformer's ratio"
    )
    assert frame["values"]["ac_voltage_l1_v"] == 229.5
    frame = await until(lambda: heard.last(f"{top}/inv-1/readings"), "a frame of inv-1")
    assert frame["values"]["ac_power_kw"] == pytest.approx(31.25)
    for device in ("gateway", "bus-lan-1", "bus-rs485-1", "bus-serial-server"):
        await until(lambda d=device: heard.last(f"{top}/{d}/meta"), f"meta of {device}")

    # What it is and how it fares.
    meta = heard.last(f"{top}/bat-1/meta")
    assert (meta["kind"], meta["profile"]) == ("battery", "sunspec-storage")
    assert meta["points"]["soc_pct"] == {"unit": "%", "type": "number"}
    assert meta["points"]["state"]["type"] == "string"
    assert heard.last(f"{top}/bat-1/status")["state"] == "online"
    status = heard.last(f"{top}/status")
    assert status["state"] == "online"
    assert status.keys() == {"state", "since", "boot", "version"}
    assert status["boot"] == frame["boot"]


async def evidence_is_what_its_hashes_say(story, document):
    ticket = document["id"]
    names = {item["name"] for item in document["evidence"]}
    stages = {name.partition("-")[0] for name in names}
    assert stages == {"opening", "report"}
    for stage in stages:
        kept = {name.rpartition("-")[2] for name in names if name.startswith(stage)}
        assert kept == {"points.csv", "alert.json", "chart.svg", "raw.jsonl", "manifest.json"}
    for item in document["evidence"]:
        status, content = await story.api.get(f"/api/v1/tickets/{ticket}/evidence/{item['name']}")
        assert status == 200
        raw = (story.data / "evidence" / ticket / item["name"]).read_bytes()
        assert hashlib.sha256(raw).hexdigest() == item["sha256"]
        assert content == raw or content == json.loads(raw)
    (opening,) = [name for name in names if name.startswith("opening") and name.endswith("points.csv")]
    points = (story.data / "evidence" / ticket / opening).read_text()
    assert ",bat-1,cell_temperature_max_c,47.0,good" in points


async def test_from_a_register_to_an_archived_ticket(story, maplebridge, eventually):
    top, heard, until = story.top, story.heard, story.until

    # Ready: exactly the contract's line.
    ready = story.gateway.ready
    assert ready.keys() == {"event", "console", "mqtt"}
    assert ready["event"] == "ready"
    assert ready["console"].startswith("http://127.0.0.1:")
    assert ready["mqtt"] == f"127.0.0.1:{story.urls['mqtt']}"

    await frames_say_what_the_registers_say(story)

    # → rows in the database.
    def stored(metric, wanted):
        rows = story.database.rows(metric)
        return [row for row in rows if row[2] == pytest.approx(wanted)]

    rows = await eventually(
        lambda: asyncio.to_thread(stored, "battery_soc_pct", 61.5), "the row of the battery"
    )
    labels = rows[0][0]
    assert (labels["site"], labels["device"]) == ("story-hall", "bat-1")
    await eventually(
        lambda: asyncio.to_thread(stored, "meter_ac_voltage_l1_v", 230.25), "the row of the meter"
    )

    # A register changes → an alert.
    changed = time.monotonic()
    story.battery.set(cell_temperature_max_c=47.0)
    alert = await story.alert("STORY-1", "active")
    alert_s = time.monotonic() - changed
    assert alert.keys() >= ALERT_KEYS, "more may stand beside the contract's"
    assert (alert["site"], alert["device"], alert["channel"]) == ("story-hall", "bat-1", None)
    assert (alert["severity"], alert["until"]) == ("high", None)
    assert alert["title"] == {"en": "Cell too warm for the story", "zh": "故事里的电芯过热"}
    assert alert["values"]["cell_temperature_max_c"] == pytest.approx(47.0)
    assert (alert["acknowledged"], alert["suppressed"]) == (None, None)
    await eventually(
        lambda: asyncio.to_thread(lambda: stored("battery_cell_temperature_max_c", 47.0)),
        "the row with 47 °C",
    )

    # → a ticket, on MQTT and in the API.
    def ticket_topics():
        return {
            t for t, p, _ in heard.messages.copy()
            if t.startswith(f"{top}/tickets/") and p and json.loads(p)["rule"] == "STORY-1"
        }  # fmt: skip

    (topic,) = await until(ticket_topics, "the ticket on MQTT")
    ticket_s = time.monotonic() - changed
    print(f"alert after {alert_s:.2f} s, ticket after {ticket_s:.2f} s")  # noqa: T201  # shown by -s and on failure
    ticket = topic.rpartition("/")[2]
    document = heard.last(topic)
    assert document.keys() >= TICKET_KEYS
    assert (document["kind"], document["state"], document["team"]) == ("defect", "dispatched", "station")
    assert (document["devices"], document["alerts"]) == (["bat-1"], [alert["id"]])
    status, listed = await story.api.get("/api/v1/tickets?state=open")
    assert status == 200
    assert [one["id"] for one in listed["items"]] == [ticket]
    linked = await until(
        lambda: next((d for _, d in story.alerts("STORY-1") if d and d["ticket"] == ticket), None),
        "the alert that names its ticket",
    )
    assert linked["state"] == "active"

    # The commands see the same, beside the running gateway.
    here = (story.site, "--data", story.data, "--json")
    shown = await maplebridge(
        "tickets", "show", story.site, ticket, "--site-code", "--data", story.data, "--json"
    )
    assert shown.code == 0, shown.err
    assert shown.json["id"] == ticket
    code = shown.json["site_code"]
    alerts = (await maplebridge("alerts", *here)).json["items"]
    assert [(one["id"], one["rule"]) for one in alerts] == [(alert["id"], "STORY-1")]
    statistics = (await maplebridge("journal", "stats", *here)).json
    assert statistics["frames"] > 4
    assert {
        "frames",
        "values",
        "bytes",
        "first",
        "last",
        "cursors",
        "gaps",
        "dead_letters",
    } <= statistics.keys()
    assert statistics["dead_letters"] == 0
    bound = await maplebridge("rules", "list", *here)
    assert bound.code == 0, bound.err
    assert "STORY-1" in bound.out
    assert "BAT-02" in bound.out

    # The work; nobody closes it while the value is still high.
    async def done(event, state, **arguments):
        status, answer = await story.act(ticket, event, **arguments)
        assert status == 200, answer
        assert answer["state"] == state
        return answer

    async def refused(event, guard, **arguments):
        status, problem = await story.act(ticket, event, **arguments)
        assert status == 409, problem
        assert problem["guard"] == guard
        assert problem["event"] == event
        assert {"type", "title", "status", "detail", "state", "allowed"} <= problem.keys()
        return problem

    async def refused_while_high(event, **arguments):
        problem = await refused(event, "alert_still_active", **arguments)
        assert "47" in problem["detail"], "it says what is still high"

    await refused_while_high("archive")
    await done("return", "new", reason="not ours")
    await done("dispatch", "dispatched", team="station", person="zhang")
    await done("accept", "accepted", person="zhang")
    await refused("start", "remote_work_not_allowed", safety={"isolated": True, "gas_quiet": True})
    await refused("arrive", "wrong_site_code", code="no-such-code")
    status, problem = await story.api.post(
        f"/api/v1/tickets/{ticket}/events", {"event": "arrive", "kode": code}
    )
    assert status == 422, problem
    again = {"event": "arrive", "key": "arrival", "code": code}
    for _ in range(2):
        status, answer = await story.api.post(f"/api/v1/tickets/{ticket}/events", again)
        assert (status, answer["state"]) == (200, "on_site")
    assert [event["event"] for event in answer["events"]].count("arrive") == 1, "one key, one event"
    await done("start", "in_progress", safety={"isolated": True, "gas_quiet": True})
    await refused_while_high("archive")
    report = {
        "cause": "filter clogged",
        "action": "filter changed",
        "checklist": {"filter": True, "bms_max": 47.0},
        "measurements": [{"name": "cell", "value": 47.0, "unit": "°C", "instrument": "thermometer 7"}],
    }
    await refused("report", "measurement_missing", **{**report, "measurements": []})
    status, answer = await story.api.post(
        f"/api/v1/tickets/{ticket}/events", {"event": "report", "key": "report-2", **report}
    )
    assert (status, answer["state"]) == (200, "reported")
    await refused_while_high("archive")
    await refused_while_high("verify_waive", person="op", reason="looks well to me")

    # The fix → cleared, once, then gone.
    story.battery.set(cell_temperature_max_c=30.0)
    await story.alert("STORY-1", "cleared")
    told = await until(
        lambda: (said := [d for _, d in story.alerts("STORY-1")])[-1] is None and said, "the empty message"
    )
    assert [d["state"] for d in told if d].count("cleared") == 1
    assert told[-2]["state"] == "cleared"
    assert told[-2]["until"] >= told[-2]["since"]

    # → verified by itself → archived.
    async def state(wanted):
        _, answer = await story.api.get(f"/api/v1/tickets/{ticket}")
        return answer if answer["state"] == wanted else None

    answer = await eventually(lambda: state("verified"), "verified by the data", 90)
    assert answer["events"][-1]["by"] == "desk"
    answer = await done("archive", "archived", key="archive-at-last")
    await until(lambda: heard.on(topic)[-1] is None, "the ticket gone from MQTT")
    assert heard.on(topic)[-2]["state"] == "archived"

    await evidence_is_what_its_hashes_say(story, answer)

    # All changes, in order and without a hole.
    changes = heard.on(f"{top}/changes")
    assert [change["seq"] for change in changes] == list(range(1, len(changes) + 1))
    assert [c["event"]["event"] for c in changes if c.get("ticket") == ticket][-1] == "archive"

    # The end.
    stopping = time.monotonic()
    assert await story.gateway.stop() == 0, story.gateway.log
    assert time.monotonic() - stopping < 5
    assert (await until(lambda: heard.on(f"{top}/status")[-1], "farewell"))["state"] == "offline"
    assert "Traceback" not in story.gateway.log


async def test_a_shipped_rule_works_as_well(story):
    await story.until(lambda: story.heard.last(f"{story.top}/inv-1/readings"), "inv-1")
    story.inverter.set(state="fault", fault_code="1")
    alert = await story.alert("PV-02", "active")
    assert (alert["device"], alert["severity"]) == ("inv-1", "high")
    ticket = await story.until(
        lambda: next(
            (d for t, p, _ in story.heard.messages.copy()
             if "/tickets/" in t and p and (d := json.loads(p))["rule"] == "PV-02"), None),
        "its ticket",
    )  # fmt: skip
    assert (ticket["kind"], ticket["alerts"]) == ("defect", [alert["id"]])


async def test_one_folder_one_gateway(story, maplebridge):
    second = await maplebridge("run", story.site, "--data", story.data)
    assert second.code == 1
    assert second.out == ""
    assert len(second.err.strip().splitlines()) == 1
    assert story.gateway.alive


async def test_a_changed_site_file_touches_one_bus_only(story):
    top, heard, until = story.top, story.heard, story.until
    await until(lambda: len(story.seqs("meter-main")) > 1 and len(story.seqs("bat-1")) > 1, "frames")

    # A faulty file changes nothing.
    story.site.write_text(story.site.read_text().replace("unit: 3, rated_kw", "unti: 3, rated_kw"))
    story.gateway.hup()
    await until(lambda: "reload.refused" in story.gateway.log, "the refusal")
    assert "unti" in story.gateway.log
    before = len(story.seqs("bat-1"))
    await until(lambda: len(story.seqs("bat-1")) > before, "bat-1 goes on")

    # One bus gets another period; the others do not even notice.
    at = {device: len(story.seqs(device)) for device in ("bat-1", "inv-1", "meter-lift", "meter-main")}
    requests = story.battery.requests
    story.write(every="200ms")
    story.gateway.hup()
    await until(lambda: "reload.done" in story.gateway.log, "the reload")
    done = next(json.loads(line) for line in story.gateway.log.splitlines() if "reload.done" in line)
    assert (done["stopped"], done["started"]) == (["bus:rs485-1"], ["bus:rs485-1"])
    await until(lambda: len(story.seqs("meter-main")) > at["meter-main"] + 15, "five times as many frames")
    await until(lambda: len(story.seqs("bat-1")) > at["bat-1"] + 2, "bat-1 goes on")
    for device in at:
        seqs = story.seqs(device)
        assert seqs == list(range(1, len(seqs) + 1)), device
    assert len({boot for _, boot, _, _ in heard.frames()}) == 1
    assert story.battery.requests > requests

    # What cannot be changed in flight is refused by name.
    story.site.write_text(story.site.read_text().replace("commit_every: 250ms", "commit_every: 300ms"))
    story.gateway.hup()
    await until(lambda: "reload.needs_restart" in story.gateway.log, "the refusal of the journal's change")
    assert await story.gateway.stop() == 0
    assert heard.last(f"{top}/status")["state"] == "offline"


async def test_an_open_alert_and_its_ticket_live_through_a_kill(story, gateway):
    story.battery.set(cell_temperature_max_c=47.0)
    await story.alert("STORY-1", "active")
    named = await story.until(
        lambda: next((d for _, d in story.alerts("STORY-1") if d and d["ticket"]), None), "the alert's ticket"
    )
    await story.gateway.kill()
    farewell = f"{story.top}/status"
    assert await story.until(lambda: story.heard.last(farewell)["state"] == "offline", "the will", 20)
    heard = len(story.heard.messages)
    story.gateway = await (await gateway("run", story.site, "--data", story.data)).until_ready()
    await story.until(lambda: story.heard.last(farewell)["state"] == "online", "the birth")
    later = story.heard.messages
    await story.until(lambda: any("/bat-1/readings" in topic for topic, _, _ in later[heard:]), "new frames")
    story.battery.set(cell_temperature_max_c=30.0)
    cleared = await story.alert("STORY-1", "cleared")
    assert (cleared["id"], cleared["since"]) == (named["id"], named["since"])
    assert cleared["ticket"] == named["ticket"]
    ids = {topic.rpartition("/")[2] for topic, _, _ in later if "/tickets/" in topic}
    assert ids == {named["ticket"]}, "one subject, one ticket"
    changes = story.heard.on(f"{story.top}/changes")
    opened = [c for c in changes if c.get("event", {}).get("event") == "open"]
    assert len(opened) == 1
    for boot in {change["boot"] for change in changes}:
        seqs = [change["seq"] for change in changes if change["boot"] == boot and not change.get("late")]
        assert seqs == sorted(seqs)
    assert await story.gateway.stop() == 0
