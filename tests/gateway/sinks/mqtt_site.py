"""A small site and an impatient sink, for the tests with brokers."""

from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.mqtt_pace import Pace

QUICK = Pace(
    keepalive_s=2,
    connect_s=2.0,
    stall_s=1.0,
    retry_spread_ms=100,
    retry_first_ms=100,
    retry_cap_ms=300,
    refused_ms=300,
    taken_over_ms=300,
)
DEVICES = {
    "inv-1": DeviceMeta(
        "inverter", "sunspec-inverter", "Acme", "I-50", "91", points={"ac_power_kw": ("kW", "number")}
    ),
    "bat-1": DeviceMeta("battery"),
}
