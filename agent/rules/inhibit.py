"""Root causes: which alerts keep which others from being told, and why an alert is silent now."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from agent.rules.alert import Suppression
from agent.rules.bind import bus_of
from agent.rules.facts import DeviceFacts
from agent.rules.state import Phase
from agent.rules.watch import Watch


def link(watches: Iterable[Watch], devices: Mapping[str, DeviceFacts]) -> None:
    """Let every watch know its parents (inhibitors) and children."""
    by_rule: defaultdict[str, list[Watch]] = defaultdict(list)
    for watch in watches:
        by_rule[watch.rule.id].append(watch)
        watch.parents, watch.children = (), ()
    for watch in (w for group in by_rule.values() for w in group):
        for inhibitor in watch.rule.inhibited_by:
            for parent in by_rule.get(inhibitor.rule, ()):
                if _equal(devices[watch.device], devices[parent.device], inhibitor.equal):
                    watch.parents = (*watch.parents, parent)
                    parent.children = (*parent.children, watch)


def suppression(watch: Watch, ts_ms: int) -> Suppression | None:
    """Why the open alert of a watch is not annunciated: planned quiet, then a root cause, then a shelf."""
    for pause in watch.pauses:
        if pause.holds(ts_ms):
            return Suppression(pause.why, until_ms=pause.until_ms, reason=pause.reason, person=pause.by)
    for parent in watch.parents:
        if parent.life.alert is not None:
            return Suppression("inhibited", alert=parent.life.alert.id, reason=parent.rule.id)
    shelf = watch.life.shelf
    if shelf is not None and shelf.until_ms > ts_ms:
        return Suppression("shelved", until_ms=shelf.until_ms, reason=shelf.reason, person=shelf.by)
    return None


def may_be_inhibited_soon(watch: Watch) -> bool:
    """Whether a root cause is counting towards its own alert."""
    return any(parent.life.state.phase is Phase.PENDING for parent in watch.parents)


def _equal(a: DeviceFacts, b: DeviceFacts, labels: Iterable[str]) -> bool:
    """One engine is one site, so `site` is always equal."""
    for label in labels:
        if label == "bus" and (bus_of(a) is None or bus_of(a) != bus_of(b)):
            return False
        if label == "device" and a.id != b.id:
            return False
    return True
