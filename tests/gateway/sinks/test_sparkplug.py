"""A site as a Sparkplug edge node: its ids and its births. The statements are those of Sparkplug 3.0.0."""

import pytest

from agent.reading import Quality
from gateway.journal.record import Gap
from gateway.sinks.mqtt_json import DeviceMeta
from tests.gateway.sinks.sparkplug_reference import (
    BOOLEAN,
    DOUBLE,
    INT32,
    INT64,
    STRING,
    command,
    properties,
    value_of,
)
from tests.gateway.sinks.sparkplug_site import META, NOW, Node, alert, change

tck = pytest.mark.tck


@pytest.fixture
def node():
    return Node()


# ---- ids


@tck(
    "tck-id-topic-structure",
    "tck-id-topic-structure-namespace-a",
    "tck-id-topic-structure-namespace-device-id-associated-message-types",
    "tck-id-topic-structure-namespace-device-id-non-associated-message-types",
    "tck-id-topics-nbirth-topic",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-ddata-topic",
    "tck-id-topics-ndeath-topic",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-topic",
    "tck-id-message-flow-device-birth-publish-dbirth-topic",
    "tck-id-message-flow-edge-node-birth-publish-will-message-topic",
)
def test_topics_are_namespace_group_type_node_and_for_devices_the_device(node):
    said = [node.will(), *node.start(), *node.live()]
    for _ in range(3):
        said += node.frame(node.fail())
    said += node.read(node.format.gap(Gap(1, "inv-1", "b1", 5, 9, 4, None, "overload"), late=False))
    for message in said:
        assert message.topic.split("/")[:2] == ["spBv1.0", "microgrid"]
        assert message.node == "hall"
        assert bool(message.device) == (message.kind[0] == "D")
        assert len(message.topic.split("/")) == (5 if message.device else 4)
    assert {message.kind for message in said} == {"NDEATH", "NBIRTH", "DBIRTH", "DDATA", "DDEATH", "NDATA"}


# ---- births


@tck(
    "tck-id-topics-nbirth-metrics",
    "tck-id-topics-nbirth-bdseq-included",
    "tck-id-topics-nbirth-bdseq-matching",
    "tck-id-payloads-nbirth-bdseq",
    "tck-id-payloads-nbirth-bdseq-repeat",
    "tck-id-payloads-ndeath-bdseq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload",
    "tck-id-topics-nbirth-rebirth-metric",
    "tck-id-payloads-nbirth-rebirth-req",
    "tck-id-operational-behavior-data-commands-rebirth-name",
    "tck-id-operational-behavior-data-commands-rebirth-datatype",
    "tck-id-operational-behavior-data-commands-rebirth-value",
    "tck-id-operational-behavior-data-commands-rebirth-name-aliases",
    "tck-id-operational-behavior-data-publish-nbirth-values",
    "tck-id-topics-nbirth-seq-num",
    "tck-id-payloads-nbirth-seq",
    "tck-id-payloads-sequence-num-req-nbirth",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-payload-seq",
    "tck-id-topics-nbirth-timestamp",
    "tck-id-payloads-nbirth-timestamp",
)
def test_a_node_is_born_with_the_number_of_its_will_and_may_be_asked_for_a_rebirth(node):
    will = node.will()
    (birth,) = node.birth()
    assert (birth.topic, birth.seq, birth.payload.timestamp) == ("spBv1.0/microgrid/NBIRTH/hall", 0, NOW)
    assert (birth.by["bdSeq"].datatype, birth.value("bdSeq")) == (INT64, will.value("bdSeq"))
    rebirth = birth.by["Node Control/Rebirth"]
    assert (rebirth.datatype, value_of(rebirth), rebirth.HasField("alias")) == (BOOLEAN, False, False)
    for metric in birth.metrics:
        assert metric.name
        assert metric.HasField("datatype")
        value_of(metric)  # a value, or null and none
    assert birth.value("Properties/Version") == "0.1.0"


@tck(
    "tck-id-topics-ndeath-payload",
    "tck-id-topics-ndeath-seq",
    "tck-id-payloads-ndeath-seq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload",
)
def test_a_death_says_the_number_of_its_birth_and_nothing_else(node):
    will = node.will()
    assert (will.topic, will.seq) == ("spBv1.0/microgrid/NDEATH/hall", None)
    assert list(will.by) == ["bdSeq"]
    assert will.by["bdSeq"].datatype == INT64


@tck(
    "tck-id-topics-nbirth-bdseq-increment",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
)
def test_each_connect_has_the_next_number_from_zero_and_one_that_never_left_gives_it_back(node):
    assert [node.will().value("bdSeq") for _ in range(3)] == [0, 1, 2]
    assert node.will(fresh=False).value("bdSeq") == 2
    assert node.will().value("bdSeq") == 3


@tck(
    "tck-id-topics-nbirth-metric-reqs",
    "tck-id-operational-behavior-data-publish-nbirth",
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-operational-behavior-data-publish-dbirth",
    "tck-id-topics-nbirth-templates",
)
def test_a_birth_names_all_that_is_ever_said(node):
    (birth,) = node.start()
    said = node.live()
    said += node.read(node.format.gap(Gap(1, "inv-1", "b1", 5, 9, 4, None, "overload"), late=False))
    said += node.read(node.format.change(change({"alert": alert().document()}), late=False, ticket=None))
    node.format.heard("spBv1.0/microgrid/DCMD/hall/inv-1", command("ac_power_kw", value=5.0))
    said += node.live(values=(None, "unknown:9", None), faults={0: Quality.BAD, 2: Quality.BAD}, unsure=True)
    said += node.frame(node.fail())
    said += node.read(node.format.change(change({"ticket": "t", "event": {}}), late=False, ticket=None))
    named = {"": set(birth.by)}
    for message in said:
        if message.kind == "DBIRTH":
            named[message.device] = {metric.alias for metric in message.metrics}
        else:
            assert set(message.by) <= named[message.device], message.kind
    assert all(metric.datatype not in {18, 19} for message in said for metric in message.metrics)


@tck(
    "tck-id-topics-dbirth-metrics",
    "tck-id-topics-dbirth-timestamp",
    "tck-id-payloads-dbirth-timestamp",
    "tck-id-payloads-dbirth-seq",
    "tck-id-topics-dbirth-seq",
    "tck-id-payloads-dbirth-seq-inc",
    "tck-id-message-flow-device-birth-publish-dbirth-payload-seq",
    "tck-id-message-flow-device-birth-publish-dbirth-payload",
    "tck-id-message-flow-device-birth-publish-nbirth-wait",
    "tck-id-message-flow-device-birth-publish-dbirth-match-edge-node-topic",
    "tck-id-operational-behavior-data-publish-dbirth-values",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-metric-datatype-value",
    "tck-id-payloads-metric-datatype-value-type",
    "tck-id-payloads-metric-propertyvalue-type-req",
    "tck-id-payloads-metric-propertyvalue-type-type",
    "tck-id-payloads-metric-propertyvalue-type-value",
)
def test_a_device_is_born_when_it_answers_with_its_present_values_types_and_units(node):
    (birth,) = node.start()
    assert birth.kind == "NBIRTH"
    device, data = node.live(values=(12.5, "running", None), faults={2: Quality.ABSENT})
    assert (device.topic, data.topic) == (
        "spBv1.0/microgrid/DBIRTH/hall/inv-1",
        "spBv1.0/microgrid/DDATA/hall/inv-1",
    )
    assert (device.seq, data.seq, device.payload.timestamp) == (1, 2, node.now_ms)
    types = {name: device.by[name].datatype for name in META.points}
    assert types == {
        "ac_power_kw": DOUBLE,
        "state": STRING,
        "insulation_ok": BOOLEAN,
        "energy_total_kwh": DOUBLE,
    }
    assert {name: device.value(name) for name in META.points} == {
        "ac_power_kw": 12.5,
        "state": "running",
        "insulation_ok": None,
        "energy_total_kwh": None,
    }
    assert properties(device.by["ac_power_kw"]) == {"engUnit": "kW", "Quality": 192}
    assert properties(device.by["insulation_ok"]) == {"Detail": "absent", "Quality": 0}
    assert properties(device.by["energy_total_kwh"]) == {"engUnit": "kWh", "Detail": "stale", "Quality": 500}
    assert device.value("Properties/Vendor") == "Acme"
    assert all(metric.datatype in range(1, 15) for metric in device.metrics)
    kinds = {p.type for metric in device.metrics for p in metric.properties.values}
    assert kinds == {STRING, INT32}


@tck(
    "tck-id-payloads-alias-uniqueness",
    "tck-id-payloads-alias-birth-requirement",
    "tck-id-payloads-alias-data-cmd-requirement",
    "tck-id-payloads-name-requirement",
    "tck-id-payloads-metric-datatype-not-req",
    "tck-id-payloads-name-birth-data-requirement",
    "tck-id-case-sensitivity-metric-names",
)
def test_a_birth_gives_each_metric_a_number_of_its_own_and_data_use_only_that():
    node = Node(devices={"inv-1": META, "inv-2": META})
    node.start()
    births, data = zip(node.live(), node.live(device="inv-2"), strict=True)
    numbers = [metric.alias for birth in births for metric in birth.metrics]
    assert len(numbers) == len(set(numbers))
    for birth in births:
        names = [metric.name for metric in birth.metrics]
        assert all(names)
        assert len({name.lower() for name in names}) == len(names)
    for metric in (metric for message in data for metric in message.metrics):
        assert metric.alias in numbers
        assert metric.HasField("timestamp")
        assert not metric.HasField("name")
        assert not metric.HasField("datatype")


def test_a_device_that_becomes_known_is_born_again_with_its_points(node):
    known = {"inv-1": DeviceMeta("inverter")}
    node = Node(devices=known)
    node.start()
    birth, _ = node.live()
    assert "energy_total_kwh" not in birth.by
    assert birth.by["insulation_ok"].datatype == BOOLEAN  # its frame says so
    known["inv-1"] = META
    (again,) = node.read(node.format.device("inv-1"))
    assert (again.kind, again.value("ac_power_kw")) == ("DBIRTH", 12.5)
    assert again.by["ac_power_kw"].alias == birth.by["ac_power_kw"].alias
    assert "energy_total_kwh" in again.by
    assert node.format.device("inv-9") == ()
