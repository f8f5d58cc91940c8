"""Ids that no topic may hold are found before anything runs. The statements are those of Sparkplug 3.0.0."""

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.config import Identifier
from gateway.sinks.config import MqttConfig

tck = pytest.mark.tck
URL = "mqtt://broker:1883"


@tck(
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-intro-group-id-chars",
    "tck-id-intro-group-id-string",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-edge-node-id-string",
)
@pytest.mark.parametrize("key", ["group", "node", "primary_host"])
@pytest.mark.parametrize("text", ["", "a/b", "a+", "#", "a\x00b", "a\nb", "x" * 201])
def test_an_id_with_reserved_characters_is_a_fault(key, text):
    with pytest.raises(ValidationError, match="write one without"):
        MqttConfig(url=URL, format="sparkplug", sparkplug={key: text})


@pytest.mark.parametrize("text", ["Plant 1", "枫桥", "a.b-c_d"])
def test_other_ids_are_taken(text):
    block = MqttConfig(url=URL, format="sparkplug", sparkplug={"group": text})
    assert block.sparkplug.group == text


@tck(
    "tck-id-topic-structure-namespace-valid-device-id",
    "tck-id-topic-structure-namespace-unique-device-id",
    "tck-id-intro-device-id-chars",
    "tck-id-intro-device-id-string",
    "tck-id-case-sensitivity-sparkplug-ids",
)
@pytest.mark.parametrize("text", ["INV-1", "inv/1", "inv+1", "inv#1", "inv 1", ""])
def test_a_device_id_fits_into_a_topic_and_never_differs_from_another_by_case_only(text):
    ids = TypeAdapter(Identifier)
    assert ids.validate_python("inv-1") == "inv-1"
    with pytest.raises(ValidationError):
        ids.validate_python(text)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ({"format": "sparkplug", "root": "a/b"}, "sparkplug: {group: NAME}"),
        ({"format": "sparkplug", "homeassistant": True}, "homeassistant reads our JSON"),
        ({"format": "sparkplug", "station": "town"}, "station reads our JSON"),
        ({"sparkplug": {"group": "a"}}, "write format: sparkplug"),
        ({"format": "avro"}, "'json' or 'sparkplug'"),
        ({"format": "sparkplug", "sparkplug": {"grp": "a"}}, "grp"),
    ],
)
def test_parts_that_do_not_fit_are_faults_that_say_what_to_write(block, why):
    with pytest.raises(ValidationError, match=why.replace("{", r"\{")):
        MqttConfig(url=URL, **block)


def test_a_root_of_several_levels_is_taken_with_a_group():
    block = MqttConfig(url=URL, format="sparkplug", root="a/b", sparkplug={"group": "a"})
    assert block.sparkplug.group == "a"
