"""Which format a broker gets: the one place that knows them all. What is not configured is not imported."""

from collections.abc import Mapping
from pathlib import Path

from agent.clock import Clock
from gateway.sinks.config import MqttConfig, SparkplugConfig
from gateway.sinks.mqtt_format import Format
from gateway.sinks.mqtt_json import DeviceMeta, Topics
from gateway.sinks.mqtt_json_format import JsonFormat


def format_of(
    config: MqttConfig,
    *,
    site: str,
    version: str,
    devices: Mapping[str, DeviceMeta],
    clock: Clock,
    folder: Path,
) -> Format:
    """The format that a `mqtt:` block asks for.

    Args:
        config: the block.
        site: the site's id.
        version: of this software.
        devices: device id → what it is; may change, then `Format.device` is called.
        clock: names the boot, and when we began.
        folder: of the site's state; a Sparkplug node keeps its last birth's number there.
    """
    if config.format == "sparkplug":
        from gateway.sinks.sparkplug import EdgeNode, SparkplugFormat  # noqa: PLC0415
        from gateway.sinks.sparkplug_number import BirthNumbers  # noqa: PLC0415

        wanted = config.sparkplug or SparkplugConfig()
        return SparkplugFormat(
            EdgeNode(wanted.group or config.root, wanted.node or site, wanted.primary_host or ""),
            devices,
            boot=clock.boot,
            version=version,
            now_ms=clock.utc_ms,
            next_birth=BirthNumbers(folder / f"sparkplug-{config.name}.json").next,
        )
    topics = Topics(config.root, site)
    said = JsonFormat(topics, devices, boot=clock.boot, version=version, since_ms=clock.utc_ms())
    if config.homeassistant is None:
        return said
    from gateway.sinks.homeassistant import Discovery, HomeAssistantFormat  # noqa: PLC0415

    discovery = Discovery(config.homeassistant.prefix, config.homeassistant.lang)
    return HomeAssistantFormat(said, topics, devices, discovery, version=version)
