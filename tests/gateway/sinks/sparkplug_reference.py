"""Sparkplug payloads read and written by Google's own protobuf, from the specification's field numbers.

Source: Eclipse Sparkplug specification 3.0.0, chapter 6, "Google Protocol Buffer Schema".
"""

from dataclasses import dataclass

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto
_PAYLOAD = {
    "PropertyValue": [
        (1, "type", F.TYPE_UINT32),
        (2, "is_null", F.TYPE_BOOL),
        (3, "int_value", F.TYPE_UINT32),
        (4, "long_value", F.TYPE_UINT64),
        (6, "double_value", F.TYPE_DOUBLE),
        (7, "boolean_value", F.TYPE_BOOL),
        (8, "string_value", F.TYPE_STRING),
    ],
    "PropertySet": [(1, "keys", F.TYPE_STRING, True), (2, "values", "PropertyValue", True)],
    "Metric": [
        (1, "name", F.TYPE_STRING),
        (2, "alias", F.TYPE_UINT64),
        (3, "timestamp", F.TYPE_UINT64),
        (4, "datatype", F.TYPE_UINT32),
        (5, "is_historical", F.TYPE_BOOL),
        (6, "is_transient", F.TYPE_BOOL),
        (7, "is_null", F.TYPE_BOOL),
        (9, "properties", "PropertySet"),
        (10, "int_value", F.TYPE_UINT32),
        (11, "long_value", F.TYPE_UINT64),
        (12, "float_value", F.TYPE_FLOAT),
        (13, "double_value", F.TYPE_DOUBLE),
        (14, "boolean_value", F.TYPE_BOOL),
        (15, "string_value", F.TYPE_STRING),
        (16, "bytes_value", F.TYPE_BYTES),
    ],
    "Payload": [
        (1, "timestamp", F.TYPE_UINT64),
        (2, "metrics", "Metric", True),
        (3, "seq", F.TYPE_UINT64),
        (4, "uuid", F.TYPE_STRING),
        (5, "body", F.TYPE_BYTES),
    ],
}
_VALUES = (
    "int_value",
    "long_value",
    "float_value",
    "double_value",
    "boolean_value",
    "string_value",
    "bytes_value",
)


def _classes():
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package="reference", syntax="proto2")
    for name, fields in _PAYLOAD.items():
        message = file.message_type.add(name=name)
        for number, field, kind, *repeated in fields:
            label = F.LABEL_REPEATED if repeated else F.LABEL_OPTIONAL
            if isinstance(kind, str):
                message.field.add(
                    name=field,
                    number=number,
                    label=label,
                    type=F.TYPE_MESSAGE,
                    type_name=f".reference.{kind}",
                )
            else:
                message.field.add(name=field, number=number, label=label, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("reference.Payload"))


Payload = _classes()
DOUBLE, BOOLEAN, STRING, INT64, INT32 = 10, 11, 12, 4, 3


@dataclass
class Said:
    """One message, read: `metrics` in order, `by` them by name (or alias where they have no name)."""

    topic: str
    payload: object
    qos: int = 0
    retain: bool = False

    def __post_init__(self):
        *_, self.kind, self.node = self.topic.split("/")[:4]
        self.device = [*self.topic.split("/"), ""][4]
        self.seq = self.payload.seq if self.payload.HasField("seq") else None
        self.metrics = list(self.payload.metrics)
        self.by = {metric.name or metric.alias: metric for metric in self.metrics}

    def value(self, called):
        return value_of(self.by[called])


def read(topic, payload, qos=0, retain=False) -> Said:
    """Raises if the bytes are no payload, or hold fields that the schema does not know."""
    message = Payload.FromString(payload)
    assert not _unknown(message), f"fields that the schema does not know in {payload!r}"
    return Said(topic, message, qos, retain)


def _unknown(message) -> bool:
    again = Payload()
    again.CopyFrom(message)
    again.DiscardUnknownFields()
    return again.SerializeToString(deterministic=True) != message.SerializeToString(deterministic=True)


def value_of(metric):
    """None where it has none; exactly one kind of value otherwise."""
    held = [name for name in _VALUES if metric.HasField(name)]
    if metric.is_null:
        assert not held, f"null and {held}"
        return None
    assert len(held) == 1, f"{metric}"
    value = getattr(metric, held[0])
    if held[0] == "long_value" and value >= 1 << 63:
        return value - (1 << 64)
    return value


def properties(metric) -> dict[str, object]:
    said = metric.properties
    assert len(said.keys) == len(said.values)
    return {
        key: value.string_value if value.type == STRING else value.int_value
        for key, value in zip(said.keys, said.values, strict=True)
    }


def command(name="Node Control/Rebirth", value=True) -> bytes:
    """What a host sends to ask for something."""
    asked = Payload(timestamp=1)
    metric = asked.metrics.add(name=name, timestamp=1)
    if isinstance(value, bool):
        metric.boolean_value = value
    else:
        metric.double_value = value
    return asked.SerializeToString()
