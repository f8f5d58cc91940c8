"""Reads checklists: what a visit must look at, in both languages.

A site's own `checklists/` come before the shipped ones of the same id.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.document import Document, DocumentError, Fault, read
from gateway.profiles import read_document, shipped_configs
from gateway.tickets.config import BilingualText
from gateway.tickets.ticket import ChecklistItem


class ItemYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    text: BilingualText
    kind: Literal["yes_no", "number", "text", "photo"] = "yes_no"
    unit: str | None = None
    mandatory: bool = True

    @model_validator(mode="after")
    def _numbers_have_a_unit(self) -> "ItemYaml":
        if (self.kind == "number") != (self.unit is not None):
            wrong = "a number needs a unit" if self.unit is None else f"{self.kind} has no unit"
            raise ValueError(f'{wrong}; write unit: "" for a bare number and none for other kinds')
        if not self.text.zh:
            raise ValueError("the Chinese text is missing; add zh")
        return self


class ChecklistYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    checklist: str = Field(pattern=r"^CL-[A-Z]+-[A-Z]$")
    title: BilingualText
    items: tuple[ItemYaml, ...] = Field(min_length=1, max_length=40)


def read_checklist(document: Document) -> tuple[str, Sequence[ChecklistItem]]:
    """Its id and items.

    Raises:
        DocumentError: with every fault at its place.
    """
    checklist = read(ChecklistYaml, document)
    ids = [item.id for item in checklist.items]
    twice = [index for index, item_id in enumerate(ids) if item_id in ids[:index]]
    if twice:
        faults = [
            document.fault(("items", index, "id"), f"the item {ids[index]!r} stands here twice", "rename one")
            for index in twice
        ]
        raise DocumentError(faults)
    return checklist.checklist, tuple(_item(item) for item in checklist.items)


def shipped_checklists() -> Mapping[str, Sequence[ChecklistItem]]:
    """The checklists that come with the software, by id."""
    return load_checklists()


def load_checklists(site_folder: Path | None = None) -> Mapping[str, Sequence[ChecklistItem]]:
    """All checklists by id.

    Raises:
        DocumentError: all faults of all files.
    """
    folders = [shipped_configs() / "checklists"]
    if site_folder is not None:
        folders.append(site_folder / "checklists")
    found: dict[str, Sequence[ChecklistItem]] = {}
    faults: list[Fault] = []
    for file in (file for folder in folders for file in sorted(folder.glob("*.yaml"))):
        try:
            name, items = read_checklist(read_document(file))
        except DocumentError as error:
            faults.extend(error.faults)
        else:
            found[name] = items
    if faults:
        raise DocumentError(faults)
    return found


def _item(item: ItemYaml) -> dict[str, Any]:
    return {
        "id": item.id,
        "text": {"en": item.text.en, "zh": item.text.zh},
        "kind": item.kind,
        "unit": item.unit,
        "mandatory": item.mandatory,
    }
