"""The devices of a running site, as far as they are known by now.

A SunSpec device tells its points only when it answers; until then rules stay unbound there
and the pages show it without points.
"""

from agent.device import Device
from agent.modbus.plan import rate_ms
from agent.poller import DeviceFacts as Told
from agent.profile import Profile
from agent.rules.facts import DeviceFacts as RuleDevice
from gateway.config import SiteConfig
from gateway.console.ports import DeviceFacts
from gateway.rules import device_facts
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.site_facts import (
    console_device,
    device_meta,
    identified,
    own_console_device,
    own_devices,
)
from gateway.vitals import EVERY_MS


class SiteDevices:
    """One place for what each room needs to know of the devices.

    Attributes:
        console: by id, in the site file's order, the gateway's own devices last.
        meta: the same for MQTT; the mapping itself stays, its entries change.
        kinds: the same for InfluxDB.
    """

    def __init__(self, site: SiteConfig) -> None:
        self._devices: dict[str, Device] = {}
        self.console: dict[str, DeviceFacts] = {}
        self.meta: dict[str, DeviceMeta] = {}
        self.kinds: dict[str, str] = {}
        self.change(site)

    def change(self, site: SiteConfig) -> None:
        """The site file says otherwise now; what unchanged devices have told of themselves stays."""
        before, known = self._devices, dict(self.console)
        self._devices = {device.id: device for device in site.devices}
        self.console.clear()
        for device in site.devices:
            unchanged = before.get(device.id) == device
            self.console[device.id] = (
                known[device.id] if unchanged else console_device(device, device.profile)
            )
        for name, kind in own_devices(site).items():
            self.console[name] = own_console_device(name, kind)
        self.kinds.update({name: facts.kind for name, facts in self.console.items()})
        self.meta.clear()
        self.meta.update({name: device_meta(facts) for name, facts in self.console.items()})

    @property
    def periods_ms(self) -> dict[str, int]:
        """How often a frame of each device is due."""
        own = dict.fromkeys(self.console, EVERY_MS)
        return own | {
            device.id: min(
                (rate_ms(point, device.profile, device.every_ms) for point in device.profile.points),
                default=device.period_ms,
            )
            for device in self._devices.values()
        }

    def of_bus(self, bus: str) -> tuple[Device, ...]:
        """Those that hang on one bus."""
        return tuple(device for device in self._devices.values() if device.bus == bus)

    def bus_of(self, device_id: str) -> str:
        """The bus that a device hangs on."""
        return self._devices[device_id].bus

    def identify(self, device_id: str, profile: Profile, told: Told) -> RuleDevice | None:
        """A device has said what it is: what the rules should know of it now, None if that is nothing new."""
        device = self._devices[device_id]
        facts = identified(
            console_device(device, profile), vendor=told.vendor, model=told.model, serial=told.serial
        )
        if facts == self.console[device_id]:
            return None
        self.console[device_id] = facts
        self.meta[device_id] = device_meta(facts)
        return device_facts(device, profile)
