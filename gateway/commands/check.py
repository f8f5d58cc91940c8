"""`maplebridge check FILE...`: all faults of a site and its files at once; asks no network."""

import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from agent.document import Document, DocumentError, Fault
from agent.profile_file import read_profile, warnings_of
from gateway.commands.language import LangOption, language
from gateway.commands.options import JsonOption, show
from gateway.config import check_site
from gateway.profiles import read_document
from gateway.rules import check_rules
from gateway.site_load import load_faults
from gateway.tickets.checklist import read_checklist

_TEXTS = {
    "ok": {"en": "ok", "zh": "正常"},
    "warnings": {"en": "ok, with warnings", "zh": "正常,但有提醒"},
}


def check(
    files: list[Path] = typer.Argument(
        ..., metavar="FILE...", help="site, profile, rule or checklist files, or folders of them"
    ),
    *,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Validate files with everything that they refer to. Exit 2 with an error, 0 with warnings only."""
    speaks = language(lang)
    faults = [fault for path in _expanded(files) for fault in faults_of_file(path)]
    failed = any(fault.level == "error" for fault in faults)
    if as_json:
        show({"ok": not failed, "faults": [fault.document() for fault in faults]})
    else:
        for fault in faults:
            print(fault, file=sys.stderr)
        if not failed:
            print(_TEXTS["warnings" if faults else "ok"][speaks])
    raise typer.Exit(2 if failed else 0)


def faults_of_file(path: Path) -> list[Fault]:
    """What is wrong in one file, whatever kind it is."""
    if path.is_dir():
        return [Fault(str(path), 1, 1, "", "the folder holds no YAML file", "name files or a folder of them")]
    try:
        document = read_document(path)
        match _kind(document):
            case "site":
                site = check_site(document, path)
                return [*load_faults(document, site.buses, site.devices), *site.warnings]
            case "profile":
                profile = read_profile(document)
                return list(warnings_of(profile, document))
            case "rules":
                return check_rules(document)
            case "checklist":
                read_checklist(document)
                return []
            case "station":
                return [
                    document.fault((), "station files are not supported by this version", "give a site file")
                ]
            case _:
                remedy = "a site file has site:, a profile has profile:, a rule file has rules:"
                return [document.fault((), "cannot tell what kind of file this is", remedy)]
    except DocumentError as error:
        return list(error.faults)


def _kind(document: Document) -> str:
    for key in ("site", "profile", "rules", "checklist", "station"):
        if key in document.data:
            return key
    return "site" if {"devices", "buses"} & set(document.data) else ""


def _expanded(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) or [path]
        else:
            yield path
