"""Where alerts and tickets are kept: SQLite in the data folder, or PostgreSQL.

Every writing transaction is alone (`BEGIN IMMEDIATE`, or an advisory lock), so that events get
their numbers in the order in which they are committed, also with a second process beside.

    StoreError            the store cannot be used (full, locked, unreachable); try again later
    ├── StoreMissing      asked not to create it, and it is not there
    └── StoreTooNew       written by a later version; never touched
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from gateway.failure import Failure
from gateway.tickets import schema
from gateway.wal_guard import WalGuard

BUSY_MS = 10_000
_PG_LOCK = 0x4D61706C65  # "Maple"; any number will do as long as it stays the same


class StoreError(Failure):
    """The store cannot be used."""


class StoreMissing(StoreError):  # noqa: N818  # named for what is the case
    """There is no store yet."""


class StoreTooNew(StoreError):  # noqa: N818  # named for what is the case
    """A later version wrote it."""


class Store:
    """An open store. All methods block: call them from the desk's own thread."""

    def __init__(self, engine: Engine, url: str, store_id: str, guard: WalGuard | None) -> None:
        self._engine = engine
        self._guard = guard
        self._url = url
        self.id = store_id

    @classmethod
    def open(cls, url: str, data: Path, *, password: str | None = None, create: bool = True) -> "Store":
        """Open the store at `sqlite:///file` (relative to `data`) or `postgresql://user@host/database`.

        Raises:
            StoreMissing: `create` is false and there is no store.
            StoreTooNew: its schema is of a later version.
            StoreError: it cannot be reached or read.
        """
        guard = None
        if url.startswith("sqlite:///"):
            engine, guard = _sqlite(url, data, create=create)
        else:
            engine = _postgresql(url, password)
        try:
            return cls(engine, url, _prepared(engine, url, create=create), guard)
        except (DBAPIError, StoreError) as error:
            _let_go(engine, guard)
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"the ticket store {url} cannot be used: {_reason(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that nobody else writes beside; an exception undoes it.

        Raises:
            StoreError: the store refuses; nothing was written.
        """
        with self._named(), _writing(self._engine) as connection, connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent picture.

        Raises:
            StoreError: the store refuses.
        """
        with self._named(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"the ticket store {self._url} refuses: {_reason(error)}") from error

    def close(self) -> None:
        _let_go(self._engine, self._guard)


def _let_go(engine: Engine, guard: WalGuard | None) -> None:
    engine.dispose()
    if guard is not None:
        guard.release()


def _sqlite(url: str, data: Path, *, create: bool) -> tuple[Engine, WalGuard]:
    path = data / url.removeprefix("sqlite:///")
    if not create and not path.is_file():
        raise StoreMissing(
            f"there are no tickets yet: {path} does not exist; has the gateway run with this data folder?"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be used: {error.strerror}") from error
    guard = WalGuard(path)
    guard.hold()
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1_000})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late
        connection.execute("PRAGMA journal_mode=WAL")
        guard.hold()  # where there was no file before
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA wal_autocheckpoint=256")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        alone = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")

    return engine, guard


def _postgresql(url: str, password: str | None) -> Engine:
    address = make_url(url).set(drivername="postgresql+psycopg", password=password)
    engine = create_engine(
        address,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args={"client_encoding": "utf8"},
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writing", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PG_LOCK})")

    return engine


def _writing(engine: Engine) -> Connection:
    """A connection for a transaction that sees what was committed while it waited for its turn."""
    connection = engine.connect().execution_options(writing=True)
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="READ COMMITTED")
    return connection


def _prepared(engine: Engine, url: str, *, create: bool) -> str:
    """The store's id, after making its tables if they are not there."""
    with _writing(engine) as connection, connection.begin():
        there = engine.dialect.has_table(connection, schema.meta.name)
        if not there and not create:
            raise StoreMissing(f"there are no tickets yet: {url} is empty; has the gateway run with it?")
        if not there:
            schema.metadata.create_all(connection)
            rows = [
                {"key": "schema", "value": str(schema.SCHEMA_VERSION)},
                {"key": "store_id", "value": secrets.token_hex(6)},
            ]
            connection.execute(insert(schema.meta), rows)
        rows_there = connection.execute(select(schema.meta.c.key, schema.meta.c.value))
        facts: dict[str, str] = {row.key: row.value for row in rows_there}
    version = int(facts["schema"])
    if version > schema.SCHEMA_VERSION:
        raise StoreTooNew(
            f"{url} has schema {version}, this version knows {schema.SCHEMA_VERSION}; run the newer version"
        )
    return facts["store_id"]


def _reason(error: DBAPIError) -> str:
    return next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
