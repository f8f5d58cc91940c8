"""The alerts among the desk's tables, within one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, func, insert, select, tuple_, update

from gateway.tickets import schema

_CLEAR = frozenset({"latched", "cleared"})


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert as the desk keeps it: its document and the ticket that it belongs to or is listed in."""

    document: Mapping[str, Any]
    changed_ms: int
    clear_since_ms: int | None
    ticket: str | None
    listed_in: str | None

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def suppressed(self) -> bool:
        return self.document["suppressed"] is not None

    @property
    def parent(self) -> str | None:
        """The alert that inhibits it."""
        suppressed = self.document["suppressed"]
        return suppressed["alert"] if suppressed and suppressed["by"] == "inhibited" else None

    def shown(self) -> dict[str, Any]:
        """The alert document with its ticket."""
        return {**self.document, "ticket": self.ticket or self.listed_in or self.document["ticket"]}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a list; `state` is `open`, `all` or one state (of alerts also `shelved`)."""

    state: str = "open"
    site: str | None = None
    device: str | None = None
    severities: frozenset[str] = frozenset()
    text: str | None = None


class AlertBooks:
    """The tables of alerts."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def alert(self, alert_id: str) -> AlertEntry | None:
        row = self._db.execute(select(schema.alerts).where(schema.alerts.c.id == alert_id)).first()
        return None if row is None else _entry(row)

    def alerts(self, ids: Iterable[str]) -> dict[str, AlertEntry]:
        wanted = list(ids)
        if not wanted:
            return {}
        rows = self._db.execute(select(schema.alerts).where(schema.alerts.c.id.in_(wanted)))
        return {row.id: _entry(row) for row in rows}

    def open_alerts(self) -> list[AlertEntry]:
        """All but the cleared ones, oldest first."""
        query = select(schema.alerts).where(schema.alerts.c.state != "cleared")
        return [_entry(row) for row in self._db.execute(query.order_by(schema.alerts.c.since_ms))]

    def keep_alert(self, document: Mapping[str, Any], position: int, ts_ms: int) -> bool:
        """Store the alert as it is after a change; False when that change is known already."""
        alert_id, table = document["id"], schema.alerts
        known = self._db.execute(select(table).where(table.c.id == alert_id)).first()
        seen = select(func.max(schema.alert_changes.c.position)).where(
            schema.alert_changes.c.alert == alert_id
        )
        last = self._db.execute(seen).scalar()
        if last is not None and last >= position:
            return False
        suppressed = document["suppressed"] or {}
        values = {
            "site": document["site"],
            "device": document["device"],
            "rule": document["rule"],
            "state": document["state"],
            "severity": document["severity"],
            "since_ms": document["since"],
            "changed_ms": ts_ms,
            "clear_since_ms": _clear_since_ms(document, known, ts_ms),
            "suppressed_by": suppressed.get("by"),
            "parent": suppressed.get("alert"),
            "document": json_text(document),
        }
        if known is None:
            self._db.execute(insert(table).values(id=alert_id, **values))
        else:
            self._db.execute(update(table).where(table.c.id == alert_id).values(**values))
        change = {"alert": alert_id, "position": position, "ts_ms": ts_ms, "document": values["document"]}
        self._db.execute(insert(schema.alert_changes).values(**change))
        return True

    def link_alert(self, alert_id: str, ticket_id: str) -> None:
        self._db.execute(update(schema.alerts).where(schema.alerts.c.id == alert_id).values(ticket=ticket_id))

    def list_alert(self, alert_id: str, ticket_id: str) -> None:
        self._db.execute(
            update(schema.alerts).where(schema.alerts.c.id == alert_id).values(listed_in=ticket_id)
        )

    def alert_changes(self, alert_id: str) -> list[tuple[int, dict[str, Any]]]:
        """All changes of an alert in order: when, and the document since then."""
        table = schema.alert_changes
        query = (
            select(table.c.ts_ms, table.c.document)
            .where(table.c.alert == alert_id)
            .order_by(table.c.position)
        )
        return [(ts_ms, orjson.loads(document)) for ts_ms, document in self._db.execute(query)]

    def changes_between(self, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, dict[str, Any]]]]:
        """For each alert that changed in this time: all its changes up to the end, in order."""
        table = schema.alert_changes
        changed = select(table.c.alert).where(table.c.ts_ms.between(from_ms, to_ms)).distinct()
        query = select(table.c.alert, table.c.ts_ms, table.c.document).where(
            table.c.alert.in_(changed), table.c.ts_ms <= to_ms
        )
        found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for alert, ts_ms, document in self._db.execute(query.order_by(table.c.alert, table.c.position)):
            found.setdefault(alert, []).append((ts_ms, orjson.loads(document)))
        return found

    def page_of_alerts(self, wanted: Wanted, limit: int, before: tuple[int, str] | None) -> list[AlertEntry]:
        """The latest first."""
        table = schema.alerts
        query = select(table)
        if wanted.state == "open":
            query = query.where(table.c.state != "cleared")
        elif wanted.state == "shelved":
            query = query.where(table.c.suppressed_by == "shelved")
        elif wanted.state != "all":
            query = query.where(table.c.state == wanted.state)
        if wanted.site is not None:
            query = query.where(table.c.site == wanted.site)
        if wanted.device is not None:
            query = query.where(table.c.device == wanted.device)
        if wanted.severities:
            query = query.where(table.c.severity.in_(sorted(wanted.severities)))
        if wanted.text:
            query = query.where(func.lower(table.c.document).contains(wanted.text.lower(), autoescape=True))
        query = latest_first(query, table.c.since_ms, table.c.id, limit, before)
        return [_entry(row) for row in self._db.execute(query)]


def json_text(document: Mapping[str, Any]) -> str:
    """As it is stored and hashed."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def _entry(row: Row[Any]) -> AlertEntry:
    return AlertEntry(
        orjson.loads(row.document), row.changed_ms, row.clear_since_ms, row.ticket, row.listed_in
    )


def _clear_since_ms(document: Mapping[str, Any], known: Row[Any] | None, ts_ms: int) -> int | None:
    if document["state"] not in _CLEAR:
        return None
    if known is not None and known.clear_since_ms is not None:
        return int(known.clear_since_ms)
    return ts_ms


def latest_first(
    query: Select[Any], when: Any, ident: Any, limit: int, before: tuple[int, str] | None
) -> Select[Any]:
    """A page of a list that begins with the latest, or goes on before a (time, id) given out."""
    if before is not None:
        query = query.where(tuple_(when, ident) < tuple_(*before))
    return query.order_by(when.desc(), ident.desc()).limit(limit)
