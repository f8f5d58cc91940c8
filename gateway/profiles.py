"""Finds device profiles: `profiles/` beside the site file first, then the shipped ones."""

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from agent.document import Document, DocumentError, Fault, parse
from agent.profile import Profile
from agent.profile_file import read_profile


@cache
def shipped_configs() -> Path:
    """The folder of the shipped configs: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


class ProfileShelf:
    """Profiles by name, each file read once."""

    def __init__(self, site_folder: Path | None = None) -> None:
        own = [site_folder / "profiles"] if site_folder is not None else []
        self._folders = (*own, shipped_configs() / "profiles")
        self._read: dict[str, Profile] = {}

    def path(self, name: str) -> Path | None:
        """The file of a profile, or None where there is none."""
        if not name or "/" in name or "\\" in name or name.startswith("."):
            return None
        files = (folder / f"{name}.yaml" for folder in self._folders)
        return next((file for file in files if file.is_file()), None)

    def find(self, name: str) -> Profile:
        """The profile of this name.

        Raises:
            DocumentError: its file is faulty.
            UnknownProfileError: there is none.
        """
        if name not in self._read:
            path = self.path(name)
            if path is None:
                raise UnknownProfileError(name, self.names())
            self._read[name] = read_profile(read_document(path))
        return self._read[name]

    def mentions(self, name: str, points: Collection[str]) -> bool:
        """Whether one of the points is named in the profile's file: far quicker than reading it."""
        path = self.path(name)
        try:
            text = "" if path is None else path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # said where the profile itself is read
            return False
        words = "|".join(re.escape(point) for point in points)
        return re.search(rf"""name["']?\s*:\s*["']?(?:{words})(?!\w)""", text) is not None

    def recognisable(self) -> tuple[str, ...]:
        """Profiles that say what their device is known by; a look at the file tells, it is read later."""
        return tuple(name for name in self.names() if self._has_key(name, "identify|sunspec"))

    def _has_key(self, name: str, keys: str) -> bool:
        path = self.path(name)
        try:
            text = "" if path is None else path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # said where the profile itself is read
            return False
        return re.search(rf"""^["']?(?:{keys})["']?\s*:""", text, re.MULTILINE) is not None

    def names(self) -> tuple[str, ...]:
        """All profiles that `find` knows."""
        return tuple(sorted({file.stem for folder in self._folders for file in folder.glob("*.yaml")}))


class UnknownProfileError(LookupError):
    """No file for a profile; `remedy` names the nearest ones."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        maker = name.split("-", 1)[0]
        near = [other for other in known if other.startswith(maker)] or list(known)
        self.remedy = f"use one of {', '.join(near)}, or add profiles/{name}.yaml beside the site file"
        super().__init__(f"there is no profile {name!r}")


def read_document(path: Path) -> Document:
    """A YAML file of this machine.

    Raises:
        DocumentError: it cannot be read or is no YAML.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        problem = error.strerror or str(error)
        raise DocumentError([Fault(str(path), 1, 1, "", f"cannot be read: {problem}", "")]) from None
