"""What the console hears of acts on alerts that the rules no longer hold."""

import pytest

from agent.clock import ManualClock
from agent.rules.engine import Engine
from agent.rules.facts import SiteFacts
from agent.rules.rule import RuleSet
from gateway.console.ports import ActRefused, UnknownObject
from gateway.site_console import AlertDesk


async def _story(alert_id: str) -> dict[str, str]:
    if alert_id != "ended":
        raise UnknownObject(alert_id)
    return {"state": "cleared"}


@pytest.fixture
def acts() -> AlertDesk:
    engine = Engine(SiteFacts("hall", ()), RuleSet(), {}, lambda: "a1")
    return AlertDesk(lambda: engine, ManualClock(), lambda _outcome: None, _story, "HALL")


async def test_an_ended_alert_refuses_and_is_not_unknown(acts):
    with pytest.raises(ActRefused) as refused:
        await acts.acknowledge("ended", by="op")
    assert refused.value.members == {"guard": "alert_ended"}
    with pytest.raises(UnknownObject):
        await acts.unshelve("never", by="op")
