"""`maplebridge simulate`: a site's devices, or a recorded dump, as Modbus servers on this machine."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import typer

from agent.simulator.dump import Dump, DumpedDevice, read_dump
from agent.simulator.fault_file import read_faults
from agent.simulator.play import Told
from agent.simulator.server import RtuServer, TcpServer
from gateway.commands.failing import exits, fail
from gateway.commands.options import UnusedDataOption
from gateway.config import load_site
from gateway.profiles import read_document
from gateway.simulation import Simulation, write_moved_site


def simulate(
    site: Path | None = typer.Argument(None, metavar="[SITE.yaml]", help="the site whose devices to serve"),
    *,
    out: Path | None = typer.Option(None, "--out", help="where to write the site with the simulated URLs"),
    faults: Path | None = typer.Option(
        None, "--faults", help="a script of faults: dead, late, refuse, set and many more"
    ),
    _data: UnusedDataOption = None,
    dump: Path | None = typer.Option(
        None, "--dump", help="a folder with a recorded dump.json, or the file itself"
    ),
    port: int = typer.Option(0, "--port", min=0, max=65_535, help="TCP port for the dump, 0 = a free one"),
    rtu: Path | None = typer.Option(
        None, "--rtu", help="serve the dump on a serial line: a link to it is made here"
    ),
) -> None:
    """Serve the devices of a site from their profiles, or a recorded dump, until told to stop."""
    with exits():
        if dump is not None and site is None:
            asyncio.run(_serve_dump(_load_dump(dump), port, rtu.absolute() if rtu else None))
        elif site is not None and dump is None:
            asyncio.run(_serve_site(Simulation(load_site(site)), site, out, faults))
        else:
            fail(2, "give either a site file or --dump DIR")


async def _serve_dump(dump: Dump, port: int, link: Path | None) -> None:
    units = {dump.unit_id: DumpedDevice(dump)}
    if link is not None:
        line = RtuServer(units)
        url, close = f"rtu://{await line.start(link)}", line.close
    else:
        server = TcpServer(units)
        url, close = f"tcp://127.0.0.1:{await server.start(port=port)}", server.close
    await _until_told(_idle, {"event": "ready", "url": url, "unit": dump.unit_id}, close)


def _load_dump(folder: Path) -> Dump:
    path = folder / "dump.json" if folder.is_dir() else folder
    try:
        return read_dump(orjson.loads(path.read_bytes()))
    except OSError as error:
        fail(2, f"{path}: cannot be read: {error.strerror}")
    except ValueError as error:
        fail(2, f"{path}: {error}")


async def _serve_site(simulation: Simulation, path: Path, out: Path | None, faults: Path | None) -> None:
    script = read_faults(read_document(faults), simulation.stage) if faults is not None else ()
    target = out or path.with_name(f"{path.stem}.sim.yaml")
    await simulation.start(target.parent)
    write_moved_site(path, simulation.urls, target)
    ready = {"event": "ready", "site": str(target), "devices": simulation.entries()}
    await _until_told(partial(simulation.run, script, _tell), ready, simulation.close)


def _tell(told: Told) -> None:
    """One JSON line for a fault that begins or is over."""
    fault = told.fault
    event: dict[str, Any] = {"event": "begins" if told.begins else "ends", "do": fault.do}
    event |= {key: name for key, name in (("device", fault.device), ("bus", fault.bus)) if name is not None}
    note = fault.says if told.begins else fault.ends
    if note is not None:
        event["says"] = {"en": note.en, "zh": note.zh}
    print(orjson.dumps(event).decode(), flush=True)


async def _idle() -> None:
    await asyncio.Event().wait()


async def _until_told(
    work: Callable[[], Awaitable[None]], ready: dict[str, Any], close: Callable[[], Awaitable[None]]
) -> None:
    """Say that the servers are up and work on, until SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    print(orjson.dumps(ready).decode(), flush=True)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_as_task(work))
        await told.wait()
        task.cancel()
    await close()


async def _as_task(work: Callable[[], Awaitable[None]]) -> None:
    await work()
