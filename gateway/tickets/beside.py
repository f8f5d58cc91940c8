"""A desk for a command, on the store of a gateway that may be running beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.clock import SystemClock
from gateway.config import SiteConfig, data_folder
from gateway.rules import load_rules
from gateway.secret import read_secret
from gateway.site_facts import desk_site
from gateway.tickets.desk import Desk


@asynccontextmanager
async def desk_beside(config: SiteConfig, data: Path | None, *, with_rules: bool) -> AsyncIterator[Desk]:
    """Opens the site's store, which must be there; what is written is acted upon by the gateway.

    `with_rules` reads the rule files too, so that a refusal can say what an alert needs.

    Raises:
        StoreError: there is no store, or it cannot be used.
        SecretError: its password cannot be read.
        DocumentError: a rule file is faulty.
    """
    tickets = config.file.tickets
    paths = [config.folder / name for name in config.file.rules]
    desk = await Desk.open(
        store_url=tickets.store,
        data=data_folder(config.path, data),
        site=desk_site(config),
        rules=load_rules(paths, standard=config.file.standard_rules).rules if with_rules else {},
        teams=config.file.teams,
        clock=SystemClock(),
        password=read_secret(tickets.password_file, config.folder) if tickets.password_file else None,
        create=False,
    )
    try:
        yield desk
    finally:
        await desk.close()
