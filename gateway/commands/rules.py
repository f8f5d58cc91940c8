"""`maplebridge rules test|list`: do the rules do what they say, and what do they watch here?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from agent.document import DocumentError, Fault
from agent.modbus.sunspec import assumed
from agent.profile import Profile
from agent.rules.engine import Engine
from agent.rules.facts import BindingReport
from agent.rules.rule import Rule
from agent.rules.rule_file import read_rules
from agent.rules.vectors import Verdict, run_tests
from gateway.commands.failing import exits
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, SiteArgument, UnusedDataOption, show
from gateway.commands.rules_replay import replay
from gateway.config import load_site
from gateway.profiles import read_document
from gateway.rules import load_rules, profile_points, rule_files, shipped_rule_files, site_facts

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Test the rules, list what they watch.",
)

_TEXTS = {
    "passed": {
        "en": "{tests} tests of {rules} rules passed",
        "zh": "{rules} 条规则的 {tests} 个测试均通过",
    },
    "failed": {"en": "{failed} of {tests} tests failed", "zh": "{tests} 个测试中有 {failed} 个未通过"},
    "bound": {"en": "watches", "zh": "已绑定"},
    "unbound": {"en": "NOT BOUND: {reason}", "zh": "未绑定:{reason}"},
    "channel": {"en": "channel {channel}", "zh": "通道 {channel}"},
    "none": {"en": "no device of its scope", "zh": "站内无适用设备"},
    "untested": {"en": "{rule}: has no tests", "zh": "{rule}:没有测试"},
}


@app.command("test")
def run_rule_tests(
    files: list[Path] | None = typer.Argument(
        None, metavar="[FILE...]", help="rule files or folders; all shipped ones without"
    ),
    *,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Run the rules' own tests. Exit 1 when one fails, 2 when a file cannot be read."""
    words = _Words(lang)
    verdicts: list[tuple[str, Verdict]] = []
    faults: list[Fault] = []
    untested: list[str] = []
    for path in rule_files(files) if files else shipped_rule_files():
        try:
            rules = read_rules(read_document(path), profile_points(path.parent))
        except DocumentError as error:
            faults += error.faults
            continue
        for rule in rules:
            verdicts += [(str(path), verdict) for verdict in run_tests(rule)]
            untested += [] if rule.tests else [rule.id]
    failed = [verdict for _, verdict in verdicts if not verdict.ok]
    if as_json:
        show(_report(verdicts, faults, untested))
    else:
        for fault in faults:
            print(fault, file=sys.stderr)
        for path_text, verdict in verdicts:
            mark = "ok  " if verdict.ok else "FAIL"
            print(f"{mark} {verdict.rule} {verdict.test}")
            if not verdict.ok:
                print(f"{path_text}: {verdict.rule}: {verdict.test}: {verdict.difference()}", file=sys.stderr)
        for rule_id in untested:
            print(words.say("untested", rule=rule_id))
        tested = len({verdict.rule for _, verdict in verdicts})
        key = "failed" if failed else "passed"
        if verdicts:
            print(words.say(key, tests=len(verdicts), rules=tested, failed=len(failed)))
    raise typer.Exit(2 if faults else 1 if failed else 0)


app.command("replay")(replay)


@app.command("list")
def list_(
    site: SiteArgument,
    *,
    _data: UnusedDataOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Which rule watches which device, and why one does not.

    A SunSpec device says only on the wire what it has; here its profile's assumption counts.
    """
    words = _Words(lang)
    with exits():
        config = load_site(site)
        own = [config.folder / name for name in config.file.rules]
        rules = load_rules(own, standard=config.file.standard_rules)
    facts = site_facts(config.id, config.devices, config.buses, None, resolve=_assumed)
    engine = Engine(facts, rules, {}, lambda: "")
    by_rule: dict[str, list[BindingReport]] = {rule.id: [] for rule in rules}
    for report in engine.bindings():
        by_rule[report.rule].append(report)
    if as_json:
        show({"rules": [_rule_document(rule, by_rule[rule.id]) for rule in rules]})
        return
    for rule in rules:
        print(f"{rule.id} {rule.title.in_(words.lang)} [{rule.severity}]")
        for report in by_rule[rule.id]:
            where = report.device
            if report.channel is not None:
                where += f" {words.say('channel', channel=report.channel)}"
            print(f"  {where}: {words.say('bound' if report.bound else 'unbound', reason=report.reason)}")
        if not by_rule[rule.id]:
            print(f"  {words.say('none')}")


class _Words:
    """Texts in the language asked for."""

    def __init__(self, asked: str | None) -> None:
        self.lang: Language = language(asked)

    def say(self, key: str, **values: Any) -> str:
        return _TEXTS[key][self.lang].format(**values)


def _assumed(profile: Profile) -> Profile:
    return assumed(profile) if profile.sunspec is not None else profile


def _report(
    verdicts: Sequence[tuple[str, Verdict]], faults: Sequence[Fault], untested: Sequence[str]
) -> dict[str, Any]:
    return {
        "ok": not faults and all(verdict.ok for _, verdict in verdicts),
        "tests": [
            {
                "file": path,
                "rule": verdict.rule,
                "name": verdict.test,
                "ok": verdict.ok,
                "expected": dict(verdict.expected),
                "got": dict(verdict.got),
                "error": verdict.error,
            }
            for path, verdict in verdicts
        ],
        "untested": list(untested),
        "faults": [fault.document() for fault in faults],
    }


def _rule_document(rule: Rule, reports: Sequence[BindingReport]) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "title": rule.title.document(),
        "severity": rule.severity,
        "file": rule.file,
        "hash": rule.hash,
        "bindings": [
            {
                "device": report.device,
                "channel": report.channel,
                "bound": report.bound,
                "reason": report.reason or None,
            }
            for report in reports
        ],
    }
