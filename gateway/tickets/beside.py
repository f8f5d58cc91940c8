"""A desk for a command, on the store of a gateway that may be running beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.clock import SystemClock
from gateway.config import SiteConfig, data_folder
from gateway.rules import load_rules
from gateway.secret import read_secret
from gateway.site_facts import desk_site
from gateway.tickets.checklist import load_checklists
from gateway.tickets.desk import Desk


@asynccontextmanager
async def desk_beside(config: SiteConfig, data: Path | None) -> AsyncIterator[Desk]:
    """Opens the site's store, which must be there; what is written is acted upon by the gateway.

    Raises:
        StoreError: there is no store, or it cannot be used.
        SecretError: its password cannot be read.
        DocumentError: a rule or checklist file is faulty.
    """
    tickets = config.file.tickets
    rules = load_rules(
        [config.folder / name for name in config.file.rules], standard=config.file.standard_rules
    )
    desk = await Desk.open(
        store_url=tickets.store,
        data=data_folder(config.path, data),
        site=desk_site(config),
        rules=rules.rules,
        teams=config.file.teams,
        clock=SystemClock(),
        checklists=load_checklists(config.folder),
        password=read_secret(tickets.password_file, config.folder) if tickets.password_file else None,
        create=False,
    )
    try:
        yield desk
    finally:
        await desk.close()
