"""The desk on a real journal and store: an alert becomes a ticket, and only what is well is closed."""

import base64
import csv
import hashlib
import io
from dataclasses import replace

import orjson
import pytest

from agent.rules.alert import Basis, Suppression
from gateway.tickets.ask import WrongArguments
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.config import Duty
from gateway.tickets.reader import UnknownAlert, UnknownEvidence
from gateway.tickets.refusal import Refused
from gateway.tickets.roles import Forbidden
from gateway.tickets.routing import Route
from gateway.tickets.store import StoreError
from tests.gateway.tickets.conftest import SITE, TEAM, rule_set

HOT = {"cell_temperature_max_c": 46.2}
COOL = {"cell_temperature_max_c": 38.0}


async def test_an_alert_opens_a_ticket_with_all_that_a_person_needs(house):
    await house.poll(minutes=5, **HOT)
    house.alert("a1")
    await house.settle()
    ticket = await house.only()
    assert ticket["number"] == "T-20260529-s1-001"
    assert (ticket["state"], ticket["kind"], ticket["priority"]) == ("dispatched", "inspection", "P3")
    assert (ticket["team"], ticket["owner"], ticket["level"]) == ("station", "station", "village")
    assert (ticket["site"], ticket["devices"], ticket["alerts"]) == ("s1", ["bat-1"], ["a1"])
    assert ticket["title"] == {"en": "Cell warm", "zh": "电芯偏热"}
    assert [item["id"] for item in ticket["checklist"]["items"]] == ["quiet"]
    assert ticket["clocks"]["accept"]["state"] == "running"
    assert [e["event"] for e in ticket["events"]] == ["open", "dispatch", "add_evidence"]
    assert {"accept", "return", "cancel"} <= set(ticket["allowed"])
    assert ("attach_ticket", "a1", ticket["id"]) in house.acts.done
    assert (await house.desk.alerts()).items[0]["ticket"] == ticket["id"]
    assert house.changed.count(ticket["id"]) >= 1


async def test_from_the_alert_to_the_archive(house):
    house.alert("a1")
    await house.settle()
    ticket = await house.work()
    assert ticket["state"] == "reported"
    with pytest.raises(Refused) as refused:
        await house.act("archive")
    problem = refused.value.document("en")
    assert (problem["status"], problem["guard"]) == (409, "alert_still_active")
    assert problem["detail"] == "still 46.2 °C, needs <= 42 for 10 min"
    assert refused.value.document("zh")["detail"] == "当前 46.2 °C,需要 <= 42 并持续 10 分钟"
    await house.poll(minutes=5, **COOL)
    house.alert("a1", "cleared")
    await house.settle()
    assert (await house.only())["state"] == "reported"
    await house.poll(minutes=29, **COOL)
    await house.settle()
    assert (await house.only())["state"] == "reported"
    await house.poll(minutes=2, **COOL)
    await house.settle()
    assert (await house.only())["state"] == "verified"
    archived = await house.act("archive", by="op1")
    assert archived["state"] == "archived"
    assert archived["allowed"] == ["comment", "add_evidence", "reopen"]
    await house.settle()
    assert ("acknowledge", "a1", "zhang") in house.acts.done
    events = [event for _, event in await house.published()]
    assert [e for e in events if e != "add_evidence"] == [
        "open", "dispatch", "accept", "arrive", "start", "report", "verify_ok", "archive",
    ]  # fmt: skip


async def test_a_report_while_it_is_still_hot_comes_back(house):
    house.alert("a1")
    await house.settle()
    await house.work()
    await house.poll(minutes=30, **HOT)
    await house.settle()
    ticket = await house.only()
    assert ticket["state"] == "in_progress"
    failed = [e for e in ticket["events"] if e["event"] == "verify_failed"]
    assert [e["reason"] for e in failed] == ["still active after the report"]


async def test_bad_samples_do_not_verify_and_good_ones_do_later(house):
    house.alert("a1")
    await house.settle()
    await house.work()
    house.alert("a1", "cleared")
    await house.poll(minutes=31, cell_temperature_max_c=None)
    await house.settle()
    assert (await house.only())["state"] == "reported"
    await house.poll(minutes=30, **COOL)
    await house.settle()
    assert (await house.only())["state"] == "verified"


async def test_a_gateway_that_slept_does_not_verify(house):
    house.alert("a1")
    await house.settle()
    await house.work()
    house.alert("a1", "cleared")
    await house.poll(minutes=5, **COOL)
    house.wait(minutes=26)
    await house.settle()
    assert (await house.only())["state"] == "reported"


async def test_the_same_subject_has_one_open_ticket(house):
    house.alert("a1")
    await house.settle()
    house.alert("a1", "cleared")
    house.alert("a2", severity="high")
    await house.settle()
    ticket = await house.only()
    assert ticket["alerts"] == ["a1", "a2"]
    assert ticket["priority"] == "P2"
    house.alert("a3", device="bat-2")
    await house.settle()
    assert len(await house.tickets()) == 2


async def test_the_same_change_twice_is_one_ticket(house):
    house.alert("a1")
    await house.settle()
    house.desk._clerk.take([], 0)  # as if the cursor had never been written
    place = 0
    while place < house.journal.head():
        place = await house.desk._take(house.journal, place)
    await house.desk.tend(house.journal)
    ticket = await house.only()
    assert [e["event"] for e in ticket["events"]] == ["open", "dispatch", "add_evidence"]
    assert len((await house.desk.alert("a1"))["timeline"]) == 1


async def test_an_alert_without_a_ticket_rule_is_kept_and_opens_none(house):
    house.alert("a1", rule="GRID-99", device="meter-1", values={"frequency_hz": 50.3})
    await house.settle()
    assert await house.tickets() == []
    assert [a["id"] for a in (await house.desk.alerts(state="open")).items] == ["a1"]


async def test_a_shelved_alert_opens_its_ticket_when_the_shelf_ends(house):
    house.alert("a1", suppressed=Suppression("shelved", reason="calibration"))
    await house.settle()
    assert await house.tickets() == []
    house.alert("a1", suppressed=None)
    await house.settle()
    assert len(await house.tickets()) == 1


async def test_open_after_waits_and_a_short_fault_opens_nothing(house):
    silent = {"rule": "COM-02", "values": {"failed_polls": 5.0}}
    house.alert("a1", **silent)
    await house.settle()
    house.wait(seconds=119)
    await house.settle()
    assert await house.tickets() == []
    house.alert("a1", "cleared")
    house.alert("a2", **silent)
    house.wait(minutes=2)
    await house.settle()
    assert [t["alerts"] for t in await house.tickets()] == [["a2"]]


async def test_a_bus_that_mends_itself_closes_its_one_ticket_and_comes_back_under_its_number(house):
    house.alert("b1", rule="COM-06", device="bus-1", severity="high", values={"devices_silent": 2.0})
    for n in (1, 2, 3):
        house.alert(
            f"c{n}", rule="COM-02", device=f"bat-{n}", suppressed=Suppression("inhibited", alert="b1")
        )
    house.wait(minutes=3)
    await house.settle()
    ticket = await house.only()
    assert ticket["state"] == "new"  # the rule's team is none of this site's
    assert ticket["inhibited"] == ["c1", "c2", "c3"]
    assert ticket["devices"] == ["bus-1", "bat-1", "bat-2", "bat-3"]
    for alert in ("c1", "c2", "c3", "b1"):
        house.alert(alert, "cleared")
    await house.poll("bus-1", minutes=6, devices_silent=0.0)
    await house.settle()
    closed = await house.only()
    assert (closed["state"], closed["events"][-1]["event"]) == ("archived", "self_close")
    house.alert("b2", rule="COM-06", device="bus-1", severity="high", values={"devices_silent": 2.0})
    await house.settle()
    again = await house.only()
    assert (again["state"], again["number"]) == ("new", "T-20260529-s1-001-R1")
    house.alert("b2", "cleared")
    await house.poll("bus-1", minutes=6, devices_silent=0.0)
    await house.settle()
    assert (await house.only())["state"] == "archived"


async def test_what_went_by_itself_is_reviewed_by_a_person(house):
    house.alert("a1")
    await house.settle()
    house.alert("a1", "cleared")
    await house.settle()
    ticket = await house.only()
    assert (ticket["self_recovered"], ticket["priority"]) == (True, "P4")
    await house.poll(minutes=31, **COOL)
    await house.settle()
    assert (await house.act("review", person="op1", note="looked"))["state"] == "verified"


async def test_after_seven_days_a_new_ticket_names_the_old_one(house):
    house.alert("a1")
    await house.settle()
    await house.work()
    house.alert("a1", "cleared")
    await house.settle()
    await house.act("verify_waive", person="op1", reason="replaced")
    await house.act("archive")
    house.wait(minutes=6 * 24 * 60)
    house.alert("a2")
    await house.settle()
    (first,) = await house.tickets()
    assert (first["state"], first["number"]) == ("in_progress", "T-20260529-s1-001-R1")
    await house.act("report", **house.report())
    house.alert("a2", "cleared")
    await house.settle()
    await house.act("verify_waive", person="op1", reason="replaced again")
    await house.act("archive")
    house.wait(minutes=8 * 24 * 60)
    house.alert("a3")
    await house.settle()
    old, *others = await house.tickets()
    new, proposal = sorted(others, key=lambda ticket: ticket["kind"])
    assert new["recurrence_of"] == old["id"]
    assert new["number"] == "T-20260612-s1-001"
    assert (proposal["kind"], proposal["priority"], proposal["source"]) == ("preventive", "P4", "recurrence")
    assert proposal["events"][0]["note"] == "3 in 90 days: T-20260529-s1-001-R1, T-20260612-s1-001"


async def recur(house, name, *, minutes):
    """An alert of a cable comes, goes by itself, and its ticket closes by itself."""
    house.alert(name, rule="COM-02")
    house.wait(minutes=3)
    await house.settle()
    house.alert(name, "cleared")
    await house.settle()
    await house.poll(minutes=6, cell_temperature_max_c=30.0)
    await house.settle()
    house.wait(minutes=minutes)


async def test_the_third_time_in_90_days_proposes_preventive_work_once(house):
    for n in range(2):
        await recur(house, f"c{n}", minutes=24 * 60)
    assert [t["kind"] for t in await house.tickets()] == ["communication"]
    await recur(house, "c2", minutes=24 * 60)
    assert [t["kind"] for t in await house.tickets()] == ["communication", "preventive"]
    await recur(house, "c3", minutes=24 * 60)
    assert len(await house.tickets()) == 2
    proposal = (await house.tickets())[1]
    assert proposal["title"] == {"en": "Keeps coming back: Cell warm", "zh": "反复发生:电芯偏热"}
    assert proposal["team"] == "station"


async def test_three_times_in_more_than_90_days_propose_nothing(house):
    for n in range(3):
        await recur(house, f"c{n}", minutes=46 * 24 * 60)
    assert {t["kind"] for t in await house.tickets()} == {"communication"}


async def test_what_nobody_accepts_goes_to_the_town_and_then_to_the_county(house):
    house.alert("a1", rule="BAT-02", severity="critical")
    await house.settle()
    ticket = await house.only()
    assert (ticket["priority"], ticket["level"], ticket["owner"]) == ("P1", "village", "station")
    house.wait(minutes=5)
    await house.settle()
    ticket = await house.only()
    assert (ticket["level"], ticket["owner"]) == ("town", "t1")
    assert (
        ticket["events"][-1] | {"reason": "the time to accept is over", "clock": "accept"}
        == ticket["events"][-1]
    )
    house.wait(minutes=60)
    await house.settle()
    ticket = await house.only()
    assert (ticket["level"], ticket["owner"]) == ("county", "c1")
    assert [e["event"] for e in ticket["events"]].count("escalate") == 2


async def test_what_a_root_cause_mutes_makes_its_ticket_as_urgent_as_that(house, suppressed):
    house.alert("b1", rule="COM-06", device="bus-1", severity="medium")
    await house.settle()
    assert (await house.only())["priority"] == "P3"
    accept_due = (await house.only())["clocks"]["accept"]["due"]
    house.alert("a1", severity="high", suppressed=suppressed("inhibited", alert="b1"))
    await house.settle()
    ticket = await house.only()
    assert (ticket["priority"], ticket["inhibited"]) == ("P2", ["a1"])
    assert ticket["clocks"]["accept"]["due"] < accept_due


async def test_a_storm_ends_in_one_ticket_that_lists_the_rest(house):
    for n in range(1, 10):
        house.alert(f"a{n}", device=f"bat-{n}")
    await house.settle()
    tickets = await house.tickets()
    assert len(tickets) == 5
    storm = next(t for t in tickets if t["title"]["en"] == "Many alerts at once")
    assert len(storm["alerts"]) == 5
    house.wait(minutes=11)
    house.alert("b1", device="bat-hot")
    await house.settle()
    assert len(await house.tickets()) == 6


async def test_a_latch_is_reset_through_the_engine_before_the_archive(house):
    house.alert("a1", rule="BAT-02", severity="critical")
    await house.settle()
    ticket = await house.only()
    assert (ticket["priority"], ticket["kind"]) == ("P1", "emergency")
    await house.work()
    house.alert("a1", "latched")
    await house.poll(minutes=31, **COOL)
    await house.settle()
    assert (await house.only())["state"] == "verified"
    with pytest.raises(Refused) as refused:
        await house.act("archive")
    assert refused.value.guard == "latch_not_reset"
    await house.act("reset_latch", person="zhang")
    await house.settle()
    assert ("reset_latch", "a1", "zhang") in house.acts.done
    house.alert("a1", "cleared")
    await house.settle()
    assert (await house.act("archive"))["state"] == "archived"


async def test_a_latch_outlives_its_cancelled_ticket_and_can_still_be_reset(house):
    house.alert("a1", rule="BAT-02", severity="critical")
    house.alert("a1", "latched")
    await house.settle()
    assert (await house.act("cancel", reason="wrong cabinet"))["allowed"] == ["reset_latch", "add_evidence"]
    await house.act("reset_latch", person="zhang")
    await house.settle()
    assert ("reset_latch", "a1", "zhang") in house.acts.done


async def test_what_another_process_writes_is_acted_upon_and_published_once(house):
    house.alert("a1")
    await house.settle()
    command = await house.another_desk(None)
    ticket = await house.only()
    by_number = await command.act(
        ticket["number"], {"event": "accept", "key": "k1"}, by="zhang", role="operator"
    )
    again = await command.act(ticket["id"], {"event": "accept", "key": "k1"}, by="zhang", role="operator")
    assert by_number["events"] == again["events"]
    await command.close()
    await house.settle()
    assert ("acknowledge", "a1", "zhang") in house.acts.done
    events = [event for _, event in await house.published()]
    assert events.count("accept") == 1


async def test_a_stop_between_the_stores_publishes_nothing_twice(house):
    house.alert("a1")
    await house.settle()
    await house.act("accept")
    kept = house.desk._reader.settle_outbox
    house.desk._reader.settle_outbox = lambda _upto: None  # the process dies right after the journal's commit
    pending = house.desk._reader.pending()
    await house.desk._outbox._publish(house.journal, pending)
    house.desk._reader.settle_outbox = kept
    await house.close()
    await house.open()
    await house.settle()
    events = [event for _, event in await house.published()]
    assert events.count("accept") == 1
    assert house.desk._reader.pending() == []


async def test_without_a_trusted_clock_the_number_comes_later(house):
    house.clock.is_trusted = False
    house.alert("a1")
    await house.settle()
    assert (await house.only())["number"] is None
    house.clock.is_trusted = True
    await house.settle()
    assert (await house.only())["number"] == "T-20260529-s1-001"


async def test_evidence_is_frozen_at_opening_and_at_the_report(house):
    await house.poll(minutes=150, **HOT)
    house.alert("a1")
    await house.settle()
    await house.work()
    await house.settle()
    ticket = await house.only()
    names = [item["name"] for item in ticket["evidence"]]
    assert names[:5] == [
        "opening-manifest.json",
        "opening-points.csv",
        "opening-alert.json",
        "opening-chart.svg",
        "opening-raw.jsonl",
    ]
    assert sum(name.startswith("report-") for name in names) == 5
    for item in ticket["evidence"]:
        content, media_type = await house.desk.evidence(ticket["id"], item["name"])
        assert hashlib.sha256(content).hexdigest() == item["sha256"]
        assert (len(content), media_type) == (item["size"], item["media_type"])
    manifest = orjson.loads((await house.desk.evidence(ticket["id"], "opening-manifest.json"))[0])
    assert manifest["rules"][0]["id"] == "BAT-01"
    assert len(manifest["rules"][0]["hash"]) >= 16
    assert manifest["software"] == "test"
    rows = list(
        csv.DictReader(
            io.StringIO((await house.desk.evidence(ticket["id"], "opening-points.csv"))[0].decode())
        )
    )
    assert rows[-1]["value"] == "46.2"
    assert rows[-1]["quality"] == "good"
    assert int(rows[-1]["ts"]) - int(rows[0]["ts"]) == 2 * 3_600_000
    alert = orjson.loads((await house.desk.evidence(ticket["id"], "opening-alert.json"))[0])
    assert alert[0]["timeline"][0]["what"] == "active"
    svg = (await house.desk.evidence(ticket["id"], "opening-chart.svg"))[0].decode()
    assert "when &gt;= 45" in svg
    assert "clear &lt;= 42" in svg
    words = (await house.desk.evidence(ticket["id"], "opening-raw.jsonl"))[0].splitlines()
    assert orjson.loads(words[0]) == {"device": "bat-1", "words": [462]}


async def test_the_weather_is_part_of_every_evidence(house):
    desk = await house.another_desk(house.journal, site=replace(SITE, weather=("sky",)))
    await house.poll("sky", minutes=5, irradiance_poa_w_m2=612.0)
    house.alert("a1")
    await house.settle(desk)
    (ticket,) = (await desk.tickets(state="all")).items
    manifest = orjson.loads((await desk.evidence(ticket["id"], "opening-manifest.json"))[0])
    assert manifest["weather"]["sky"]["values"] == {"irradiance_poa_w_m2": 612.0}
    await desk.close()


async def test_a_person_adds_evidence(house):
    house.alert("a1")
    await house.settle()
    photo = base64.b64encode(b"\x89PNG...").decode()
    ticket = await house.act(
        "add_evidence", name="door.png", content=photo, media_type="image/png", purpose="photo"
    )
    assert ticket["evidence"][-1]["name"] == "door.png"
    assert "content" not in ticket["events"][-1]
    assert await house.desk.evidence(ticket["number"], "door.png") == (b"\x89PNG...", "image/png")
    with pytest.raises(Refused):
        await house.act("add_evidence", name="door.png", content=photo)
    with pytest.raises(WrongArguments):
        await house.act("add_evidence", name="../door.png", content=photo)
    with pytest.raises(WrongArguments):
        await house.act("add_evidence", name="x.png", content="%%%")
    with pytest.raises(UnknownEvidence):
        await house.desk.evidence(ticket["id"], "../../journal")


async def test_a_file_is_at_most_a_megabyte(house):
    house.alert("a1")
    await house.settle()
    most = base64.b64encode(bytes(1_000_000)).decode()
    assert (await house.act("add_evidence", name="a.bin", content=most))["evidence"][-1]["size"] == 1_000_000
    with pytest.raises(WrongArguments, match="1000001 bytes"):
        await house.act("add_evidence", name="b.bin", content=base64.b64encode(bytes(1_000_001)).decode())


async def test_no_key_of_a_person_stands_in_the_way_of_the_desk(house):
    house.clock.is_trusted = False
    house.alert("a1")
    await house.settle()
    guessed = ["number", "list-a2", "alert-a2"]
    for seq in range(60, 90):  # the report and what follows fall in here
        guessed += [f"desk-{seq}-verify_ok", f"evidence-report-{seq}"]
    for key in guessed:
        await house.act("comment", key=key, text="on my way")
    house.clock.is_trusted = True
    house.alert("a2")
    await house.settle()
    await house.work()
    await house.poll(minutes=1, **HOT)
    house.alert("a1", "cleared")
    house.alert("a2", "cleared")
    await house.poll(minutes=31, **COOL)
    await house.settle()
    ticket = await house.only()
    assert (ticket["state"], ticket["alerts"]) == ("verified", ["a1", "a2"])
    assert ticket["number"] is not None
    assert 60 < len(ticket["events"]) < 90
    assert sum(item["name"].startswith("report-") for item in ticket["evidence"]) == 5


async def test_evidence_that_cannot_be_entered_overwrites_nothing(house):
    house.alert("a1")
    await house.settle()
    ticket = await house.only()
    before = await house.desk.evidence(ticket["id"], "opening-alert.json")
    with pytest.raises(WrongArguments, match="the desk's own"):
        await house.act("add_evidence", name="opening-alert.json", content="AAAA")
    await house.act("comment", text="look")
    (_, _, known) = house.desk._reader.pending()[-1]
    house.desk._outbox._keep("second", known, {"opening-alert.json": (b"other", "text/plain")})
    assert await house.desk.evidence(ticket["id"], "opening-alert.json") == before


async def test_a_person_opens_a_ticket_once_per_key(house):
    wanted = {
        "key": "k1",
        "kind": "preventive",
        "title": {"en": "Spring check", "zh": ""},
        "devices": ["inv-1"],
        "team": "station",
    }
    first = await house.desk.open_ticket(wanted, by="op1", role="operator")
    again = await house.desk.open_ticket(wanted, by="op1", role="operator")
    assert first["id"] == again["id"]
    assert (first["state"], first["title"]["zh"], first["source"]) == ("dispatched", "Spring check", "person")
    with pytest.raises(Forbidden):
        await house.desk.open_ticket({**wanted, "key": "k2"}, by="v", role="viewer")
    with pytest.raises(WrongArguments, match="the desk's own"):
        await house.desk.open_ticket({**wanted, "key": "desk:k1"}, by="op1", role="operator")
    with pytest.raises(WrongArguments):
        await house.desk.open_ticket({"kind": "party", "title": {"en": "x"}}, by="op1", role="operator")


async def test_merging_moves_the_alerts(house):
    house.alert("a1")
    await house.settle()
    house.wait(seconds=1)
    house.alert("a2", device="bat-2")
    await house.settle()
    first, second = await house.tickets()
    await house.act("merge", into=second["number"])
    merged, target = await house.desk.ticket(first["id"]), await house.desk.ticket(second["id"])
    assert (merged["state"], merged["merged_into"]) == ("merged", second["id"])
    assert target["alerts"] == ["a2", "a1"]
    assert {a["ticket"] for a in (await house.desk.alerts()).items} == {second["id"]}


async def test_lists_come_in_pages(house):
    for n in range(1, 8):
        house.wait(minutes=11)
        house.alert(f"a{n}", device=f"bat-{n}")
        await house.settle()
    for ask in (house.desk.tickets, house.desk.alerts):
        seen, cursor = [], None
        while True:
            page = await ask(state="open", limit=3, cursor=cursor)
            seen += [item["id"] for item in page.items]
            if page.next is None:
                break
            cursor = page.next
        assert len(seen) == len(set(seen)) >= 6
    assert [t["devices"] for t in (await house.desk.tickets(text="BAT-3")).items] == [["bat-3"]]
    assert [
        a["id"] for a in (await house.desk.alerts(device="bat-2", severities=frozenset({"medium"}))).items
    ] == ["a2"]
    assert (await house.desk.tickets(state="archived", site="other")).items == []
    for cursor in ("nonsense", "99999999999999999999.x", "1", ".x"):
        with pytest.raises(WrongArguments):
            await house.desk.tickets(cursor=cursor)


async def test_unknown_ids_are_said(house):
    with pytest.raises(UnknownTicket):
        await house.desk.ticket("nothing")
    with pytest.raises(UnknownTicket):
        await house.desk.act("nothing", {"event": "archive"}, by="op1", role="operator")
    with pytest.raises(UnknownAlert):
        await house.desk.alert("nothing")


async def test_the_story_of_an_alert(house):
    house.alert("a1")
    house.wait(minutes=1)
    house.alert("a1", suppressed=Suppression("shelved", reason="visit"))
    house.wait(minutes=1)
    house.alert("a1", "cleared")
    await house.settle()
    story = await house.desk.alert("a1")
    assert [m["what"] for m in story["timeline"]] == ["active", "shelved", "cleared", "unshelved"]
    assert story["rule_text"]["when"] == "cell_temperature_max_c >= high"
    assert story["inputs"][0]["unit"] == "°C"
    assert story["ticket_summary"]["number"] == "T-20260529-s1-001"


async def test_an_alert_is_explained_by_the_rule_that_raised_it_also_after_the_rule_has_changed(house):
    rule = rule_set()["BAT-01"]
    basis = Basis(rule.hash, {"high": 45.0}, {"cell_temperature_max_c": "uncertain"})
    house.alert("a1", basis=basis)
    await house.settle()
    house.desk.use_rules({"BAT-01": replace(rule, hash="another", when=replace(rule.when, text="changed"))})
    story = await house.desk.alert("a1")
    assert (story["rule_text"]["hash"], story["rule_text"]["when"]) == (rule.hash, rule.when.text)
    assert story["rule_text"]["params"]["high"] == 45.0
    assert story["inputs"][0]["quality"] == "uncertain"
    house.desk.use_rules({})
    assert (await house.desk.alert("a1"))["rule_text"]["hash"] == rule.hash, "and after it is gone"


async def test_a_devices_own_limit_stands_in_the_refusal(house):
    house.alert("a1", device="bat-hot")
    await house.settle()
    with pytest.raises(Refused) as refused:
        await house.act("archive")
    assert refused.value.document()["detail"] == "still 46.2 °C, needs <= 40 for 10 min"


async def test_a_store_that_refuses_at_the_start_does_not_end_the_desk(house, monkeypatch):
    import asyncio

    monkeypatch.setattr("gateway.tickets.desk.TEND_S", 0.01)
    cursor, refusals = house.desk._clerk.cursor, [StoreError("busy"), StoreError("busy")]

    def refusing() -> int:
        if refusals:
            raise refusals.pop()
        return cursor()

    monkeypatch.setattr(house.desk._clerk, "cursor", refusing)
    house.alert("a1")
    await house.journal.commit()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(house.desk.run())
        while not await house.tickets():
            await asyncio.sleep(0.01)
        running.cancel()


async def test_the_running_desk_follows_the_journal_by_itself(house):
    import asyncio

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(house.desk.run())
        house.alert("a1")
        await house.journal.commit()
        while not house.changed:
            await asyncio.sleep(0.01)
        while len((await house.only())["events"]) < 3:
            await asyncio.sleep(0.01)
        running.cancel()
    assert house.journal.cursor("desk") >= 1


async def test_the_alarm_load_counts_what_was_annunciated(house, suppressed):
    start = house.clock.utc_ms()
    for n in range(1, 4):
        house.wait(minutes=5)
        house.alert(f"a{n}", device=f"bat-{n}", severity="low")
    house.alert("c1", device="bat-9", suppressed=suppressed("inhibited", alert="a1"))
    await house.settle()
    load = await house.desk.alarm_load(start, house.clock.utc_ms() + 1)
    assert (load["alarms"], load["standing"], load["suppressed"]) == (3, 3, {"inhibited": 1})
    assert await house.desk.flood() is None
    before = await house.desk.alarm_load(start - 1_000, start)
    assert before["alarms"] == 0


async def test_a_flood_names_its_causes_while_it_lasts(house, suppressed):
    house.alert("root", device="bus-1", rule="COM-06", severity="high")
    for n in range(1, 12):
        house.alert(f"a{n}", device=f"bat-{n}")
    house.alert("child", device="bat-1", rule="COM-02", suppressed=suppressed("inhibited", alert="root"))
    await house.settle()
    flood = await house.desk.flood()
    assert flood["alerts"] == 13
    assert flood["causes"][0] == {
        "alert": "root", "alerts": 2, "rule": "COM-06", "device": "bus-1", "title": {"en": "Cell warm", "zh": "电芯偏热"}
    }  # fmt: skip
    house.wait(minutes=20)
    assert await house.desk.flood() is None


async def test_a_ticket_goes_to_whoever_of_the_team_is_on_duty(house):
    duty = (Duty.model_validate({"person": "zhang", "from": "04:00", "to": "05:00"}),)
    desk = await house.another_desk(house.journal, teams=(TEAM.model_copy(update={"duty": duty}),))
    house.alert("a1")
    await house.settle(desk)
    house.wait(minutes=60)
    house.alert("a2", device="bat-2")
    await house.settle(desk)
    second, first = (await desk.tickets(state="all")).items
    assert (first["team"], first["assignee"]) == ("station", "zhang")
    assert (second["team"], second["assignee"]) == ("station", None)
    await desk.close()


async def test_a_route_of_the_site_comes_before_the_rules_team(house):
    steward = TEAM.model_copy(update={"id": "steward"})
    site = replace(SITE, routes=(Route("steward", rule="BAT-01"),))
    desk = await house.another_desk(house.journal, teams=(TEAM, steward), site=site)
    house.alert("a1")
    await house.settle(desk)
    (ticket,) = (await desk.tickets(state="all")).items
    assert ticket["team"] == "steward"
    await desk.close()
