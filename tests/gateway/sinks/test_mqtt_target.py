"""A sink's identity at its broker."""

import pytest

from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt_target import target_of

URL = {"url": "mqtt://127.0.0.1:1883"}


@pytest.mark.parametrize(
    ("block", "client_id"),
    [
        (URL, "maplebridge-hall"),
        (URL | {"name": "plant"}, "maplebridge-hall-plant"),
        (URL | {"name": "plant", "client_id": "given"}, "given"),
    ],
)
def test_two_sinks_at_one_broker_do_not_throw_each_other_out(tmp_path, block, client_id):
    assert target_of(MqttConfig.model_validate(block), "hall", tmp_path).client_id == client_id
