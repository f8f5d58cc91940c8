"""What Home Assistant is told: each message against the documented keys, each template as it renders it.

Keys: home-assistant.io, integrations `sensor.mqtt`, `binary_sensor.mqtt` and `mqtt` (discovery).
"""

import json
import re
from types import SimpleNamespace

import jinja2
import pytest

from agent.points import STANDARD
from agent.reading import Frame, Quality, Text
from gateway.sinks import mqtt_json
from gateway.sinks.homeassistant import Discovery, HomeAssistantFormat
from gateway.sinks.mqtt_format import Heard
from gateway.sinks.mqtt_json import DeviceMeta, Topics
from gateway.sinks.mqtt_json_format import JsonFormat

BOTH = {
    "name",
    "unique_id",
    "default_entity_id",
    "state_topic",
    "value_template",
    "device_class",
    "availability",
    "availability_mode",
    "expire_after",
    "enabled_by_default",
    "entity_category",
    "qos",
    "device",
    "origin",
}
KEYS = {"sensor": BOTH | {"unit_of_measurement", "state_class"}, "binary_sensor": BOTH}
DEVICE_KEYS = {
    "identifiers",
    "name",
    "manufacturer",
    "model",
    "serial_number",
    "sw_version",
    "via_device",
}
UNITS = {
    "power": {"kW"},
    "energy": {"kWh"},
    "energy_storage": {"kWh"},
    "voltage": {"V"},
    "current": {"A", "mA"},
    "frequency": {"Hz"},
    "temperature": {"°C"},
    "irradiance": {"W/m²"},
    "duration": {"s", "h"},
    "wind_speed": {"m/s"},
    "atmospheric_pressure": {"hPa"},
    "precipitation": {"mm"},
    "data_size": {"MB"},
    "battery": {"%"},
    "humidity": {"%"},
    "power_factor": {None},
}
"""Units that the documentation names for a sensor's device class."""
POINTS = {
    "ac_power_kw": ("kW", "number"),
    "energy_total_kwh": ("kWh", "number"),
    "state": ("", "string"),
    "probe_1_c": ("°C", "number"),
}
INVERTER = DeviceMeta(
    "inverter",
    "acme-i50",
    "Acme",
    "I-50",
    "91",
    points=POINTS,
    title=Text("Acme inverter", "Acme 逆变器"),
    labels={"probe_1_c": Text("Probe 1", "探头1")},
    counters=frozenset({"energy_total_kwh"}),
    period_ms=20_000,
)
GATEWAY = DeviceMeta(
    "gateway",
    "gateway",
    "Maplebridge",
    "gateway",
    points={"mqtt_connected": ("", "bool"), "cpu_pct": ("%", "number")},
)


class Site:
    def __init__(self, devices=None, **discovery):
        self.devices = {"inv-1": INVERTER, "gateway": GATEWAY} if devices is None else devices
        topics = Topics("microgrid", "hall")
        inner = JsonFormat(topics, self.devices, boot="b1", version="0.1.0", since_ms=5)
        self.format = HomeAssistantFormat(
            inner, topics, self.devices, Discovery(**discovery), version="0.1.0"
        )

    def discovered(self):
        """Topic → document of what a new connection tells."""
        found = {}
        for message in self.format.birth(9, ()):
            if message.topic.endswith("/config"):
                assert (message.retain, message.qos) == (True, 1)
                found[message.topic] = json.loads(message.payload)
        return found

    def entity(self, point, device="inv-1"):
        (found,) = (d for t, d in self.discovered().items() if t.endswith(f"/{device}_{point}/config"))
        return found


def polled(values, faults=None, points=tuple(POINTS), *, late=False, reason=None):
    """A frame as it goes out."""
    frame = Frame("inv-1", "b1", 7, 5, 1_780_000_000_000, False, 3, points, values, faults or {}, reason)
    return json.loads(mqtt_json.readings(frame, late=late))


def rendered(template, document, state="running"):
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    return environment.from_string(template).render(value_json=document, this=SimpleNamespace(state=state))


def test_an_entity_is_told_with_its_class_unit_device_and_when_it_is_available():
    topics = Site().discovered()
    document = topics["homeassistant/sensor/maplebridge_hall/inv-1_ac_power_kw/config"]
    template = document.pop("value_template")
    assert rendered(template, polled((12.5, 99.0, "running", 1.0))) == "12.5"
    assert document == {
        "name": STANDARD["ac_power_kw"].label.en,
        "unique_id": "maplebridge_hall_inv-1_ac_power_kw",
        "default_entity_id": "sensor.hall_inv_1_ac_power_kw",
        "state_topic": "microgrid/hall/inv-1/readings",
        "device_class": "power",
        "unit_of_measurement": "kW",
        "state_class": "measurement",
        "expire_after": 100,
        "availability": [
            {"topic": topic, "value_template": document["availability"][0]["value_template"]}
            for topic in ("microgrid/hall/status", "microgrid/hall/inv-1/status")
        ],
        "availability_mode": "all",
        "qos": 1,
        "device": {
            "identifiers": ["maplebridge_hall_inv-1"],
            "name": "inv-1 (Acme inverter)",
            "manufacturer": "Acme",
            "model": "I-50",
            "serial_number": "91",
            "via_device": "maplebridge_hall_gateway",
        },
        "origin": {"name": "Maplebridge", "sw_version": "0.1.0"},
    }


def test_counters_only_rise_and_only_standard_points_are_shown_unasked():
    site = Site()
    assert site.entity("energy_total_kwh")["state_class"] == "total_increasing"
    assert "enabled_by_default" not in site.entity("energy_total_kwh")
    probe = site.entity("probe_1_c")
    assert (probe["name"], probe["enabled_by_default"]) == ("Probe 1", False)


def test_flags_are_binary_sensors_and_the_gateway_is_the_way_to_the_others():
    site = Site()
    connected = site.entity("mqtt_connected", "gateway")
    assert "homeassistant/binary_sensor/maplebridge_hall/gateway_mqtt_connected/config" in site.discovered()
    assert (connected["device_class"], connected["entity_category"]) == ("connectivity", "diagnostic")
    assert connected["device"]["sw_version"] == "0.1.0"
    assert "via_device" not in connected["device"]
    said = {"values": {"mqtt_connected": False}, "quality": {}}
    assert rendered(connected["value_template"], said) == "OFF"
    said["values"]["mqtt_connected"] = True
    assert rendered(connected["value_template"], said) == "ON"


def test_names_are_told_in_the_language_that_was_asked_for_and_ids_stay():
    site = Site(lang="zh", prefix="ha")
    probe = site.entity("probe_1_c")
    assert (probe["name"], probe["device"]["name"]) == ("探头1", "inv-1 (Acme 逆变器)")
    assert all(topic.startswith("ha/") for topic in site.discovered())
    assert probe["unique_id"] == Site().entity("probe_1_c")["unique_id"]


def test_every_standard_point_makes_a_message_of_documented_keys_classes_and_units():
    points = {name.replace("{n}", "1"): (point.unit, point.type) for name, point in STANDARD.items()}
    for topic, document in Site({"d-1": DeviceMeta("inverter", points=points)}).discovered().items():
        _, component, node, entity, _ = topic.split("/")
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", node + entity)
        assert document.keys() <= KEYS[component], topic
        assert document["device"].keys() <= DEVICE_KEYS
        found = document.get("device_class")
        if component == "sensor" and found:
            assert document.get("unit_of_measurement") in UNITS[found], topic
        if found == "energy":
            assert document["state_class"] == "total_increasing"
        assert ("state_class" in document) == (points[entity.removeprefix("d-1_")][1] == "number")


@pytest.mark.parametrize(
    ("said", "power", "state"),
    [
        pytest.param(polled((12.5, 9.0, "fault", 1.0)), "12.5", "fault", id="due and good"),
        pytest.param(polled((0.0, 9.0, "", 1.0)), "0.0", "", id="0 and an empty text are values"),
        pytest.param(
            polled((None, 9.0, None, 1.0), {0: Quality.BAD, 2: Quality.ABSENT}), "None", "None", id="not good"
        ),
        pytest.param(
            polled((5.0, 9.0, "x", 1.0), {0: Quality.UNCERTAIN}), "5.0", "x", id="uncertain has a value"
        ),
        pytest.param(polled((9.0,), points=("energy_total_kwh",)), "", "running", id="not due: as it was"),
        pytest.param(polled((7.0, 9.0, "off", 1.0), late=True), "", "running", id="late: as it was"),
        pytest.param(polled((None,) * 4, reason="timeout"), "", "running", id="a failed poll: as it was"),
    ],
)
def test_a_frame_changes_what_it_tells_and_nothing_else(said, power, state):
    site = Site()
    assert rendered(site.entity("ac_power_kw")["value_template"], said) == power
    assert rendered(site.entity("state")["value_template"], said) == state


@pytest.mark.parametrize("state", ["unknown", "unavailable"])
def test_a_text_that_was_never_told_stays_unknown(state):
    said = polled((9.0,), points=("energy_total_kwh",))
    assert rendered(Site().entity("state")["value_template"], said, state) == "None"


@pytest.mark.parametrize(
    ("state", "available"), [("online", "online"), ("unsure", "online"), ("offline", "offline")]
)
def test_a_device_is_available_until_it_is_offline(state, available):
    (template,) = {place["value_template"] for place in Site().entity("state")["availability"]}
    assert rendered(template, {"state": state}) == available


# ---- what is not there any more


def test_what_the_broker_keeps_of_a_device_or_point_that_is_gone_is_taken_back_with_the_next_frame():
    site = Site()
    assert "homeassistant/+/maplebridge_hall/+/config" in site.format.subscriptions
    kept = [
        "homeassistant/sensor/maplebridge_hall/inv-9_ac_power_kw/config",
        "homeassistant/sensor/maplebridge_hall/inv-1_dc_power_kw/config",
        "homeassistant/binary_sensor/maplebridge_hall/inv-1_ac_power_kw/config",
    ]
    for topic in [*kept, *site.discovered()]:
        assert site.format.heard(topic, b"{}") is Heard.NOTHING
    site.format.heard(kept[0].replace("inv-9", "inv-8"), b"")
    frame = Frame("inv-1", "b1", 7, 5, 9, False, 3, (), ())
    gone = [m for m in site.format.note(frame) if m.topic.endswith("/config")]
    assert [(m.topic, m.payload, m.retain) for m in gone] == [(topic, b"", True) for topic in kept]
    assert [m for m in site.format.note(frame) if m.topic.endswith("/config")] == []


def test_a_device_that_has_not_told_its_points_yet_keeps_its_entities():
    site = Site({"inv-1": DeviceMeta("inverter")})
    site.format.heard("homeassistant/sensor/maplebridge_hall/inv-1_ac_power_kw/config", b"{}")
    assert not site.format._stale
    site.devices["inv-1"] = INVERTER
    assert any(m.topic.endswith("inv-1_ac_power_kw/config") for m in site.format.device("inv-1"))


@pytest.mark.mosquitto
async def test_entities_of_a_removed_device_leave_the_broker(
    mosquitto, subscriber, running, feed, journal, until, tmp_path
):
    from agent.clock import SystemClock
    from gateway.sinks.config import MqttConfig
    from gateway.sinks.mqtt import MqttSink

    broker = mosquitto()
    block = MqttConfig(url=f"mqtt://127.0.0.1:{broker.port}", homeassistant=True)

    def sink(devices):
        return MqttSink(
            block,
            journal,
            SystemClock(boot=journal.boot),
            devices=devices,
            secrets=tmp_path,
            state=tmp_path,
            site="hall",
            version="0.1.0",
        )

    heard = subscriber(broker.port, "homeassistant/#")
    run = running(sink({"inv-1": INVERTER, "inv-2": INVERTER}))
    await until(lambda: len(heard.messages) == 2 * len(POINTS))
    await run.stop()
    running(sink({"inv-1": INVERTER}))
    await until(lambda: len(heard.messages) == 3 * len(POINTS))
    feed.frame()
    topics = [f"homeassistant/sensor/maplebridge_hall/inv-2_{point}/config" for point in POINTS]
    await until(lambda: all(heard.on(topic)[-1] is None for topic in topics))
    assert heard.last("homeassistant/sensor/maplebridge_hall/inv-1_state/config")["name"]
