"""A desk in memory with the manners of the real one: keys, states, refusals."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from agent.clock import Clock
from agent.quantity import MINUTE_MS
from agent.reading import Text, Value
from agent.rules.alarm_load import Alarm, alarm_load, causes, floods
from gateway.console.ports import ActRefused, Json, Page, RoleName, UnknownObject, WrongArguments
from gateway.console.testing_village import POINTS, SITE
from gateway.live import Live


class SmallDesk:
    """Alerts and tickets in memory, with the manners of the real desk: keys, states, refusals."""

    _NEXT: Mapping[str, Mapping[str, str]] = {
        "new": {"dispatch": "dispatched", "cancel": "cancelled"},
        "dispatched": {"accept": "accepted", "return": "new", "cancel": "cancelled"},
        "accepted": {"arrive": "on_site", "return": "new", "cancel": "cancelled"},
        "on_site": {"start": "in_progress"},
        "in_progress": {"hold": "on_hold", "report": "reported"},
        "on_hold": {"resume": "in_progress"},
        "reported": {"verify_waive": "verified"},
        "verified": {"archive": "archived"},
    }
    _ALWAYS = ("comment", "add_evidence")
    _NEEDS: Mapping[str, tuple[str, ...]] = {
        "dispatch": ("team",),
        "accept": ("person",),
        "hold": ("reason", "resume_by"),
        "cancel": ("reason",),
        "return": ("reason",),
        "report": ("cause", "action"),
        "comment": ("text",),
        "add_evidence": ("name", "content", "media_type"),
    }

    def __init__(self, clock: Clock, live: Live) -> None:
        self._clock = clock
        self._live = live
        self.alert_documents: dict[str, Json] = {}
        self.ticket_documents: dict[str, Json] = {}
        self.pause_documents: dict[str, Json] = {}
        self._answers: dict[str, Json] = {}

    def raise_alert(
        self, rule: str, device: str, severity: str, title: Text, values: Mapping[str, Value]
    ) -> Json:
        document: Json = {
            "id": secrets.token_hex(8),
            "rule": rule,
            "site": SITE,
            "device": device,
            "channel": None,
            "state": "active",
            "severity": severity,
            "since": self._clock.utc_ms(),
            "until": None,
            "title": title.document(),
            "values": dict(values),
            "acknowledged": None,
            "suppressed": None,
            "ticket": None,
        }
        self._put_alert(document)
        return document

    def clear_alert(self, alert_id: str) -> None:
        self._put_alert(self.alert_documents[alert_id] | {"state": "cleared", "until": self._clock.utc_ms()})

    def open_alerts(self) -> Sequence[Json]:
        return [a for a in self.alert_documents.values() if a["state"] != "cleared"]

    async def alerts(
        self,
        *,
        state: str,
        site: str | None,
        device: str | None,
        severities: frozenset[str],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Page:
        found = [
            alert
            for alert in reversed(self.alert_documents.values())
            if _alert_is(alert, state)
            and site in (None, alert["site"])
            and device in (None, alert["device"])
            and (not severities or alert["severity"] in severities)
            and (text is None or text.lower() in str(alert).lower())
        ]
        return _page(found, limit, cursor)

    async def alarm_load(self, from_ms: int, to_ms: int, *, operators: int) -> Json:
        alarms = [
            Alarm(a["since"], a["id"], a["rule"], a["device"], a["severity"], a["title"])
            for a in self.alert_documents.values()
            if from_ms <= a["since"] <= to_ms
        ]
        return alarm_load(alarms, self.open_alerts(), from_ms=from_ms, to_ms=to_ms, operators=operators)

    async def handover(self, from_ms: int, to_ms: int) -> Json:
        tickets = [
            {"ended": None, "owner": "station", "level": "village", **ticket}
            for ticket in self.ticket_documents.values()
        ]
        spoken = {"at": from_ms + 60_000, "by": "zhang", "text": "<b>the spare fan is here</b>"}
        return {
            "from": from_ms,
            "to": to_ms,
            "opened": tickets,
            "closed": [],
            "late": tickets,
            "waiting": tickets,
            "on_hold": [],
            "shelves": [a for a in self.open_alerts() if a["suppressed"] is not None],
            "unacknowledged": [a for a in self.open_alerts() if a["acknowledged"] is None],
            "notes": [{"ticket": t["id"], "number": t["number"], **spoken} for t in tickets],
        }

    async def flood(self) -> Json | None:
        times = sorted(a["since"] for a in self.alert_documents.values())
        now_ms = self._clock.utc_ms()
        spans = floods(times, now_ms)
        if not spans or spans[-1].to_ms < now_ms:
            return None
        return {"since": spans[-1].from_ms, "alerts": len(times), "causes": causes(self.open_alerts())}

    async def alert(self, alert_id: str) -> Json:
        alert = self._alert(alert_id)
        ticket = self.ticket_documents.get(alert["ticket"] or "")
        empty = {"en": "cooling failure or a failing cell", "zh": "冷却失效或电芯故障"}
        point = next(iter(alert["values"]), "state")
        return alert | {
            "rule_text": {
                "id": alert["rule"],
                "title": alert["title"],
                "cause": empty,
                "consequence": {"en": "ageing, then fire", "zh": "加速老化,直至起火"},
                "action": {"en": "check cooling and filter", "zh": "检查冷却与滤网"},
                "when": f"{point} >= high",
                "clear": f"{point} <= ok",
                "for_ms": 20_000,
                "clear_for_ms": 30_000,
                "latch": False,
                "params": {"high": 45.0, "ok": 42.0},
            },
            "inputs": [
                {
                    "point": name,
                    "value": value,
                    "quality": "good",
                    "unit": POINTS[name][0],
                    "label": {"en": POINTS[name][2], "zh": POINTS[name][3]},
                    "ts": alert["since"],
                }
                for name, value in alert["values"].items()
            ],
            "timeline": [
                {
                    "ts": alert["since"],
                    "what": "active",
                    "severity": alert["severity"],
                    "by": None,
                    "note": "",
                }
            ],
            "ticket_summary": None
            if ticket is None
            else {key: ticket[key] for key in ("id", "number", "state", "priority")},
        }

    async def acknowledge(self, alert_id: str, *, by: str) -> Json:
        alert = self._open_alert(alert_id)
        if alert["acknowledged"] is None:
            alert = alert | {"acknowledged": {"by": by, "at": self._clock.utc_ms()}}
            self._put_alert(alert)
        return alert

    async def shelve(self, alert_id: str, *, by: str, until_ms: int, reason: str) -> Json:
        alert = self._open_alert(alert_id)
        shelf = {"by": "shelved", "alert": None, "until": until_ms, "reason": f"{reason} ({by})"}
        self._put_alert(alert | {"suppressed": shelf})
        return self.alert_documents[alert_id]

    async def unshelve(self, alert_id: str, *, by: str) -> Json:
        self._put_alert(self._open_alert(alert_id) | {"suppressed": None})
        return self.alert_documents[alert_id]

    async def reset(self, alert_id: str, *, by: str, code: str) -> Json:
        alert = self._open_alert(alert_id)
        if code != "HALL":
            raise ActRefused("read the code that is shown at the site", {"guard": "wrong_site_code"})
        if alert["state"] != "latched":
            raise ActRefused(f"the alert is {alert['state']}, not latched", {"guard": "not_latched"})
        self._put_alert(alert | {"state": "cleared", "until": self._clock.utc_ms()})
        return self._alert(alert_id)

    def pauses(self) -> Sequence[Json]:
        return list(self.pause_documents.values())

    def pause(
        self,
        why: str,
        match: Mapping[str, Any],
        until_ms: int | None,
        keep: Sequence[str],
        reason: str,
        *,
        by: str,
    ) -> Json:
        if why == "maintenance" and until_ms is None:
            raise ActRefused("maintenance has an end; say until when", {"guard": "no_end"})
        now_ms = self._clock.utc_ms()
        pause: Json = {
            "id": secrets.token_hex(6),
            "why": why,
            "match": dict(match),
            "from": now_ms,
            "until": until_ms,
            "keep": list(keep),
            "by": by,
            "reason": reason,
            "holds": True,
        }
        self.pause_documents[pause["id"]] = pause
        return pause

    def end_pause(self, pause_id: str, *, by: str) -> Json:
        if pause_id not in self.pause_documents:
            raise UnknownObject(pause_id)
        return self.pause_documents.pop(pause_id) | {"holds": False}

    async def tickets(
        self, *, state: str, site: str | None, text: str | None, limit: int, cursor: str | None
    ) -> Page:
        found = [
            ticket
            for ticket in reversed(self.ticket_documents.values())
            if _ticket_is(ticket, state)
            and site in (None, ticket["site"])
            and (text is None or text.lower() in str(ticket).lower())
        ]
        return _page(found, limit, cursor)

    async def ticket(self, ticket_id: str) -> Json:
        try:
            return self.ticket_documents[ticket_id]
        except KeyError:
            raise UnknownObject(ticket_id) from None

    async def open_ticket(self, request: Mapping[str, Any], *, by: str, role: RoleName) -> Json:
        key = request.get("key") or secrets.token_hex(8)
        if key not in self._answers:
            self._answers[key] = self.add_ticket(
                request["kind"], request["priority"], Text(**request["title"]), request["devices"], by=by
            )
        return self._answers[key]

    def add_ticket(
        self,
        kind: str,
        priority: str,
        title: Text,
        devices: Sequence[str],
        *,
        by: str,
        alert: str | None = None,
    ) -> Json:
        now_ms = self._clock.utc_ms()
        number = len(self.ticket_documents) + 1
        ticket: Json = {
            "id": secrets.token_hex(8),
            "number": f"T-20260530-{SITE}-{number:03}",
            "kind": kind,
            "state": "new",
            "priority": priority,
            "site": SITE,
            "devices": list(devices),
            "level": "village",
            "owner": "op1",
            "team": "station",
            "assignee": None,
            "alerts": [alert] if alert else [],
            "title": title.document(),
            "opened": now_ms,
            "checklist": "CL-BAT-A",
            "clocks": {"accept": {"due": now_ms + 5 * MINUTE_MS, "state": "running", "at": None}},
            "evidence": [
                {"name": "points.csv", "media_type": "text/csv", "size": 24, "sha256": "0" * 64},
            ],
            "events": [{"event": "open", "at": now_ms, "by": by}],
            "allowed": [*self._NEXT["new"], *self._ALWAYS],
        }
        self._put_ticket(ticket)
        if alert:
            self._put_alert(self.alert_documents[alert] | {"ticket": ticket["id"]})
        return ticket

    async def act(self, ticket_id: str, event: Mapping[str, Any], *, by: str, role: RoleName) -> Json:
        key = event.get("key") or secrets.token_hex(8)
        if key in self._answers:
            return self._answers[key]
        ticket = await self.ticket(ticket_id)
        name = event["event"]
        missing = [argument for argument in self._NEEDS.get(name, ()) if not event.get(argument)]
        if missing:
            raise WrongArguments([(f"body.{argument}", "is missing") for argument in missing])
        moves = self._NEXT.get(ticket["state"], {})
        refusal = {"event": name, "state": ticket["state"], "allowed": ticket["allowed"], "guard": "state"}
        if name not in (*moves, *self._ALWAYS):
            raise ActRefused(f"{name} is not possible in {ticket['state']}", refusal)
        alerts = [self.alert_documents[a] for a in ticket["alerts"]]
        if name == "archive" and any(alert["state"] != "cleared" for alert in alerts):
            raise ActRefused("BAT-02 on bat-1 is active", refusal | _STILL_ACTIVE)
        state = moves.get(name, ticket["state"])
        arguments = {k: v for k, v in event.items() if k not in ("event", "key", "content")}
        if name == "add_evidence":
            content = base64.b64decode(event["content"])
            facts = {key: event[key] for key in ("name", "media_type")}
            file = facts | {"size": len(content), "sha256": sha256(content).hexdigest()}
            ticket = ticket | {"evidence": [*ticket["evidence"], file]}
        changed = ticket | {
            "state": state,
            "assignee": event["person"]
            if name in ("dispatch", "accept") and "person" in event
            else ticket["assignee"],
            "events": [*ticket["events"], {"event": name, "at": self._clock.utc_ms(), "by": by, **arguments}],
            "allowed": [*self._NEXT.get(state, {}), *self._ALWAYS],
        }
        self._put_ticket(changed)
        self._answers[key] = changed
        return changed

    async def evidence(self, ticket_id: str, name: str) -> tuple[bytes, str]:
        ticket = await self.ticket(ticket_id)
        if not any(entry["name"] == name for entry in ticket["evidence"]):
            raise UnknownObject(name)
        return b"ts,device,point,value\r\n", "text/csv"

    def _alert(self, alert_id: str) -> Json:
        try:
            return self.alert_documents[alert_id]
        except KeyError:
            raise UnknownObject(alert_id) from None

    def _open_alert(self, alert_id: str) -> Json:
        alert = self._alert(alert_id)
        if alert["state"] == "cleared":
            raise ActRefused("the alert has ended", {"guard": "alert_ended"})
        return alert

    def _put_alert(self, alert: Json) -> None:
        self.alert_documents[alert["id"]] = alert
        self._live.alert(alert)

    def _put_ticket(self, ticket: Json) -> None:
        self.ticket_documents[ticket["id"]] = ticket
        self._live.ticket(ticket["id"])


_STILL_ACTIVE: Json = {
    "guard": "alert_still_active",
    "texts": {
        "title": {"en": "The alert is still active", "zh": "告警仍未恢复"},
        "detail": {"en": "BAT-02 on bat-1 is active", "zh": "bat-1 的 BAT-02 仍在动作"},
    },
}


def _alert_is(alert: Json, state: str) -> bool:
    if state == "shelved":
        return alert["suppressed"] is not None and alert["suppressed"]["by"] == "shelved"
    return state == "all" or alert["state"] == state or (state == "open" and alert["state"] != "cleared")


def _ticket_is(ticket: Json, state: str) -> bool:
    ended = ticket["state"] in ("archived", "cancelled", "merged")
    return state == "all" or ticket["state"] == state or (state == "open" and not ended)


def _page(found: Sequence[Json], limit: int, cursor: str | None) -> Page:
    if cursor is not None and not cursor.isdecimal():
        raise WrongArguments([("cursor", "is not one that this list gave out")])
    start = int(cursor or 0)
    return Page(found[start : start + limit], str(start + limit) if start + limit < len(found) else None)
