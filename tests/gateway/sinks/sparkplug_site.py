"""A site as an edge node for the tests, fed frame by frame; its messages are read by the reference."""

from agent.reading import Frame, Quality, Text
from agent.rules.alert import Alert
from gateway.journal.record import Change
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.sparkplug import EdgeNode, SparkplugFormat
from tests.gateway.sinks.sparkplug_reference import read

NOW = 1_780_000_000_000
POINTS = ("ac_power_kw", "state", "insulation_ok")
META = DeviceMeta(
    "inverter",
    "sunspec-inverter",
    "Acme",
    "I-50",
    "91",
    points={
        "ac_power_kw": ("kW", "number"),
        "state": ("", "string"),
        "insulation_ok": ("", "bool"),
        "energy_total_kwh": ("kWh", "number"),
    },
)


class Node:
    """A format under test, its clock and the messages it made, read by the reference."""

    def __init__(self, *, host="", devices=None):
        self.now_ms = NOW
        self.births = iter(range(256))
        self.format = SparkplugFormat(
            EdgeNode("microgrid", "hall", host),
            {"inv-1": META} if devices is None else devices,
            boot="b1",
            version="0.1.0",
            now_ms=lambda: self.now_ms,
            next_birth=lambda: next(self.births),
        )
        self.seq = {}

    def read(self, messages):
        return [read(m.topic, m.payload, m.qos, m.retain) for m in messages]

    def will(self, *, fresh=True):
        (said,) = self.read([self.format.will(fresh=fresh)])
        return said

    def birth(self, alerts=()):
        return self.read(self.format.birth(self.now_ms, alerts))

    def start(self):
        self.will()
        return self.birth()

    def poll(self, device="inv-1", values=(12.5, "running", True), faults=None, **over):
        """A frame that was committed, as the sink hands it on."""
        self.now_ms += 1_000
        seq = self.seq[device] = self.seq.get(device, 0) + 1
        base = {"boot": "b1", "seq": seq, "mono_ms": 5, "ts_ms": self.now_ms, "unsure": False, "span_ms": 12}
        base |= {"points": POINTS, "values": values, "faults": faults or {}} | over
        frame = Frame(device, **base)
        self.format.note(frame)
        return frame

    def fail(self, device="inv-1", reason="timeout"):
        return self.poll(device, (None,) * 3, dict.fromkeys(range(3), Quality.BAD), reason=reason)

    def frame(self, frame, *, late=False):
        return self.read(self.format.frame(frame, late=late))

    def live(self, **facts):
        return self.frame(self.poll(**facts))


def alert(alert_id="a1", state="active"):
    return Alert(alert_id, "PV-01", "hall", "inv-1", None, state, "high", 5, None, Text("Warm", "热"))


def change(body, seq=1):
    return Change("b1", seq, 5, NOW + 5, unsure=False, body=body)


def aliases_of(node):
    """Of the inverter, by a birth of its own that leaves the numbers as they are."""
    names = ("ac_power_kw", "state", "insulation_ok", "Frame/Seq", "Frame/Reason", "Frame/Boot")
    return {name: node.format._aliases.of("inv-1", name) for name in names}
