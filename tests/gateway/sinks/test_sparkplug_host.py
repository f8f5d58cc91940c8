"""Waiting for a primary host application. The statements are those of Sparkplug 3.0.0."""

import json

import pytest

from gateway.sinks.mqtt_format import Heard
from tests.gateway.sinks.sparkplug_reference import command
from tests.gateway.sinks.sparkplug_site import NOW, Node

tck = pytest.mark.tck
STATE = "spBv1.0/STATE/scada"


def state(online, at_ms=NOW):
    return json.dumps({"online": online, "timestamp": at_ms}).encode()


@pytest.fixture
def node():
    """Connected, and waiting."""
    node = Node(host="scada")
    node.will()
    assert node.birth() == []
    return node


@tck("tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs")
def test_a_node_that_waits_subscribes_to_the_state_of_its_host(node):
    assert STATE in node.format.subscriptions
    assert not any("STATE" in topic for topic in Node().format.subscriptions)


@tck(
    "tck-id-message-flow-edge-node-birth-publish-phid-wait",
    "tck-id-message-flow-edge-node-birth-publish-phid-wait-online",
    "tck-id-operational-behavior-edge-node-birth-sequence-wait",
    "tck-id-components-ph-state",
)
def test_nothing_is_said_before_the_host_is_online(node):
    assert node.format.holds
    node.poll()
    assert node.format.heard(STATE, state(online=False)) is Heard.NOTHING
    assert node.format.heard("spBv1.0/microgrid/NCMD/hall", command()) is Heard.NOTHING
    assert (node.format.holds, node.birth()) == (True, [])
    assert node.format.heard(STATE, state(online=True)) is Heard.BIRTH
    assert [message.kind for message in node.birth()] == ["NBIRTH", "DBIRTH"]
    assert not node.format.holds
    assert node.format.heard(STATE, state(online=True, at_ms=NOW + 1)) is Heard.NOTHING


@tck("tck-id-message-flow-edge-node-birth-publish-phid-wait-id")
def test_another_host_is_not_ours(node):
    assert node.format.heard("spBv1.0/STATE/other", state(online=True)) is Heard.NOTHING
    assert node.format.holds


@tck("tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp")
def test_an_older_word_than_the_last_does_not_count_and_the_first_always_does(node):
    assert node.format.heard(STATE, state(online=False, at_ms=NOW)) is Heard.NOTHING
    assert node.format.heard(STATE, state(online=True, at_ms=NOW - 1)) is Heard.NOTHING
    assert node.format.holds
    assert node.format.heard(STATE, state(online=True, at_ms=NOW)) is Heard.BIRTH


@tck(
    "tck-id-message-flow-edge-node-birth-publish-phid-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline-timestamp",
)
def test_a_host_that_goes_ends_the_session_unless_its_word_is_an_old_one(node):
    node.format.heard(STATE, state(online=True))
    node.birth()
    assert node.format.heard(STATE, state(online=False, at_ms=NOW - 1)) is Heard.NOTHING
    assert not node.format.holds
    assert node.format.heard(STATE, state(online=False)) is Heard.LEAVE
    (death,) = node.read(node.format.farewell(NOW))
    assert (death.kind, death.value("bdSeq"), node.format.holds) == ("NDEATH", 0, True)


def test_a_new_connection_waits_for_the_host_again(node):
    node.format.heard(STATE, state(online=True))
    node.birth()
    node.will()
    assert (node.format.holds, node.birth()) == (True, [])


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"online",
        b"ONLINE",
        b"[]",
        b"{}",
        b'{"online":true}',
        b'{"online":"true","timestamp":1}',
        b'{"online":true,"timestamp":"1"}',
        b'{"online":true,"timestamp":true}',
        b"\xff",
    ],
)
def test_a_word_that_is_no_state_is_no_host(node, said):
    assert node.format.heard(STATE, said) is Heard.NOTHING
    assert node.format.holds
