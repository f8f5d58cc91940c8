"""What many commands take and give alike: the site, its data folder, one JSON document."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import orjson
import typer

SiteArgument: TypeAlias = Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file")]
DataOption: TypeAlias = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="the folder of the site's state")
]
UnusedDataOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="taken as by every command on a site; this one needs no state"
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="print one JSON document")]


def show(document: Any) -> None:
    """The one document of `--json` on stdout."""
    print(orjson.dumps(document).decode())
