"""Which format a broker gets: the one place that knows them all."""

from collections.abc import Mapping
from pathlib import Path

from agent.clock import Clock
from gateway.sinks.config import MqttConfig
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
    folder: Path,  # noqa: ARG001  # for formats that must remember something over restarts
) -> Format:
    """The format that a `mqtt:` block asks for.

    Args:
        config: the block.
        site: the site's id.
        version: of this software.
        devices: device id → what it is; may change, then `Format.device` is called.
        clock: names the boot, and when we began.
        folder: of the site's state.
    """
    return JsonFormat(
        Topics(config.root, site), devices, boot=clock.boot, version=version, since_ms=clock.utc_ms()
    )
