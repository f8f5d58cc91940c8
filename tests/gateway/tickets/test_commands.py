"""`alerts` and `tickets` from the shell, beside a running desk on the same store."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from agent.clock import SystemClock
from agent.reading import Text
from agent.rules.alert import Alert
from gateway.commands import _app
from gateway.config import load_site
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.rules import load_rules
from gateway.site_facts import desk_site
from gateway.tickets.checklist import load_checklists
from gateway.tickets.desk import Desk

SITE = """
version: 1
site: {id: s1, name: {en: S, zh: 站}}
buses: [{id: lan, url: "tcp://127.0.0.1:502"}]
devices: [{id: bat-1, profile: sunspec-storage, bus: lan, unit: 1}]
standard_rules: false
rules: [rules.yaml]
teams: [{id: station, name: {en: Station, zh: 供电所}, members: [{id: zhang, name: Zhang}]}]
"""


RULES = (Path(__file__).parents[2] / "data/rules/cell-warm.yaml").read_text()


class TrustedClock(SystemClock):
    """This machine may have no time server; the ticket's number waits for one."""

    def trusted(self) -> bool:
        return True


class Running:
    """A gateway's journal and desk, working on in a thread of their own."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site.yaml"
        self.site.write_text(SITE)
        (folder / "rules.yaml").write_text(RULES)
        self._data = folder / "data"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.acts: list[tuple[str, ...]] = []

    async def _run(self) -> None:
        config, folder = load_site(self.site), self.site.parent
        clock = TrustedClock()
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        journal = await Journal.open(self._data, JournalConfig(), clock)
        desk = await Desk.open(
            store_url=config.file.tickets.store, data=self._data, site=desk_site(config), rules=load_rules([folder / "rules.yaml"], standard=False).rules,
            teams=config.file.teams, clock=clock, journal=journal, checklists=load_checklists(),
        )  # fmt: skip
        desk.alert_port = self
        now_ms = clock.utc_ms()
        alert = Alert(
            id="a1", rule="BAT-01", site="s1", device="bat-1", channel=None, state="active", severity="medium",
            since_ms=now_ms, until_ms=None, title=Text("Cell warm", "电芯偏热"), values={"cell_temperature_max_c": 46.2},
        )  # fmt: skip
        body = {"alert": alert.document()}
        journal.append_outcome([body], {}, mono_ms=clock.monotonic_ms(), ts_ms=now_ms, unsure=False)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.run()), group.create_task(desk.run())]
            while not (await desk.tickets()).items:
                await asyncio.sleep(0.01)
            self._ready.set()
            await self._stop.wait()
            for task in reversed(tasks):
                task.cancel()
        await desk.close()
        await journal.close()

    async def acknowledge(self, alert_id: str, by: str) -> None:
        self.acts.append(("acknowledge", alert_id, by))

    async def reset_latch(self, alert_id: str, by: str) -> None:
        self.acts.append(("reset_latch", alert_id, by))

    async def attach_ticket(self, alert_id: str, ticket_id: str) -> None:
        self.acts.append(("attach_ticket", alert_id, ticket_id))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("site"))
    running.start()
    yield running
    running.stop()


def run(running: Running, *arguments: str, lang: str = "en") -> Result:
    command, *rest = arguments
    verb = [] if command == "alerts" else [rest.pop(0)]
    return CliRunner().invoke(_app, [command, *verb, str(running.site), *rest, "--lang", lang])


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_alerts_and_tickets_are_listed(running: Running):
    (alert,) = answer(run(running, "alerts", "--json"))["items"]
    (ticket,) = answer(run(running, "tickets", "list", "--json"))["items"]
    assert (alert["id"], alert["ticket"]) == ("a1", ticket["id"])
    assert ticket["checklist"]["id"] == "CL-BAT-A"
    shown = answer(run(running, "tickets", "show", ticket["number"], "--json"))
    assert shown["id"] == ticket["id"]
    assert "site_code" not in shown
    assert "电芯偏热" in run(running, "alerts", lang="zh").stdout
    assert "已派单" in run(running, "tickets", "list", lang="zh").stdout
    assert "possible now: " in run(running, "tickets", "show", ticket["id"]).stdout
    assert answer(run(running, "tickets", "list", "--state", "archived", "--json")) == {"items": []}
    assert run(running, "tickets", "list", "--state", "archived").stdout == "no tickets\n"


def test_the_alarm_load_is_told_in_both_languages(running: Running):
    load = answer(run(running, "alerts", "--statistics", "--json"))
    assert load["alarms"] == load["standing"] == 1
    assert "ISA-18.2" in run(running, "alerts", "--statistics").stdout
    shown = run(running, "alerts", "--statistics", lang="zh").stdout
    assert "告警 1 次" in shown
    assert "电芯偏热" in shown


def test_a_ticket_is_worked_on_beside_the_running_desk(running: Running):
    (ticket,) = answer(run(running, "tickets", "list", "--json"))["items"]
    number = ticket["number"]
    code = answer(run(running, "tickets", "show", number, "--site-code", "--json"))["site_code"]
    act = ("tickets", "act", number)
    assert (
        answer(run(running, *act, "accept", "--arg", "person=zhang", "--by", "zhang", "--json"))["state"]
        == "accepted"
    )
    wrong = run(running, *act, "arrive", "--arg", "code=XXXXXX", "--by", "zhang")
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("The site code does not match")
    assert answer(run(running, *act, "arrive", "--arg", f"code={code}", "--json"))["state"] == "on_site"
    safe = ("--arg", "safety.isolated=true", "--arg", "safety.gas_quiet=true")
    assert answer(run(running, *act, "start", *safe, "--json"))["state"] == "in_progress"
    refused = run(running, *act, "archive", "--json")
    problem = json.loads(refused.stdout)
    assert refused.exit_code == 1
    assert (problem["status"], problem["guard"]) == (409, "alert_still_active")
    assert problem["detail"] == "still 46.2 °C, needs <= 42 for 10 min"
    assert len(refused.stderr.splitlines()) == 1
    assert "仍未恢复" in run(running, *act, "archive", lang="zh").stderr
    for _ in range(100):
        if ("acknowledge", "a1", "zhang") in running.acts:
            break
        threading.Event().wait(0.05)
    assert running.acts.count(("acknowledge", "a1", "zhang")) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("tickets", "show", "T-nothing"), 1, "there is no ticket T-nothing"),
        (("tickets", "act", "T-nothing", "archive"), 1, "there is no ticket T-nothing"),
        (("tickets", "act", "x", "explode"), 2, "use one of dispatch"),
        (("tickets", "act", "x", "accept", "--arg", "zhang"), 2, "--arg person=zhang"),
        (("tickets", "act", "x", "accept", "--json-args", "[1]"), 2, "must be one object"),
        (("tickets", "act", "x", "accept", "--json-args", "{"), 2, "is not JSON"),
        (("tickets", "act", "x", "accept", "--role", "king"), 2, "--role king"),
        (("tickets", "list", "--state", "lost"), 2, "--state lost"),
        (("alerts", "--state", "lost"), 2, "--state lost"),
    ],
)
def test_mistakes_get_one_clear_line(running: Running, arguments: tuple[str, ...], code: int, says: str):
    result = run(running, *arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_viewer_may_not_act(running: Running):
    (ticket,) = answer(run(running, "tickets", "list", "--json"))["items"]
    result = run(running, "tickets", "act", ticket["id"], "comment", "--arg", "text=hi", "--role", "viewer")
    assert result.exit_code == 1
    assert "viewer may not comment" in result.stderr


def test_a_site_that_never_ran_is_said(tmp_path: Path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "rules.yaml").write_text(RULES)
    result = CliRunner().invoke(_app, ["alerts", str(tmp_path / "site.yaml"), "--json"])
    assert result.exit_code == 1
    assert "has the gateway run" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "data").exists()


def test_a_faulty_site_file_is_exit_2(tmp_path: Path):
    (tmp_path / "site.yaml").write_text("version: 1\n")
    result = CliRunner().invoke(_app, ["tickets", "list", str(tmp_path / "site.yaml")])
    assert result.exit_code == 2
    assert "site.yaml:" in result.stderr


def test_what_was_changed_behind_the_desks_back_is_found(tmp_path: Path):
    running = Running(tmp_path)
    running.start()
    try:
        while not list(tmp_path.glob("data/evidence/*/opening-manifest.json")):
            time.sleep(0.05)
    finally:
        running.stop()
    found = answer(run(running, "tickets", "verify", "--json"))
    assert (found["tickets"], found["files"], found["faults"]) == (1, 5, [])
    assert "已复核 1 张工单" in run(running, "tickets", "verify", lang="zh").stdout
    (chart,) = tmp_path.glob("data/evidence/*/opening-chart.svg")
    chart.write_text(chart.read_text() + " ")
    (words,) = tmp_path.glob("data/evidence/*/opening-raw.jsonl")
    words.unlink()
    changed = run(running, "tickets", "verify")
    assert changed.exit_code == 1
    assert "its file opening-chart.svg has been changed" in changed.stderr
    assert "its file opening-raw.jsonl cannot be read" in changed.stderr
    with closing(sqlite3.connect(tmp_path / "data/tickets.db")) as store, store:
        store.execute("UPDATE ticket_events SET document = replace(document, 'desk', 'dusk') WHERE seq = 2")
    assert "event 2 of its log has been changed" in run(running, "tickets", "verify").stderr
