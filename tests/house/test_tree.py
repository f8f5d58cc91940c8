"""The tree stands alone: it names no machine, no registry and nothing beside itself."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Put together from parts, so that this file does not name them either.
FORBIDDEN = {
    "a path of some machine": "|".join(rf"(?<![\w.~<])/{name}/" for name in ("work", "root", "tmp", "home", "Users", "mnt")),
    "a folder beside the tree": r"\.\./" + "shared",
    "a package registry": "|".join(
        name.replace("!", r"\.")
        for name in (
            "py" + "pi!(org|python)", "python" + "hosted!org", "npm" + "js!(org|com)", "yarn" + "pkg!com",
            "proxy!go" + "lang", "crates" + "!io", "arti" + "factory", "deb!" + "debian!org", "ghcr" + "!io",
        )
    ),
    "an index of its own": r"(extra-)?index-" + "url|^regis" + "try *=",
}  # fmt: skip


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def told(text: str) -> list[str]:
    return [
        f"{number}: {what}: {line.strip()[:120]}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if re.search(pattern, line)
    ]


def test_no_file_names_what_is_not_in_the_tree():
    found = []
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content[:8_000]:
            found += [f"{name}:{line}" for line in told(content.decode("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "work/main/x.py",
        "copied from .." + "/shared/style.md",
        "https://files.python" + "hosted.org/packages/a.whl",
        "--index-" + "url https://example.org/simple",
    ],
)
def test_it_would_be_seen(line):
    assert told(line)


def test_file_names_are_unique_whatever_the_case():
    names = [name.lower() for name in tracked()]
    assert len(names) == len(set(names))


def test_nothing_large_is_tracked():
    large = {name for name in tracked() if (ROOT / name).stat().st_size > 1_000_000}
    assert large == set()
