"""Whether what a site file's maintenance names is there: else it would silence nothing, or keep nothing."""

from collections.abc import Iterator, Sequence

from agent.document import Document, Fault
from agent.plain_yaml import Path as Place
from agent.rules.rule import RuleSet
from gateway.config import SiteFile, closest
from gateway.site_facts import GATEWAY, bus_device


def maintenance_faults(file: SiteFile, document: Document, rules: RuleSet) -> Iterator[Fault]:
    """Names in it that the site does not have."""
    buses = [bus.id for bus in file.buses]
    known: dict[str, Sequence[str]] = {
        "site": [file.site.id],
        "device": [*(device.id for device in file.devices), GATEWAY, *map(bus_device, buses)],
        "bus": buses,
        "rule": list(rules.rules),
    }
    for index, block in enumerate(file.maintenance):
        named: list[tuple[Place, str, str, str]] = [
            (("maintenance", index, "match", what), what, name, "")
            for what in known
            if (name := getattr(block.match, what)) is not None
        ]
        named += [
            (("maintenance", index, "keep", number), "rule", rule, " to keep")
            for number, rule in enumerate(block.keep)
        ]
        for place, what, name, to_what in named:
            if name not in known[what]:
                message = f"there is no {what} {name!r}{to_what}"
                yield document.fault(place, message, closest(name, known[what]))
