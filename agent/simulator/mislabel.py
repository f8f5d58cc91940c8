"""Faults of what a reply says: its content and its labels, before it is put into bytes. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from agent.simulator.fault import Acting, Fault
from agent.simulator.reply import Reply


@dataclass(slots=True)
class Past:
    """What a unit has said before.

    Args:
        last: the frame of its last reply.
        first: request → what it said the first time.
    """

    last: bytes = b""
    first: dict[bytes, bytes] = field(default_factory=dict)

    def remember(self, reply: Reply) -> None:
        self.last = reply.framed()
        self.first.setdefault(reply.request, reply.pdu)


Mislabel = Callable[[Reply, Fault, Past], Reply | None]
"""None: the unit says nothing."""


def mislabelled(reply: Reply, acting: Acting, past: Past) -> Reply | None:
    """The reply as the fault leaves it, unchanged by faults that are none of this module's."""
    spoil = MISLABELS.get(acting.fault.do)
    return reply if spoil is None else spoil(reply, acting.fault, past)


def _refused(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, pdu=bytes((reply.request[0] | 0x80, fault.code)))


def _refused_other(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, pdu=bytes((_other(reply.request[0]) | 0x80, fault.code)))


def _with_other_function(reply: Reply) -> Reply:
    return replace(reply, pdu=bytes((_other(reply.pdu[0]),)) + reply.pdu[1:])


def _other(function: int) -> int:
    return 3 if function == 4 else 4


def _from_other_unit(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, unit=reply.unit % 247 + 1 if fault.unit is None else fault.unit)


def _for_other_transaction(reply: Reply) -> Reply:
    number = reply.transaction
    return reply if number is None else replace(reply, transaction=number + 1 & 0xFFFF)


def _with_data(reply: Reply, data: bytes, said: int | None = None) -> Reply:
    """With other data bytes; a refusal has none and stays."""
    if reply.pdu[0] & 0x80:
        return reply
    size = len(data) if said is None else said
    return replace(reply, pdu=bytes((reply.pdu[0], size & 0xFF)) + data)


def _shorter(reply: Reply, fault: Fault) -> Reply:
    return _with_data(reply, reply.pdu[2 : -2 * fault.registers])


def _longer(reply: Reply, fault: Fault) -> Reply:
    return _with_data(reply, reply.pdu[2:] + reply.pdu[-2:] * fault.registers)


def _lying(reply: Reply, fault: Fault) -> Reply:
    return _with_data(reply, reply.pdu[2:], len(reply.pdu) - 2 + 2 * fault.registers)


def _odd(reply: Reply) -> Reply:
    return _with_data(reply, reply.pdu[2:-1])


def _filled(reply: Reply, fault: Fault) -> Reply:
    return _with_data(reply, fault.word.to_bytes(2) * ((len(reply.pdu) - 2) // 2))


def _stale(reply: Reply, past: Past) -> Reply:
    return replace(reply, pdu=past.first.get(reply.request, reply.pdu))


MISLABELS: Mapping[str, Mislabel] = {
    "dead": lambda _reply, _fault, _past: None,
    "refuse": lambda reply, fault, _past: _refused(reply, fault),
    "refuse_other": lambda reply, fault, _past: _refused_other(reply, fault),
    "wrong_function": lambda reply, _fault, _past: _with_other_function(reply),
    "wrong_unit": lambda reply, fault, _past: _from_other_unit(reply, fault),
    "wrong_transaction": lambda reply, _fault, _past: _for_other_transaction(reply),
    "wrong_protocol": lambda reply, _fault, _past: replace(reply, protocol=1),
    "wrong_length": lambda reply, fault, _past: replace(reply, length=fault.length),
    "short_count": lambda reply, fault, _past: _shorter(reply, fault),
    "long_count": lambda reply, fault, _past: _longer(reply, fault),
    "lying_count": lambda reply, fault, _past: _lying(reply, fault),
    "odd_count": lambda reply, _fault, _past: _odd(reply),
    "fill": lambda reply, fault, _past: _filled(reply, fault),
    "stale": lambda reply, _fault, past: _stale(reply, past),
}
