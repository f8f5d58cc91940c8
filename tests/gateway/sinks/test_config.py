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
