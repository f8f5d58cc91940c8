"""The desk's tables, the same in SQLite and PostgreSQL. Times are UTC milliseconds in big integers.

`ticket_events` is only ever appended to; each row's hash covers the row before it of the same
ticket. `outbox` holds the events that the running gateway has not yet acted upon and published.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 1

metadata = MetaData()
_Counter = BigInteger().with_variant(Integer, "sqlite")

meta = Table(
    "desk_meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False)
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String, primary_key=True),
    Column("site", String, nullable=False),
    Column("device", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("state", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("clear_since_ms", BigInteger),
    Column("suppressed_by", String),
    Column("parent", String),
    Column("ticket", String),
    Column("listed_in", String),
    Column("document", Text, nullable=False),
)
Index("alerts_by_time", alerts.c.since_ms, alerts.c.id)
Index(
    "alerts_open",
    alerts.c.site,
    sqlite_where=text("state <> 'cleared'"),
    postgresql_where=text("state <> 'cleared'"),
)

alert_changes = Table(
    "alert_changes",
    metadata,
    Column("alert", String, ForeignKey("alerts.id"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("ts_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", String),
    Column("dedupe_key", String, nullable=False),
    Column("site", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("open", Integer, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("last_seq", Integer, nullable=False),
    Column("search", Text, nullable=False),
    Column("good_from_ms", BigInteger),
    Column("good_share", Float),
)
Index("tickets_by_time", tickets.c.opened_ms, tickets.c.id)
Index("tickets_by_number", tickets.c.number, unique=True)
Index(
    "tickets_one_open_per_key",
    tickets.c.dedupe_key,
    unique=True,
    sqlite_where=text("open = 1"),
    postgresql_where=text("open = 1"),
)

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("ticket", String, ForeignKey("tickets.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("key", String, nullable=False),
    Column("ts_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("ticket", "seq"),
    UniqueConstraint("ticket", "key"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("event", _Counter, ForeignKey("ticket_events.id"), primary_key=True, autoincrement=False),
)
