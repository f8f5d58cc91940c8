"""Whether teams, their shifts and the routes to them name who is there."""

from collections.abc import Iterator, Sequence

from agent.document import Document, Fault
from agent.plain_yaml import Path as Place
from gateway.config import SiteFile, closest, duplicates


def team_faults(file: SiteFile, document: Document) -> Iterator[Fault]:
    """Ids that stand twice, and names that are nobody's."""
    for index in duplicates([team.id for team in file.teams]):
        yield document.fault(
            ("teams", index, "id"), f"the team {file.teams[index].id!r} is defined twice", "rename one"
        )
    for index, team in enumerate(file.teams):
        members = [person.id for person in team.members]
        for member in duplicates(members):
            yield document.fault(
                ("teams", index, "members", member, "id"),
                f"{members[member]!r} is twice in the team {team.id!r}",
                "remove one",
            )
        for number, shift in enumerate(team.duty):
            place = ("teams", index, "duty", number, "person")
            yield from _unknown(document, place, f"member of the team {team.id!r}", shift.person, members)
    yield from _route_faults(file, document)


def _route_faults(file: SiteFile, document: Document) -> Iterator[Fault]:
    teams = {team.id: [person.id for person in team.members] for team in file.teams}
    devices = [device.id for device in file.devices]
    for index, route in enumerate(file.routes):
        here: Place = ("routes", index)
        if route.team is not None:
            yield from _unknown(document, (*here, "team"), "team", route.team, list(teams))
        if route.person is not None and route.team is None:
            yield document.fault((*here, "person"), "a person is sent as one of a team", "name the team, too")
        elif route.person is not None and route.team in teams:
            what = f"member of the team {route.team!r}"
            yield from _unknown(document, (*here, "person"), what, route.person, teams[route.team])
        if route.match.site is not None:
            yield from _unknown(document, (*here, "match", "site"), "site", route.match.site, [file.site.id])
        if route.match.device is not None:
            yield from _unknown(document, (*here, "match", "device"), "device", route.match.device, devices)
        if route.notify:
            message = "this version sends no notices yet; tickets go to the route's team all the same"
            yield document.fault((*here, "notify"), message, "", "warning")


def _unknown(document: Document, place: Place, what: str, name: str, known: Sequence[str]) -> Iterator[Fault]:
    if name not in known:
        yield document.fault(place, f"there is no {what} {name!r}", closest(name, known))
