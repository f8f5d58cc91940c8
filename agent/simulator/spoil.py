"""The one way from a good reply to the wire: through the faults of its unit, in their order. Pure."""

from collections.abc import Sequence

from agent.simulator.disturb import disturbed
from agent.simulator.fault import Acting
from agent.simulator.mislabel import Past, mislabelled
from agent.simulator.reply import Piece, Reply, Sending


def spoilt(good: Reply, faults: Sequence[Acting], past: Past) -> Sending | None:
    """What the faults make of a reply; None for silence. `past` then knows the good reply."""
    met = [acting for acting in faults if acting.meets(good.request)]
    reply: Reply | None = good
    for acting in met:
        if reply is not None:
            reply = mislabelled(reply, acting, past)
    sending = None
    if reply is not None:
        sending = Sending((Piece(reply.framed()),))
        for acting in met:
            sending = disturbed(sending, acting, reply, past)
    past.remember(good)
    return sending
