"""The documents of the site: its summary for the fleet, and its picture with the power flow."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.reading import Quality
from gateway.console.balance import Balance, Figure, Part, balance, load_meters, main_meters
from gateway.console.device_view import STATE_NAMES, count_alerts
from gateway.console.picture import Picture
from gateway.console.ports import DeviceFacts, Json, SiteFacts, TeamFacts
from gateway.live import Live

_IDLE_KW = 0.05
_OWN_KINDS = ("gateway", "bus", "ledger")
_BUS_POINTS = ("load_pct", "cycle_s", "requests_per_s", "errors_pct", "devices_silent", "devices_total")
_RUNNING = ("running", "late")


class SiteView:
    """Builds the site's documents; `devices`, `alerts` and `tickets` are the present ones."""

    def __init__(self, site: SiteFacts, live: Live, picture: Picture) -> None:
        self._site = site
        self._live = live
        self._picture = picture

    def summary(
        self, devices: Mapping[str, DeviceFacts], alerts: Sequence[Json], tickets: Iterable[Json]
    ) -> Json:
        site = self._site
        polled = [device for device in devices.values() if device.kind not in _OWN_KINDS]
        figures = balance(self._parts(polled))
        open_tickets = list(tickets)
        ts_ms, age_ms = self._newest(polled)
        online = [self._picture.online(device) for device in polled]
        place = None
        if site.latitude is not None and site.longitude is not None:
            place = {"latitude": site.latitude, "longitude": site.longitude}
        return {
            "id": site.id,
            "name": site.name.document(),
            "timezone": site.timezone,
            "location": place,
            "state": _site_state(online),
            "ts": ts_ms,
            "age_ms": age_ms,
            "balance": {"ts": ts_ms} | _balance_document(figures),
            "soc_pct": _figure(self._soc(polled)),
            "ratings": self._ratings(polled),
            "devices": {"total": len(polled), "answering": sum(up is True for up in online)},
            "alerts": count_alerts(alerts),
            "tickets": {"open": len(open_tickets), "next": next_clock(open_tickets)},
        }

    def full(
        self,
        devices: Mapping[str, DeviceFacts],
        alerts: Sequence[Json],
        tickets: Iterable[Json],
        *,
        with_members: bool = True,
    ) -> Json:
        site = self._site
        polled = [device for device in devices.values() if device.kind not in _OWN_KINDS]
        return self.summary(devices, alerts, tickets) | {
            "users_served": site.users_served,
            "remoteness": site.remoteness,
            "cell": dict(site.cell) if site.cell else None,
            "teams": [_team(team, with_members=with_members) for team in site.teams],
            "buses": [self._bus(device) for device in devices.values() if device.kind == "bus"],
            "flow": {"nodes": self._nodes(polled)},
        }

    def now(self, devices: Mapping[str, DeviceFacts]) -> Json:
        """What a tick tells of the site."""
        polled = [device for device in devices.values() if device.kind not in _OWN_KINDS]
        return {
            "ts": self._newest(polled)[0],
            "state": _site_state([self._picture.online(device) for device in polled]),
        }

    def _newest(self, devices: Iterable[DeviceFacts]) -> tuple[int | None, int | None]:
        frames = [f for d in devices if (f := self._live.last_answered.get(d.id)) is not None]
        if not frames:
            return None, None
        newest = min(frames, key=self._picture.age_ms)
        return newest.ts_ms, self._picture.age_ms(newest)

    def _parts(self, devices: Iterable[DeviceFacts]) -> list[Part]:
        return [self._part(device) for device in devices]

    def _part(self, device: DeviceFacts) -> Part:
        return Part(
            device.id,
            device.kinds,
            device.role,
            device.parent,
            lambda point: self._picture.figure(device, point),
        )

    def _soc(self, devices: Iterable[DeviceFacts]) -> Figure | None:
        """State of charge over all batteries, weighed by their rated energy."""
        batteries = [device for device in devices if "battery" in device.kinds]
        if not batteries:
            return None
        weight_sum = sum_pct = 0.0
        quality = Quality.GOOD
        for device in batteries:
            figure = self._picture.figure(device, "soc_pct") or Figure(None, Quality.BAD)
            if figure.value is None:
                return figure
            weight = device.rated_kwh or device.rated_kw or 1.0
            weight_sum += weight
            sum_pct += weight * figure.value
            quality = quality if figure.quality is Quality.GOOD else figure.quality
        return Figure(sum_pct / weight_sum, quality)

    def _ratings(self, devices: Sequence[DeviceFacts]) -> Json:
        return {
            "pv_kw": _rated(devices, "inverter", "rated_kw"),
            "pv_kwp": _rated(devices, "inverter", "rated_kwp"),
            "battery_kw": _rated(devices, "battery", "rated_kw"),
            "battery_kwh": _rated(devices, "battery", "rated_kwh"),
            "charging_kw": _rated(devices, "charger", "rated_kw"),
            "transformer_kva": self._site.transformer_kva,
            "export_permit_kw": self._site.export_permit_kw,
            "contract_kw": self._site.contract_kw,
        }

    def _bus(self, device: DeviceFacts) -> Json:
        document: Json = {"id": device.id.removeprefix("bus-")}
        for point in _BUS_POINTS:
            seen = self._picture.seen(device, point)
            document[point] = None if seen is None else seen.value
        return document

    def _nodes(self, devices: Sequence[DeviceFacts]) -> list[Json]:
        figures = balance(self._parts(devices))
        by_id = {device.id: device for device in devices}
        nodes: list[Json] = []
        mains = main_meters(self._parts(devices))
        if mains:
            nodes.append(_node("grid", "grid", None, figures.grid_kw, 1, rated_kw=self._site.transformer_kva))
        for part in mains:
            power = part.read("active_power_kw")
            meter = by_id[part.id]
            nodes.append(
                _node(part.id, "main_meter", "grid", power, 1, device=part.id, rated_kw=meter.rated_kw)
            )
        nodes.append(_node("bus", "bus", mains[0].id if mains else None, figures.residual_kw, 0))
        for id_, kind, figure, inward in (
            ("pv", "inverter", figures.pv_kw, 1),
            ("battery", "battery", figures.battery_kw, -1),
            ("charging", "charger", figures.charging_kw, -1),
        ):
            if figure is not None:
                group = [device for device in devices if kind in device.kinds]
                extra = self._group(id_, group)
                nodes.append(_node(id_, id_, "bus", figure, inward, **extra))
        subs = load_meters(self._parts(devices))
        if figures.load_kw is not None or subs:
            nodes.append(
                _node("load", "load", "bus", figures.load_kw, -1, devices=[part.id for part in subs])
            )
        for device in devices:
            if device.role == "sub_meter":
                above = device.parent if device.parent in by_id else None
                below_sub = above is not None and by_id[above].role == "sub_meter"
                nodes.append(
                    _node(
                        device.id,
                        "sub_meter",
                        above if below_sub else "load",
                        self._picture.figure(device, "active_power_kw"),
                        -1,
                        device=device.id,
                        label=dict(device.labels),
                        rated_kw=device.rated_kw,
                    )
                )
        return nodes

    def _group(self, id_: str, group: Sequence[DeviceFacts]) -> Json:
        kind = {"pv": "inverter", "battery": "battery", "charging": "charger"}[id_]
        extra: Json = {
            "devices": [device.id for device in group],
            "answering": sum(self._picture.online(device) is True for device in group),
            "rated_kw": _rated(group, kind, "rated_kw"),
        }
        if id_ == "battery":
            extra["soc_pct"] = _figure(self._soc(group))
        if id_ == "charging":
            states = [
                seen.value
                for device in group
                for point in device.points
                if point.startswith("connector_state")
                and (seen := self._picture.seen(device, point)) is not None
            ]
            extra["connectors"] = len(states)
            extra["busy"] = sum(state == "charging" for state in states)
        return extra


def next_clock(tickets: Iterable[Mapping[str, Any]]) -> Json | None:
    """The running ticket clock that is due first."""
    due = [
        (clock["due"], name, ticket)
        for ticket in tickets
        for name, clock in ticket.get("clocks", {}).items()
        if clock.get("due") is not None and clock.get("state") in _RUNNING
    ]
    if not due:
        return None
    due_ms, name, ticket = min(due, key=lambda entry: entry[0])
    return {
        "id": ticket["id"],
        "number": ticket["number"],
        "priority": ticket["priority"],
        "clock": name,
        "due": due_ms,
    }


def _site_state(online: Sequence[bool | None]) -> str:
    if not online or all(up is None for up in online):
        return STATE_NAMES[None]
    if all(online):
        return "online"
    return "degraded" if any(online) else "offline"


def _figure(figure: Figure | None) -> Json | None:
    if figure is None:
        return None
    value = None if figure.value is None else round(figure.value, 3)
    return {"value": value, "quality": figure.quality.value}


def _balance_document(figures: Balance) -> Json:
    return {
        "grid_kw": _figure(figures.grid_kw),
        "pv_kw": _figure(figures.pv_kw),
        "battery_kw": _figure(figures.battery_kw),
        "charging_kw": _figure(figures.charging_kw),
        "load_kw": _figure(figures.load_kw),
        "residual_kw": _figure(figures.residual_kw),
    }


def _rated(devices: Iterable[DeviceFacts], kind: str, field: str) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [rated for d in devices if kind in d.kinds and (rated := getattr(d, field)) is not None]
    return sum(known) if known else None


def _node(id_: str, kind: str, parent: str | None, power: Figure | None, inward: int, **more: Any) -> Json:
    """`inward` is +1 where a positive power flows to the bus, -1 where it flows away, 0 for neither."""
    if power is None or power.value is None:
        direction = "unknown"
    elif inward == 0 or abs(power.value) < _IDLE_KW:
        direction = "idle"
    else:
        direction = "to_bus" if power.value * inward > 0 else "from_bus"
    base: Json = {"id": id_, "type": kind, "parent": parent, "device": None, "rated_kw": None}
    return base | {"power": _figure(power), "direction": direction} | more


def _team(team: TeamFacts, *, with_members: bool) -> Json:
    document: Json = {"id": team.id, "name": team.name.document(), "kinds": team.kinds}
    if with_members:
        document["members"] = [{"id": m.id, "name": m.name, "role": m.role} for m in team.members]
    return document
