"""How an alert came about, for people and for the evidence of its ticket."""

from typing import Any

from agent.quantity import duration_text
from agent.rules.watch import Watch


def story_of(watch: Watch) -> dict[str, Any]:
    """The rule as written and its hash, the parameters that hold here, inputs with quality, the episode."""
    rule, life = watch.rule, watch.life
    return {
        "alert": None if life.alert is None else life.alert.document(),
        "phase": str(life.state.phase),
        "rule": {
            "id": rule.id,
            "hash": rule.hash,
            "file": rule.file,
            "title": rule.title.document(),
            "cause": rule.cause.document(),
            "consequence": rule.consequence.document(),
            "action": rule.action.document(),
            "when": rule.when.text,
            "clear": None if rule.clear is None else rule.clear.text,
            "only_if": None if rule.only_if is None else rule.only_if.text,
            "for": duration_text(watch.timing.for_ms),
            "clear_for": duration_text(watch.timing.clear_for_ms),
            "latch": rule.latch,
            "source": rule.source,
        },
        "params": dict(watch.params),
        "inputs": {entry.name: {"value": entry.read(), "quality": entry.quality()} for entry in watch.inputs},
        "timeline": list(life.story),
    }
