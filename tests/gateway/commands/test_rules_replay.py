"""What the rules would have done: on a journal that a live engine has written, the same as it did."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from agent.clock import ManualClock
from agent.modbus.sunspec import assumed
from agent.reading import Frame, Quality, Value
from agent.rules.engine import Engine
from agent.rules.facts import Outcome
from gateway.commands.rules import app
from gateway.config import load_site
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.rules import site_facts

SITE = """
version: 1
site: {id: s1, name: {en: S, zh: 站}, timezone: Asia/Shanghai}
buses: [{id: lan, url: "tcp://127.0.0.1:502"}]
devices:
  - {id: meter-1, profile: eastron-sdm630, bus: lan, unit: 1, every: 10s}
  - {id: meter-2, profile: eastron-sdm630, bus: lan, unit: 2, every: 10s}
standard_rules: false
rules: [rules.yaml]
"""
RULES = """
version: 1
rules:
  - id: X-01
    title: {en: Frequency high, zh: 频率偏高}
    cause: {en: c, zh: 因}
    consequence: {en: q, zh: 果}
    action: {en: a, zh: 措}
    scope: {kind: meter}
    params: {hi: 50.5}
    when: frequency_hz > hi
    clear: frequency_hz < 50.3
    for: 30s
    clear_for: 30s
    severity: medium
    ticket: {kind: power_quality, team: station}
"""
START_MS = 1_780_000_000_000


class Past:
    """A site that was watched live; its journal stays."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site.yaml"
        self.site.write_text(SITE)
        (folder / "rules.yaml").write_text(RULES)
        self.clock = ManualClock(START_MS)
        self.raised: set[tuple[str, str, int]] = set()
        self._seq = count(1)

    async def live(self, minutes: float, hz: Callable[[int], Value | None], device: str = "meter-1") -> None:
        """Ten-second polls; `hz` gives the reading at a second, None for a bad one."""
        config = load_site(self.site)
        facts = site_facts(config.id, config.devices, config.buses, None, resolve=assumed)
        ids = count(1)
        engine = Engine(facts, config.rules, self.watches, lambda: f"{self.clock.utc_ms()}-{next(ids)}")
        for second in range(10, round(minutes * 60) + 1, 10):
            self.clock.advance(10_000)
            value = hz(second)
            faults = {0: Quality.BAD} if value is None else {}
            now_ms, mono_ms = self.clock.utc_ms(), self.clock.monotonic_ms()
            frame = Frame(device, self.clock.boot, next(self._seq), mono_ms, now_ms, False, 5, ("frequency_hz",), (value,), faults)  # fmt: skip
            self.journal.append(frame)
            self._keep(engine.on_frame(frame))
            self._keep(engine.on_tick(mono_ms, now_ms))
        await self.journal.commit()

    def _keep(self, outcome: Outcome) -> None:
        now_ms = self.clock.utc_ms()
        for alert in outcome.alerts:
            self.raised.add((alert.rule, alert.device, alert.since_ms))
        for key, data in outcome.watches.items():
            if data is not None:
                self.watches[key] = data
        bodies = [{"alert": alert.document()} for alert in outcome.alerts]
        self.journal.append_outcome(
            bodies, outcome.watches, mono_ms=self.clock.monotonic_ms(), ts_ms=now_ms, unsure=False
        )

    def replay(self, *more: str, lang: str = "en"):
        span = ["--from", "2026-05-01", "--to", "2026-07-01"]
        return CliRunner().invoke(app, ["replay", str(self.site), *span, *more, "--lang", lang])

    def document(self, *more: str) -> dict:
        result = self.replay("--json", *more)
        assert result.exit_code == 0, result.output
        return orjson.loads(result.stdout)


@pytest.fixture
async def past(tmp_path):
    past = Past(tmp_path)
    past.watches = {}
    past.journal = await Journal.open(tmp_path / "data", JournalConfig(), past.clock)
    yield past
    await past.journal.close()


def waves(second: int) -> float:
    return 51.0 if second % 600 >= 300 else 50.0


async def test_the_same_rules_do_the_same(past):
    await past.live(60, waves)
    document = past.document()
    assert {(a["rule"], a["device"], a["since"]) for a in document["alerts"]} == past.raised
    assert len(past.raised) == 6
    assert not any(alert["new"] for alert in document["alerts"])
    assert document["gone"] == []
    assert document["by_rule"] == {"X-01": 6}
    assert document["alerts"][0]["ticket"] == {"kind": "power_quality", "team": "station"}
    assert document["frames"] == 360


async def test_another_threshold_shows_what_would_be_new_and_what_gone(past):
    await past.live(30, lambda second: 51.0 if 300 <= second < 600 else 50.45 if second >= 1_200 else 50.0)
    assert len(past.raised) == 1
    rules = past.site.with_name("rules.yaml")
    rules.write_text(RULES.replace("hi: 50.5", "hi: 50.4"))
    document = past.document()
    assert [alert["new"] for alert in document["alerts"]] == [False, True]
    rules.write_text(RULES.replace("hi: 50.5", "hi: 55"))
    document = past.document()
    assert (document["alerts"], len(document["gone"])) == ([], 1)


async def test_while_the_gateway_was_off_no_time_passes(past):
    await past.live(5, lambda second: 51.0 if second > 290 else 50.0)
    past.clock.advance(3 * 3_600_000)
    await past.live(5, lambda _second: 50.0)
    document = past.document()
    assert document["alerts"] == [], "ten seconds above the limit, then three hours off: not thirty seconds"


async def test_bad_readings_freeze_as_they_did(past):
    await past.live(20, lambda second: None if 300 <= second < 320 else 51.0 if second >= 280 else 50.0)
    document = past.document()
    assert {(a["rule"], a["device"], a["since"]) for a in document["alerts"]} == past.raised


async def test_only_what_was_asked_for(past):
    await past.live(15, waves)
    assert past.document("--device", "meter-2")["alerts"] == []
    assert len(past.document("--rule", "X-01", "--device", "meter-1")["alerts"]) == 1


async def test_one_watch_is_drawn_with_its_limits_and_phases(past, tmp_path):
    await past.live(30, waves)
    shown = past.replay("--rule", "X-01", "--device", "meter-1", "--svg", str(tmp_path / "x.svg"))
    assert shown.exit_code == 0, shown.output
    assert "█" in shown.stdout
    assert "when > 50.5" in shown.stdout
    assert "clear < 50.3" in shown.stdout
    (phases,) = [
        line for line in shown.stdout.splitlines() if set(line.strip()) and set(line.strip()) <= set("pAc ")
    ]
    assert phases.count("A") > 20
    drawing = (tmp_path / "x.svg").read_text()
    assert "when &gt; 50.5" in drawing
    assert ">active<" in drawing


async def test_it_speaks_chinese(past):
    await past.live(15, waves)
    shown = past.replay(lang="zh").stdout
    assert "频率偏高" in shown
    assert "与当时相同:1;新增:0;不再出现:0" in shown
    assert "工单 power_quality → station" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rule", "X-99"), "there is no rule 'X-99'"),
        (("--device", "meter-9"), "the site has no device 'meter-9'"),
        (("--svg", "x.svg"), "draws one watch"),
        (("--from", "yesterday"), "'yesterday' is no time"),
        (("--from", "-3w"), "'-3w' is no time"),
        (("--from", "2026-08-01"), "--from is not before --to"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_remedy(past, arguments, said):
    result = past.replay(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


async def test_an_empty_time_says_so(past):
    assert "nothing was read" in past.replay().stdout


async def test_relative_times_count_from_now(past):
    assert past.replay("--from", "-30d", "--to", "2099-01-01").exit_code == 0


def test_without_a_journal_it_says_that_there_is_none(tmp_path):
    past = Past(tmp_path)
    result = past.replay()
    assert result.exit_code == 1
    assert "there is no journal yet" in result.stderr
