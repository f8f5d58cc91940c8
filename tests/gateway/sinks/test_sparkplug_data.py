"""What an edge node says of its devices and its site once it is born. The statements are those of Sparkplug 3.0.0."""

import json
import math

import pytest

from agent.reading import Frame, Quality
from gateway.journal.record import Gap
from gateway.sinks.mqtt_format import Heard
from tests.gateway.sinks.sparkplug_reference import BOOLEAN, DOUBLE, INT32, command, properties, value_of
from tests.gateway.sinks.sparkplug_site import NOW, POINTS, Node, alert, aliases_of, change

tck = pytest.mark.tck


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def born(node):
    """A node whose inverter is known to the host."""
    node.start()
    node.live()
    return node


# ---- data


@tck(
    "tck-id-topics-ddata-payload",
    "tck-id-topics-ddata-timestamp",
    "tck-id-payloads-ddata-timestamp",
    "tck-id-payloads-ddata-seq",
    "tck-id-payloads-ddata-seq-inc",
    "tck-id-topics-ddata-seq-num",
    "tck-id-payloads-sequence-num-always-included",
    "tck-id-payloads-sequence-num-incrementing",
    "tck-id-payloads-timestamp-in-UTC",
    "tck-id-payloads-metric-timestamp-in-UTC",
    "tck-id-operational-behavior-data-publish-dbirth-change",
)
def test_each_poll_is_one_message_and_the_numbers_go_round_after_255(born):
    aliases = aliases_of(born)
    last = None
    for poll in range(600):
        (data,) = born.live(values=(float(poll), "running", True))
        assert last is None or data.seq == (last.seq + 1) % 256
        assert data.payload.timestamp == born.now_ms
        assert {metric.timestamp for metric in data.metrics} == {born.now_ms}
        assert data.value(aliases["ac_power_kw"]) == float(poll)
        assert data.value(aliases["Frame/Seq"]) == poll + 2
        assert last is None or data.payload.metrics != last.payload.metrics
        last = data


@tck("tck-id-payloads-propertyset-quality-value-type", "tck-id-payloads-propertyset-quality-value-value")
@pytest.mark.parametrize(
    ("quality", "code"),
    [
        (Quality.GOOD, None),
        (Quality.UNCERTAIN, 0),
        (Quality.SUBSTITUTED, 0),
        (Quality.STALE, 500),
        (Quality.BAD, 0),
        (Quality.ABSENT, 0),
    ],
)
def test_quality_is_one_of_three_codes_and_says_in_words_what_they_cannot(born, quality, code):
    value = 3.5 if quality.has_value else None
    faults = {} if quality is Quality.GOOD else {0: quality}
    (data,) = born.live(values=(value, "running", True), faults=faults)
    found = data.by[aliases_of(born)["ac_power_kw"]]
    assert value_of(found) == value
    wanted = {} if code is None else {"Quality": code, "Detail": quality.value}
    assert properties(found) == wanted
    assert all(p.type == INT32 for p in found.properties.values if p.HasField("int_value"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_is_null_and_bad(born, value):
    (data,) = born.live(values=(value, "running", True))
    found = data.by[aliases_of(born)["ac_power_kw"]]
    assert (value_of(found), properties(found)["Quality"]) == (None, 0)


def test_a_failed_poll_has_no_values_and_says_why_until_one_succeeds(born):
    aliases = aliases_of(born)
    (failed,) = born.frame(born.fail())
    assert [failed.value(aliases[point]) for point in POINTS] == [None] * 3
    assert failed.value(aliases["Frame/Reason"]) == "timeout"
    (good,) = born.live()
    assert good.value(aliases["Frame/Reason"]) is None
    (next_,) = born.live()
    assert aliases["Frame/Reason"] not in next_.by


@tck(
    "tck-id-operational-behavior-data-publish-dbirth-order",
    "tck-id-operational-behavior-data-publish-nbirth-order",
)
def test_what_is_late_is_historical_and_keeps_its_own_time_boot_and_number(born):
    aliases = aliases_of(born)
    old = born.poll(boot="b0", seq=77, ts_ms=NOW - 9_000)
    (late,) = born.frame(old, late=True)
    assert all(metric.is_historical and metric.timestamp == NOW - 9_000 for metric in late.metrics)
    assert (late.value(aliases["Frame/Boot"]), late.value(aliases["Frame/Seq"])) == ("b0", 77)
    (live,) = born.live()
    assert not any(metric.is_historical for metric in live.metrics)
    assert aliases["Frame/Boot"] not in live.by
    times = [metric.timestamp for metric in live.metrics]
    assert times == sorted(times)


def test_what_a_birth_has_overtaken_is_historical(born):
    waiting, newest = born.poll(), born.poll(values=(99.0, "running", True))
    _, device = born.birth()
    assert device.value("ac_power_kw") == 99.0
    (overtaken,) = born.frame(waiting)
    assert all(metric.is_historical for metric in overtaken.metrics)
    (same,) = born.frame(newest)
    assert all(metric.is_historical for metric in same.metrics)
    (after,) = born.live()
    assert not any(metric.is_historical for metric in after.metrics)


# ---- deaths of devices


@tck(
    "tck-id-operational-behavior-device-ddeath",
    "tck-id-topics-ddeath-topic",
    "tck-id-payloads-ddeath-timestamp",
    "tck-id-payloads-ddeath-seq",
    "tck-id-payloads-ddeath-seq-inc",
    "tck-id-payloads-ddeath-seq-number",
    "tck-id-topics-ddeath-seq-num",
)
def test_a_device_dies_after_three_failed_polls_and_is_born_again_when_it_answers(born):
    kinds = [message.kind for _ in range(2) for message in born.frame(born.fail())]
    assert kinds == ["DDATA", "DDATA"]
    before = born.format._seq
    (death,) = born.frame(born.fail())
    assert (death.topic, death.seq) == ("spBv1.0/microgrid/DDEATH/hall/inv-1", before + 1)
    assert death.payload.timestamp == born.now_ms
    assert born.frame(born.fail()) == []
    birth, data = born.live()
    assert (birth.kind, data.kind, birth.seq, data.seq) == ("DBIRTH", "DDATA", before + 2, before + 3)


def test_a_dead_device_with_old_frames_is_born_without_values_and_dies_again(born):
    for _ in range(3):
        born.frame(born.fail())
    old = Frame("inv-1", "b0", 5, 5, NOW - 9_000, False, 3, POINTS, (1.0, "running", True))
    birth, late = born.frame(old, late=True)
    assert (birth.kind, birth.value("ac_power_kw")) == ("DBIRTH", None)
    assert properties(birth.by["ac_power_kw"])["Quality"] == 500
    assert all(metric.is_historical for metric in late.metrics)
    assert [message.kind for message in born.frame(born.fail())] == ["DDEATH"]


def test_a_device_that_the_site_no_longer_has_is_born_for_what_is_left_of_it(born):
    old = Frame("gone", "b0", 5, 5, NOW - 9_000, False, 3, ("x_kw", "ok"), (1.0, True))
    birth, late = born.frame(old, late=True)
    assert (birth.by["x_kw"].datatype, birth.by["ok"].datatype) == (DOUBLE, BOOLEAN)
    assert late.value(birth.by["x_kw"].alias) == 1.0


# ---- rebirth and commands


@tck(
    "tck-id-operational-behavior-data-commands-rebirth-action-1",
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
    "tck-id-payloads-dbirth-order",
    "tck-id-payloads-ndata-order",
    "tck-id-payloads-ddata-order",
)
def test_a_rebirth_says_everything_again_with_the_same_number(born):
    assert born.format.heard("spBv1.0/microgrid/NCMD/hall", command()) is Heard.BIRTH
    node, device = born.birth()
    assert (node.kind, node.seq, node.value("bdSeq")) == ("NBIRTH", 0, 0)
    assert (device.kind, device.seq, device.value("ac_power_kw")) == ("DBIRTH", 1, 12.5)
    (data,) = born.live()
    assert (data.kind, data.seq) == ("DDATA", 2)


@pytest.mark.parametrize(
    ("topic", "asked"),
    [
        ("spBv1.0/microgrid/NCMD/hall", command(value=False)),
        ("spBv1.0/microgrid/NCMD/hall", command("Node Control/Reboot")),
        ("spBv1.0/microgrid/NCMD/hall", b"\xff\xfe rubbish"),
        ("spBv1.0/microgrid/NCMD/hall", b""),
        ("spBv1.0/microgrid/DCMD/hall/inv-1", command("ac_power_kw", value=5.0)),
        ("spBv1.0/microgrid/DCMD/hall/inv-1", command()),
    ],
)
def test_nothing_can_be_written_and_what_was_tried_is_counted(born, topic, asked):
    assert born.format.heard(topic, asked) is Heard.NOTHING
    assert born.format.ignored == 1
    assert born.live()[0].kind == "DDATA"
    (said,) = born.read(born.format.gap(Gap(1, "*", "b1", 5, 9, None, None, "damaged"), late=False))
    assert said.value("Commands/Ignored") == 1
    assert born.birth()[0].value("Commands/Ignored") == 1


# ---- the site


@tck(
    "tck-id-topics-ndata-payload",
    "tck-id-topics-ndata-topic",
    "tck-id-topics-ndata-timestamp",
    "tck-id-payloads-ndata-timestamp",
    "tck-id-payloads-ndata-seq",
    "tck-id-payloads-ndata-seq-inc",
    "tck-id-topics-ndata-seq-num",
    "tck-id-operational-behavior-data-publish-nbirth-change",
)
def test_alerts_and_tickets_are_told_by_the_node_in_order(born):
    before = born.format._seq
    bodies = [{"alert": alert(state=state).document()} for state in ("active", "cleared")]
    bodies.append({"ticket": "t1", "event": {"event": "accept"}})
    said = [
        born.read(born.format.change(change(body, n), late=False, ticket=None))[0]
        for n, body in enumerate(bodies)
    ]
    assert {message.topic for message in said} == {"spBv1.0/microgrid/NDATA/hall"}
    assert [message.seq for message in said] == [before + 1, before + 2, before + 3]
    assert [message.payload.timestamp for message in said] == [born.now_ms] * 3
    documents = [json.loads(message.value("Events/Change")) for message in said]
    assert [document.get("alert", {}).get("state") for document in documents] == ["active", "cleared", None]
    assert [message.value("Alerts/Open") for message in said] == [1, 0, 0]
    assert documents[2] == {"boot": "b1", "seq": 2, "ts": NOW + 5, **bodies[2]}


def test_a_birth_counts_the_open_alerts_and_a_late_change_does_not_count(node):
    node.will()
    (birth,) = node.birth([alert("a1"), alert("a2"), alert("a3", state="cleared")])
    assert birth.value("Alerts/Open") == 2
    said = node.format.change(change({"alert": alert("a4").document()}), late=True, ticket=None)
    (late,) = node.read(said)
    assert [metric.name for metric in late.metrics] == ["Events/Change"]
    assert late.by["Events/Change"].is_historical
    assert node.format.ticket("t1", {"state": "open"}) == ()


def test_a_gap_is_told_with_its_device_and_is_historical_if_it_is_of_another_run(born):
    (now,) = born.read(born.format.gap(Gap(1, "inv-1", "b1", 5, 9, 4, (3, 6), "overload"), late=False))
    assert json.loads(now.value("Events/Gap")) == {
        "device": "inv-1",
        "boot": "b1",
        "from": 5,
        "to": 9,
        "slots": 4,
        "seq": [3, 6],
        "reason": "overload",
    }
    assert now.by["Events/Gap"].timestamp == 9
    (old,) = born.read(born.format.gap(Gap(1, "*", "b0", 5, 9, None, None, "stopped"), late=False))
    assert (now.by["Events/Gap"].is_historical, old.by["Events/Gap"].is_historical) == (False, True)
