"""The command `maplebridge`: one module per command, imported only when it is called.

Exit codes: 0 success, 1 run-time failure, 2 bad input or usage.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

COMMANDS: dict[str, str] = {
    "demo": "a simulated village with the whole gateway and its console",
    "run": "the site gateway",
    "check": "validate site, profile, rule and checklist files",
    "plan": "the reads per bus, and what they cost on the wire",
    "read": "poll one device once",
    "scan": "find and identify the units on a line",
    "simulate": "serve a site's devices, or a recorded dump, as Modbus servers",
    "rules": "test the rules, list what is bound to what",
    "alerts": "the site's alerts",
    "tickets": "list, show and act on tickets",
    "journal": "what the journal holds",
    "user": "the console's users and tokens",
    "backup": "everything that a dead gateway's successor needs, encrypted",
    "restore": "make a successor of a backup",
}
"""Name → one line of help; the module of the same name offers `app` (a group) or a function of that name."""


class _Lazy(TyperGroup):
    """A group that imports a command's module only when it is asked for."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  # typer's signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002  # the same
        **extra: Any,
    ) -> Any:
        """As typer's, but a wrong call is one line on stderr."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except typer.TyperException as error:
            if not standalone_mode:
                raise
            _end_wrong_call(error)
        except typer.Abort:
            if not standalone_mode:
                raise
            code = 1
        return sys.exit(code) if standalone_mode else code

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.commands.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(cmd_name)(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_app = typer.Typer(
    cls=_Lazy,
    name="maplebridge",
    help="The open microgrid monitoring agent for villages with PV, storage and charging.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _end_wrong_call(error: typer.TyperException) -> NoReturn:
    message = error.format_message()
    if not message.startswith("Usage:"):  # else it is the help of a group called without a command
        context = getattr(error, "ctx", None)
        remedy = f"; see {context.command_path} --help" if context is not None else ""
        message = f"{' '.join(message.split()).rstrip('.')}{remedy}"
    print(message, file=sys.stderr)
    sys.exit(2)


def _version(asked: bool) -> None:  # noqa: FBT001  # typer's callback form
    if asked:
        from gateway import __version__

        print(f"maplebridge {__version__}")
        raise typer.Exit


@_app.callback()
def _root(
    *,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="print the version"
    ),
) -> None:
    """Global options."""


def main() -> None:
    """The console script."""
    sys.exit(_app())
