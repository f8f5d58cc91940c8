"""`maplebridge tickets list|show|act`: the site's tickets from the shell, beside a running gateway."""

import getpass
import sys
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

import orjson
import typer

from gateway.commands.failing import fail
from gateway.commands.language import LangOption, language
from gateway.commands.options import DataOption, JsonOption, SiteArgument, show

app = typer.Typer(
    help="List, show and act on tickets.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)

TicketArgument: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="the ticket's id or number")]
_ROLES = ("viewer", "inspector", "operator", "admin")
_WORDS = {
    "none": {"en": "no tickets", "zh": "没有工单"},
    "due": {"en": "due", "zh": "截止"},
    "team": {"en": "team", "zh": "班组"},
    "person": {"en": "person", "zh": "人员"},
    "devices": {"en": "devices", "zh": "设备"},
    "alerts": {"en": "alerts", "zh": "告警"},
    "allowed": {"en": "possible now", "zh": "可执行"},
    "audited": {
        "en": "{} tickets, {} events, {} files worked out again",
        "zh": "已复核 {} 张工单、{} 条记录、{} 个文件",
    },
    "code": {"en": "site code", "zh": "站点码"},
    "evidence": {"en": "evidence", "zh": "证据"},
}


@app.command("list")
def list_tickets(
    site: SiteArgument,
    *,
    state: str = typer.Option(
        "open", "--state", help="open (not archived, cancelled or merged), all, or one state"
    ),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """The site's tickets, the latest first."""
    from gateway.commands.desk import ask_desk, every, site_of
    from gateway.tickets.life import STATE_NAMES, State

    words, config = language(lang), site_of(site)
    states = ("open", "all", *(known.value for known in State))
    if state not in states:
        fail(2, f"--state {state} is not known; use one of {', '.join(states)}")
    items = ask_desk(config, data, words, lambda desk: every(desk.tickets, state=state), as_json=as_json)
    if as_json:
        show({"items": items})
        return
    if not items:
        print(_WORDS["none"][words])
    zone = ZoneInfo(config.file.site.timezone)
    for item in items:
        due = _due(item, zone, words)
        state_name = STATE_NAMES[State(item["state"])].in_(words)
        who = item["assignee"] or item["team"] or "-"
        parts = (
            item["number"] or item["id"],
            item["priority"],
            state_name,
            item["kind"],
            who,
            item["title"][words],
        )
        print("  ".join((*parts, *due)))


@app.command("show")
def show_ticket(
    site: SiteArgument,
    ticket: TicketArgument,
    *,
    site_code: bool = typer.Option(
        False, "--site-code", help="print the code that is posted at the site too"
    ),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """One ticket with its events and what may happen next."""
    from gateway.commands.desk import ask_desk, site_of
    from gateway.tickets.desk import Desk

    words, config = language(lang), site_of(site)

    async def asked(desk: Desk) -> dict[str, Any]:
        document = await desk.ticket(ticket)
        return {**document, "site_code": desk.site_code} if site_code else document

    document = ask_desk(config, data, words, asked, as_json=as_json)
    if as_json:
        show(document)
    else:
        _print(document, words, ZoneInfo(config.file.site.timezone))


@app.command("verify")
def verify_tickets(
    site: SiteArgument, *, data: DataOption = None, lang: LangOption = None, as_json: JsonOption = False
) -> None:
    """Work out all hashes of logs and evidence again. Exit 1 where something has been changed."""
    from gateway.commands.desk import ask_desk, site_of

    words = language(lang)
    found = ask_desk(site_of(site), data, words, lambda desk: desk.audit(), as_json=as_json)
    if as_json:
        show(found.document())
    else:
        print(_WORDS["audited"][words].format(found.tickets, found.events, found.files))
    for fault in found.faults:
        print(f"{fault.number or fault.ticket}: {fault.what}", file=sys.stderr)
    if found.faults:
        raise typer.Exit(1)


@app.command("act")
def act(
    site: SiteArgument,
    ticket: TicketArgument,
    event: str = typer.Argument(..., metavar="EVENT", help="such as accept, arrive, report, archive"),
    *,
    arguments: list[str] = typer.Option(
        [], "--arg", metavar="NAME=VALUE", help="an argument of the event; a.b=x goes inside a"
    ),
    json_arguments: str = typer.Option(
        "", "--json-args", metavar="JSON", help="all arguments as one JSON object"
    ),
    key: str = typer.Option("", "--key", help="the same key again does nothing a second time"),
    by: str = typer.Option("", "--by", metavar="NAME", help="who does it; default: the user of this shell"),
    role: str = typer.Option("operator", "--role", help="viewer, inspector, operator or admin"),
    data: DataOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do something with a ticket. Exit 1 with the reason where it is refused."""
    from gateway.commands.desk import ask_desk, site_of

    words, config = language(lang), site_of(site)
    if role not in _ROLES:
        fail(2, f"--role {role} is not known; use one of {', '.join(_ROLES)}")
    try:
        asked = {**_whole(json_arguments), **_single(arguments)}
    except ValueError as error:
        fail(2, str(error))
    wanted = {**asked, "event": event} | ({"key": key} if key else {})
    who = by or getpass.getuser()
    document = ask_desk(
        config,
        data,
        words,
        lambda desk: desk.act(ticket, wanted, by=who, role=role),
        as_json=as_json,
        with_rules=True,
    )
    if as_json:
        show(document)
    else:
        _print(document, words, ZoneInfo(config.file.site.timezone))


def _whole(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise ValueError(f"--json-args is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError('--json-args must be one object, such as {"person": "zhang"}')  # noqa: TRY004  # one kind of mistake, one error
    return value


def _single(arguments: list[str]) -> dict[str, Any]:
    """`a.b=1` → {"a": {"b": 1}}; a value that is JSON is taken as such, anything else as text."""
    result: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise ValueError(f"--arg {argument} is not NAME=VALUE; write --arg person=zhang")
        *path, last = name.split(".")
        inner = result
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"--arg {argument}: {part} has a value already; use --json-args")  # noqa: TRY004  # as above
        inner[last] = _value(text)
    return result


def _value(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value


def _due(ticket: dict[str, Any], zone: ZoneInfo, lang: str) -> tuple[str, ...]:
    running = [
        (clock["due"], name)
        for name, clock in ticket["clocks"].items()
        if clock["stopped"] is None and not clock["paused"] and clock["due"] is not None
    ]
    if not running:
        return ()
    due_ms, name = min(running)
    when = datetime.fromtimestamp(due_ms / 1_000, zone)
    return (f"{_WORDS['due'][lang]} {name} {when:%m-%d %H:%M}",)


def _print(ticket: dict[str, Any], lang: str, zone: ZoneInfo) -> None:
    from gateway.tickets.life import STATE_NAMES, State

    state = STATE_NAMES[State(ticket["state"])].in_(lang)
    print(f"{ticket['number'] or ticket['id']}  {ticket['title'][lang]}")
    print("  ".join((ticket["priority"], state, ticket["kind"], *_due(ticket, zone, lang))))
    facts = {
        "team": ticket["team"],
        "person": ticket["assignee"],
        "devices": ", ".join(ticket["devices"]),
        "alerts": ", ".join(ticket["alerts"]),
        "evidence": ", ".join(item["name"] for item in ticket["evidence"]),
        "code": ticket.get("site_code"),
        "allowed": ", ".join(ticket["allowed"]),
    }
    for name, value in facts.items():
        if value:
            print(f"{_WORDS[name][lang]}: {value}")
    for event in ticket["events"]:
        when = datetime.fromtimestamp(event["at"] / 1_000, zone)
        print(f"  {when:%Y-%m-%d %H:%M:%S}  {event['event']:<14} {event['by']}")
