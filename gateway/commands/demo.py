"""`maplebridge demo`: a simulated village with the whole gateway and its console."""

import asyncio
import logging
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from agent.clock import SystemClock
from agent.reading import Text
from agent.time_source import AlwaysRight
from gateway.commands.failing import exits
from gateway.commands.language import LangOption, Language, language
from gateway.config import load_site
from gateway.demo import DemoWorld
from gateway.logs import log_to_stderr
from gateway.site import Ready, Site

_WORDS = {
    "ready": Text("The village is live: {url}", "村子已上线:{url}"),
    "code": Text("One-time sign-in:     {code}", "一次性登录码:   {code}"),
    "opens": Text("or open               {url}", "或直接打开      {url}"),
    "mqtt": Text(
        "MQTT (embedded):      {mqtt}, topics microgrid/village-hall/#",
        "MQTT(内嵌):     {mqtt},主题 microgrid/village-hall/#",
    ),
    "stop": Text("Ctrl-C stops it. What the script does:", "按 Ctrl-C 停止。剧本进展:"),
    "summary": Text(
        "frames polled {frames}, published {published}, stored {stored}; alerts {alerts}, tickets {tickets}",
        "轮询帧 {frames},已发布 {published},已存储 {stored};告警 {alerts},工单 {tickets}",
    ),
}


def demo(
    *,
    port: int = typer.Option(8080, min=0, max=65_535, help="the console's port; 0 takes a free one"),
    minutes: float | None = typer.Option(None, min=0.05, help="end by itself after so many real minutes"),
    speed: float = typer.Option(
        60.0, min=0.1, max=3_600, help="how many times faster the village's day runs"
    ),
    data: Path | None = typer.Option(None, help="keep the state here; else it is removed at the end"),
    lang: LangOption = None,
) -> None:
    """A village on real Modbus sockets, polled by the whole gateway; its day starts at 09:30."""
    speaks = language(lang)
    log_to_stderr(logging.ERROR)
    with exits(), ExitStack() as stack:
        folder = data or Path(stack.enter_context(TemporaryDirectory(prefix="maplebridge-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(_Demo(folder, port=port, minutes=minutes, speed=speed, speaks=speaks).run())


class _Demo:
    def __init__(
        self, folder: Path, *, port: int, minutes: float | None, speed: float, speaks: Language
    ) -> None:
        self._folder = folder
        self._port = port
        self._minutes = minutes
        self._speaks = speaks
        self._speed = speed
        self._world = DemoWorld(speed=speed, tell=self._tell)
        self._stop = asyncio.Event()
        self._started_s = time.monotonic()
        self._site: Site
        self._is_up = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        path = await self._world.start(self._folder, port=self._port)
        self._site = Site(
            load_site(path),
            self._folder / "data",
            clock=SystemClock(source=AlwaysRight()),
            sun_elevation=lambda _ts_ms: self._world.sun_elevation_deg,
            offer_code=True,
            pace=self._speed,
        )
        try:
            async with asyncio.TaskGroup() as group:
                village = group.create_task(self._world.run(), name="village")
                end = group.create_task(self._end(), name="end")
                await self._site.run(self._stop, self._ready)
                village.cancel()
                end.cancel()
        finally:
            await self._world.close()

    async def _end(self) -> None:
        if self._minutes is not None:
            await asyncio.sleep(self._minutes * 60)
        else:
            await self._stop.wait()
        if self._is_up:
            await self._sum_up()
        self._stop.set()

    def _ready(self, ready: Ready) -> None:
        self._is_up = True
        self._say("ready", url=ready.console)
        self._say("code", code=ready.code)
        self._say("opens", url=f"{ready.console}/#code={ready.code}")
        self._say("mqtt", mqtt=ready.mqtt)
        self._say("stop")

    def _tell(self, text: Text) -> None:
        print(f"  {time.monotonic() - self._started_s:4.0f} s  {text.in_(self._speaks)}", flush=True)

    async def _sum_up(self) -> None:
        site = self._site
        frames = site.frames  # what comes after is not committed
        await site.journal.commit()
        statistics = await site.journal.statistics()
        alerts = await site.desk.alerts(state="all", limit=500)
        tickets = await site.desk.tickets(state="all", limit=500)
        self._say(
            "summary",
            frames=frames,
            published=sum(sink.published for sink in site.north.mqtt.values()),
            stored=statistics["frames"],
            alerts=len(alerts.items),
            tickets=len(tickets.items),
        )

    def _say(self, what: str, **values: object) -> None:
        print(_WORDS[what].in_(self._speaks).format(**values), flush=True)
