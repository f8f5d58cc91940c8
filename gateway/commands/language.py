"""The language of human text: `--lang`, else what `LANG` says, else English."""

import os
from typing import Annotated, Literal, TypeAlias

import typer

Language: TypeAlias = Literal["en", "zh"]

LangOption = Annotated[
    str | None,
    typer.Option("--lang", help="zh or en; default from LANG", metavar="zh|en", show_default=False),
]


def language(asked: str | None) -> Language:
    """The language to speak.

    Raises:
        typer.BadParameter: neither zh nor en.
    """
    if asked:
        if asked not in ("zh", "en"):
            raise typer.BadParameter(f"{asked!r} is not spoken here; use zh or en", param_hint="--lang")
        return "zh" if asked == "zh" else "en"
    return "zh" if os.environ.get("LANG", "").startswith("zh") else "en"
