"""What a running site shows to the world: brokers, database, console. Nothing unconfigured is imported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway import __version__
from gateway.console.ports import Check, ConsolePorts, Json, RawPoll
from gateway.journal.record import Position
from gateway.raw_words import raw_lines
from gateway.site_console import AlertDesk, ConsoleDesk, ConsoleHistory, PauseDesk, raw_poll
from gateway.site_facts import console_site
from gateway.site_scan import SiteScan
from gateway.site_system import system_document
from gateway.tickets.clerk import UnknownTicket
from gateway.tickets.requests import Requests

if TYPE_CHECKING:
    from agent.last_poll import LastPoll
    from agent.poller import BusPoller
    from gateway.console.app import Console
    from gateway.console.server import ConsoleServer
    from gateway.console.users import Users
    from gateway.sinks.influxdb import InfluxSink
    from gateway.sinks.mqtt import MqttSink
    from gateway.site import Site


_MOST_OPEN = 500
"""Open tickets that the retained picture holds; a site with more has other worries."""


class North:
    """Builds and keeps the sinks and the console of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.mqtt: dict[str, MqttSink] = {}
        self.influxdb: InfluxSink | None = None
        self._brokers: dict[str, tuple[str, int]] = {}
        self._console: Console | None = None
        self._server: ConsoleServer | None = None
        self._users: Users | None = None
        self._requests = Requests(site.desk, site.journal, site.clock)

    # ---- brokers and database

    async def open_broker(self, servers: AsyncExitStack) -> str | None:
        """Start the embedded brokers; the address of the first broker of the site.

        Raises:
            BrokerError: an embedded one cannot listen where it should.
        """
        address = None
        for config in self._site.config.file.brokers:
            if config.embedded is not None:
                from gateway.sinks.broker import EmbeddedBroker  # noqa: PLC0415

                broker = EmbeddedBroker(config.embedded)
                host, port = self._brokers[config.name] = await broker.start()
                servers.push_async_callback(broker.stop)
                address = address or f"{host}:{port}"
            else:
                address = address or _host_and_port(config.url)
        return address

    def sink(self, part: str) -> MqttSink | InfluxSink:
        """A new sink for a part's name: `mqtt:<name>` or `influxdb`."""
        return self._new_influxdb() if part == "influxdb" else self._new_mqtt(part.partition(":")[2])

    def has_told(self, position: Position) -> bool:
        """Whether all records up to `position` have left by every sink that has a connection."""
        sinks: list[MqttSink | InfluxSink] = [*self.mqtt.values()]
        if self.influxdb is not None:
            sinks.append(self.influxdb)
        return all(self._site.journal.cursor(sink.name) >= position for sink in sinks if sink.connected)

    def announce(self, device: str) -> None:
        """What a device is has become known."""
        for sink in self.mqtt.values():
            sink.announce(device)

    def _new_mqtt(self, name: str) -> MqttSink:
        from gateway.sinks.mqtt import MqttSink  # noqa: PLC0415

        site = self._site
        config = next(broker for broker in site.config.file.brokers if broker.name == name)
        self.mqtt[name] = MqttSink(
            config,
            site.journal,
            site.clock,
            site=site.config.id,
            version=__version__,
            devices=site.devices.meta,
            secrets=site.config.folder,
            state=site.data,
            open_alerts=site.open_alerts,
            open_tickets=self._open_tickets,
            ticket_document=self._ticket_document,
            ask_desk=self._ask_desk,
            embedded_at=self._brokers.get(name),
        )
        return self.mqtt[name]

    async def _ask_desk(self, request: Mapping[str, object], station: str) -> None:
        await self._requests.ask(request, station)

    async def _open_tickets(self) -> list[str]:
        page = await self._site.desk.tickets(state="open", limit=_MOST_OPEN)
        return [ticket["id"] for ticket in page.items]

    async def _ticket_document(self, ticket_id: str) -> Json | None:
        try:
            return await self._site.desk.ticket(ticket_id)
        except UnknownTicket:
            return None

    def _new_influxdb(self) -> InfluxSink:
        from gateway.sinks.influxdb import InfluxSink  # noqa: PLC0415
        from gateway.site_tiers import HistoryTiers  # noqa: PLC0415

        site = self._site
        config = site.config.file.influxdb
        assert config is not None  # noqa: S101  # the part exists only where it is configured
        self.influxdb = InfluxSink(
            config,
            site.journal,
            site.clock,
            site=site.config.id,
            kinds=site.devices.kinds,
            secrets=site.config.folder,
            spans=HistoryTiers(site.history),
        )
        return self.influxdb

    # ---- console

    def bind_console(self) -> str | None:
        """Take the console's port; its address, or None where none is configured.

        Raises:
            OSError: the port is taken.
            SecretError: the TLS key cannot be used.
            UsersDamaged: the file of users cannot be used.
        """
        config = self._site.config.file.console
        if config is None:
            return None
        from gateway.console.app import create_app  # noqa: PLC0415
        from gateway.console.server import ConsoleServer  # noqa: PLC0415
        from gateway.console.users import Users  # noqa: PLC0415

        self._users = Users(self._site.data)
        self._console = create_app(self._ports(), self._users)
        self._server = ConsoleServer(
            self._console, config, folder=self._site.config.folder, data=self._site.data
        )
        return self._server.bind()

    async def run_console(self) -> None:
        """Serve until cancelled."""
        if self._server is not None:
            await self._server.run()

    def sign_in_code(self, *, always: bool) -> str | None:
        """A one-time sign-in while nobody can sign in otherwise, or always."""
        if self._console is None or self._users is None or (self._users.all() and not always):
            return None
        return self._console.code.issue()

    def _ports(self) -> ConsolePorts:
        site = self._site
        desk = ConsoleDesk(site.desk)
        return ConsolePorts(
            site=console_site(site.config),
            live=site.live,
            clock=site.clock,
            version=__version__,
            devices=lambda: site.devices.console,
            open_alerts=lambda: [alert.document() for alert in site.open_alerts()],
            history=ConsoleHistory(site.history),
            desk=desk,
            alert_acts=AlertDesk(
                lambda: site.engine, site.clock, site.apply, desk.alert, site.desk.site_code
            ),
            scanner=SiteScan(site),
            pausing=PauseDesk(lambda: site.engine, site.clock, site.apply),
            last_poll=self._last_poll,
            checks=self.checks,
            journal_statistics=site.journal.statistics,
            system=partial(system_document, site),
        )

    def _last_poll(self, device: str) -> RawPoll | None:
        found = self._polled(device)
        return None if found is None else raw_poll(found[1], self._site.clock)

    def raw_lines(self, device: str) -> list[dict[str, Any]]:
        """The words that a device last sent, for evidence; none for one that is not polled."""
        found = self._polled(device)
        if found is None:
            return []
        poller, poll = found
        profile = poller.device_facts(device).profile
        points = () if profile is None else profile.points
        return raw_lines(poll, points, self._site.live.readings(device), self._site.clock.utc_at)

    def _polled(self, device: str) -> tuple[BusPoller, LastPoll] | None:
        for poller in self._site.pollers.values():
            poll = poller.last_poll(device)
            if poll is not None:
                return poller, poll
        return None

    def checks(self) -> dict[str, Check]:
        """The lines of `/healthz`."""
        site = self._site
        silent = [
            device.id
            for device in site.config.devices
            if (frame := site.live.last.get(device.id)) is None or frame.failed
        ]
        lines = {
            "journal": Check(site.journal.works, "commits" if site.journal.works else "the storage refuses"),
            "devices": Check(
                len(silent) < len(site.config.devices),
                f"silent: {', '.join(silent)}" if silent else "all answer",
            ),
        }
        for name, sink in self.mqtt.items():
            lines[f"mqtt:{name}"] = Check(
                sink.connected, "connected" if sink.connected else f"not connected: {sink.trouble}"
            )
        if self.influxdb is not None:
            stored = self.influxdb.connected
            lines["influxdb"] = Check(stored, "stores" if stored else "does not store")
        return lines


def _host_and_port(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":") if ":" in rest else (rest, "", "")
    return f"{host}:{port or (8883 if scheme == 'mqtts' else 1883)}"
