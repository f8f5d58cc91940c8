"""Addresses of brokers and databases: what is refused, and that no password is repeated."""

import pytest
from pydantic import ValidationError

from gateway.sinks.config import InfluxConfig, MqttConfig


def told(config, url: str) -> str:
    with pytest.raises(ValidationError) as caught:
        config(url=url)
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("config", [MqttConfig, InfluxConfig])
@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "http", "https", "tcp"])
@pytest.mark.parametrize("user", ["me:s3cret", ":s3cret", "s3cret"])
def test_a_user_or_password_in_the_address_is_refused_and_not_repeated(config, scheme, user):
    message = told(config, f"{scheme}://{user}@host")
    assert "a password may not stand in the address" in message
    assert "s3cret" not in message


@pytest.mark.parametrize("rest", ["h:99999", "h:0", "h:mqtt", "[::1", ""])
def test_what_cannot_be_reached_is_refused(rest):
    assert "is not a broker's address; write mqtt://" in told(MqttConfig, f"mqtt://{rest}")
    assert "is not a database's address; write http://" in told(InfluxConfig, f"http://{rest}")


def test_good_addresses_pass():
    assert MqttConfig(url="mqtts://[::1]:8883").url == "mqtts://[::1]:8883"
    assert InfluxConfig(url="http://host").url == "http://host"


@pytest.mark.parametrize("file", ["ca_file", "cert_file"])
def test_certificates_without_tls_are_a_mistake_not_a_wish(file):
    files = {file: "x.pem"} | ({"key_file": "x.key"} if file == "cert_file" else {})
    with pytest.raises(ValidationError, match="write url: mqtts://host:8883"):
        MqttConfig(url="mqtt://host", **files)
    assert MqttConfig(url="mqtts://host", **files).url == "mqtts://host"


@pytest.mark.parametrize("name", ["influxdb", "history", "desk", "", "a/b"])
def test_a_broker_has_a_name_of_its_own(name):
    with pytest.raises(ValidationError):
        MqttConfig(name=name, url="mqtt://host")


def test_a_station_is_named_by_its_id():
    assert MqttConfig(url="mqtt://host").station is None
    assert MqttConfig(url="mqtt://host", station="county-1").station == "county-1"
    with pytest.raises(ValidationError):
        MqttConfig(url="mqtt://host", station="county/+")
