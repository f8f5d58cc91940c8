"""`maplebridge run SITE.yaml`: the site gateway."""

import asyncio
import signal
import sys

import orjson
import structlog

from agent.document import DocumentError
from gateway.commands.failing import exits
from gateway.commands.options import DataOption, SiteArgument
from gateway.config import data_folder, load_site
from gateway.logs import log_to_stderr
from gateway.site import Ready, Site

_log = structlog.get_logger(__name__)


def run(
    site: SiteArgument,
    *,
    data: DataOption = None,
) -> None:
    """Run the gateway of a site. SIGTERM stops it, SIGHUP takes over a changed site file."""
    log_to_stderr()
    with exits():
        config = load_site(site)
        for warning in config.warnings:
            print(warning, file=sys.stderr)
        asyncio.run(_run(Site(config, data_folder(site, data))))


async def _run(site: Site) -> None:
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    async with asyncio.TaskGroup() as group:
        reloads = group.create_task(_reload(site, changed), name="reloads")
        await site.run(stop, _say_ready)
        reloads.cancel()


def _say_ready(ready: Ready) -> None:
    document = {"event": "ready", "console": ready.console, "mqtt": ready.mqtt}
    print(orjson.dumps(document).decode(), flush=True)
    if ready.code is not None:
        print(f"sign in once at {ready.console}/setup#code={ready.code}", file=sys.stderr, flush=True)


async def _reload(site: Site, changed: asyncio.Event) -> None:
    while True:
        await changed.wait()
        changed.clear()
        try:
            config = await asyncio.to_thread(load_site, site.config.path)
        except DocumentError as error:
            _log.error("reload.refused", faults=[str(fault) for fault in error.faults])
            continue
        plan = await site.reload(config)
        if plan.refused:
            _log.error("reload.needs_restart", changed=plan.refused)
        else:
            _log.info("reload.done", stopped=plan.stop, started=plan.start, rules=plan.rules)
