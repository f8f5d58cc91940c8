"""The store: one ticket per subject whoever asks, nothing lost at a kill, a chain nobody can bend unseen."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agent.clock import ManualClock
from agent.reading import Text
from gateway.tickets.alert_books import Wanted
from gateway.tickets.ask import Ask, parse_ask
from gateway.tickets.books import Books, Cache, broken_link
from gateway.tickets.clerk import AlertChange, Clerk
from gateway.tickets.life import Act
from gateway.tickets.opening import Subject, opened
from gateway.tickets.place import DeskSite
from gateway.tickets.refusal import Refused
from gateway.tickets.store import Store, StoreError, StoreMissing, StoreTooNew

SITE = DeskSite("s1", ZoneInfo("Asia/Shanghai"))
INITDB = shutil.which("initdb") or next(iter(Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
SQLITE = "sqlite:///tickets.db"


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of our own."""
    if INITDB is None:
        pytest.skip("no PostgreSQL server here")
    folder = tmp_path_factory.mktemp("postgresql")
    folder.chmod(0o777)
    for above in folder.parents:
        if above.owner() == "root" and above.name.startswith(("pytest", "popen")):
            above.chmod(0o755)
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    bin_ = Path(os.path.realpath(INITDB)).parent if Path(INITDB).parent.name != "bin" else Path(INITDB).parent
    data = folder / "data"
    run = {
        "capture_output": True,
        "cwd": folder,
        "env": {**os.environ, "HOME": str(folder), "LC_ALL": "C"},
        **user,
    }
    subprocess.run([INITDB, "-D", data, "-U", "maple", "-A", "trust", "-N"], check=True, **run)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [bin_ / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=run["env"], **user,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            try:
                Store.open(f"postgresql://maple@127.0.0.1:{port}/postgres", folder).close()
                break
            except StoreError:
                time.sleep(0.1)
        yield f"postgresql://maple@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)


@pytest.fixture(params=[SQLITE, pytest.param("postgresql", marks=pytest.mark.database)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else request.param
    store = Store.open(url, tmp_path)
    if request.param == "postgresql":
        with store.writing() as connection:
            connection.execute(text("TRUNCATE alerts, alert_changes, tickets, ticket_events, outbox"))
    yield store
    store.close()


def clerk(store: Store) -> Clerk:
    return Clerk(store, SITE, rules={}.get, teams=(), checklists={}, clock=ManualClock())


def subject(key: str = "s1/x/Y/defect") -> Subject:
    return Subject(key, "defect", "s1", Text("x", "电"), "person", "P3", devices=("x",))


def alert(alert_id: str, state: str = "active") -> dict[str, object]:
    return {
        "id": alert_id, "rule": "X-01", "site": "s1", "device": "d", "channel": None, "state": state, "severity": "low",
        "since": 1, "until": None, "title": {"en": "x", "zh": "x"}, "values": {}, "acknowledged": None,
        "suppressed": None, "ticket": None,
    }  # fmt: skip


def all_tickets(store: Store) -> list[str]:
    with store.reading() as connection:
        return [f.ticket.id for f in Books(connection, Cache()).page_of_tickets(Wanted("all"), 1_000, None)]


def test_many_who_open_the_same_subject_get_one_ticket(store: Store):
    def open_it(number: int) -> str:
        return clerk_of_thread().open_by_person(subject(), key=f"k{number}", by="op", role="operator")

    def clerk_of_thread() -> Clerk:
        return clerk(store)

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(open_it, range(40)))
    assert list(ids) == all_tickets(store)


def test_the_database_itself_refuses_a_second_open_ticket_of_a_key(store: Store):
    keeper = clerk(store)
    keeper.open_by_person(subject(), key="k1", by="op", role="operator")
    first = opened(
        subject(), ticket_id="other", number=None, event_key="k2", by="op", role="operator", now_ms=1,
        timetable=SITE.timetable,
    )  # fmt: skip
    with pytest.raises(StoreError, match="refuses"), store.writing() as connection:
        Books(connection, Cache()).append(None, [first])
    assert len(all_tickets(store)) == 1


def test_the_same_key_twice_changes_nothing(store: Store):
    keeper = clerk(store)
    ticket = keeper.open_by_person(subject(), key="k1", by="op", role="operator")
    for _ in range(3):
        keeper.act(
            ticket, parse_ask({"event": "dispatch", "team": "t", "key": "k2"}, by="op", role="operator")
        )
    with store.reading() as connection:
        folder = Books(connection, Cache()).folder(ticket)
    assert folder is not None
    assert [e.act for e in folder.events] == [Act.OPEN, Act.DISPATCH]


def test_what_is_refused_leaves_nothing_behind(store: Store):
    keeper = clerk(store)
    ticket = keeper.open_by_person(subject(), key="k1", by="op", role="operator")
    with pytest.raises(Refused):
        keeper.act(ticket, parse_ask({"event": "archive"}, by="op", role="operator"))
    with store.reading() as connection:
        assert len(Books(connection, Cache()).hashes(ticket)) == 1


def test_a_changed_event_breaks_the_chain(store: Store):
    keeper = clerk(store)
    ticket = keeper.open_by_person(subject(), key="k1", by="op", role="operator")
    for n in range(3):
        keeper.act(ticket, Ask(Act.COMMENT, "op", "operator", f"c{n}", {"text": f"note {n}"}))
    with store.reading() as connection:
        assert broken_link(Books(connection, Cache()).hashes(ticket)) is None
    with store.writing() as connection:
        connection.execute(
            text("UPDATE ticket_events SET document = replace(document, 'note 1', 'note X') WHERE seq = 3")
        )
    with store.reading() as connection:
        assert broken_link(Books(connection, Cache()).hashes(ticket)) == 3


def test_alerts_and_the_place_in_the_journal_are_kept_together(store: Store):
    keeper = clerk(store)
    keeper.take([AlertChange(7, 100, alert("a1")), AlertChange(9, 200, alert("a1", "cleared"))], 12)
    keeper.take([AlertChange(7, 100, alert("a1"))], 12)
    assert keeper.cursor() == 12
    with store.reading() as connection:
        entry = Books(connection, Cache()).alert("a1")
    assert entry is not None
    assert (entry.document["state"], entry.clear_since_ms) == ("cleared", 200)


def test_a_second_opening_finds_the_same_store(tmp_path: Path):
    first = Store.open(SQLITE, tmp_path)
    first.close()
    again = Store.open(SQLITE, tmp_path, create=False)
    assert again.id == first.id
    assert clerk(again).site_code == SITE.id
    again.close()


def test_a_missing_store_is_not_made_for_a_question(tmp_path: Path):
    with pytest.raises(StoreMissing, match="no tickets yet"):
        Store.open(SQLITE, tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_store_is_left_alone(tmp_path: Path):
    store = Store.open(SQLITE, tmp_path)
    with store.writing() as connection:
        connection.execute(text("UPDATE desk_meta SET value = '99' WHERE key = 'schema'"))
    store.close()
    with pytest.raises(StoreTooNew, match="schema 99"):
        Store.open(SQLITE, tmp_path)


def test_garbage_in_its_place_is_said(tmp_path: Path):
    (tmp_path / "tickets.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(SQLITE, tmp_path)


CHILD = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from zoneinfo import ZoneInfo
    from agent.clock import ManualClock
    from agent.document import parse
    from agent.rules.rule_file import read_rules
    from gateway.tickets.clerk import AlertChange, Clerk
    from gateway.tickets.place import DeskSite
    from gateway.tickets.store import Store

    data, alert = Path(sys.argv[1]), eval(sys.argv[2])
    rule, = read_rules(parse(Path(data / "rule.yaml").read_text(), "rule.yaml"))
    store = Store.open("sqlite:///tickets.db", data)
    clerk = Clerk(store, DeskSite("s1", ZoneInfo("UTC")), rules={rule.id: rule}.get, teams=(), checklists={}, clock=ManualClock())
    print("ready", flush=True)
    for position in range(clerk.cursor() + 1, 200):
        clerk.take([AlertChange(position, position, {**alert, "id": f"a{position // 10}"})], position)
        clerk.tick()
        print(position, flush=True)
    """
)
RULE = """
version: 1
rules:
  - id: X-01
    title: {en: x, zh: x}
    cause: {en: x, zh: x}
    consequence: {en: x, zh: x}
    action: {en: x, zh: x}
    scope: {kind: battery}
    when: cell_temperature_max_c >= 45
    severity: medium
    ticket: {kind: inspection, team: station}
"""


def test_killed_at_any_moment_every_alert_has_exactly_one_ticket(tmp_path: Path):
    (tmp_path / "rule.yaml").write_text(RULE)
    said = 0
    for round_ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), repr(alert("a"))], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.003 * round_)
        if round_ == 7:  # at the latest now something has been said
            said = max(said, int(child.stdout.readline()))
        child.kill()
        heard = [int(line) for line in child.communicate()[0].splitlines() if line.strip().isdigit()]
        said = max([said, *heard])
    store = Store.open(SQLITE, tmp_path)
    keeper = clerk(store)
    assert keeper.cursor() >= said
    with store.reading() as connection:
        books = Books(connection, Cache())
        folders = books.page_of_tickets(Wanted("all"), 1_000, None)
        entries = books.open_alerts()
        for folder in folders:
            assert broken_link(books.hashes(folder.ticket.id)) is None
    assert len(folders) == 1
    assert sorted(folders[0].ticket.alerts) == sorted(entry.id for entry in entries)
    assert {entry.ticket for entry in entries} == {folders[0].ticket.id}
    store.close()
