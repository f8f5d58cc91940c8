import pytest

from agent.modbus.endpoint import Endpoint, parse_url


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("tcp://10.0.0.1", Endpoint("tcp", host="10.0.0.1", port=502)),
        ("tcp://[::1]:1502", Endpoint("tcp", host="::1", port=1502)),
        ("rtu+tcp://serial-server:4001", Endpoint("rtu+tcp", host="serial-server", port=4001)),
        ("rtu:///dev/ttyUSB0", Endpoint("rtu", path="/dev/ttyUSB0")),
        (
            "rtu:///dev/serial/by-id/usb-FTDI?baudrate=19200&parity=E&stopbits=2",
            Endpoint("rtu", path="/dev/serial/by-id/usb-FTDI", baudrate=19_200, parity="E", stopbits=2),
        ),
    ],
)
def test_addresses(text, endpoint):
    assert parse_url(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1:502",
        "udp://host:1",
        "tcp://",
        "tcp://host:99999",
        "tcp://host/path",
        "tcp://user:secret@host",
        "tcp://host?baudrate=9600",
        "rtu://dev/ttyUSB0",
        "rtu:///",
        "rtu:///dev/x?baudrate=fast",
        "rtu:///dev/x?parity=X",
        "rtu:///dev/x?speed=9600",
        "rtu+tcp://host",
        "tcp://[::1",
    ],
)
def test_a_wrong_address_is_refused_with_a_remedy(text):
    with pytest.raises(ValueError, match=";"):
        parse_url(text)


def test_a_slow_line_costs_more():
    slow, fast = (parse_url(f"rtu:///dev/x?baudrate={rate}") for rate in (9_600, 115_200))
    assert slow.byte_ms == pytest.approx(1.0417, abs=1e-3)
    assert slow.silence_ms == pytest.approx(3.65, abs=0.01)
    assert fast.silence_ms == 1.75
