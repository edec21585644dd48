"""One SQL URL for ledger, predictions and pointer: SQLite on one machine, PostgreSQL on many, the same code."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from model_code.errors import ConfigurationError, StoreError
from model_code.postgresql_patience import PATIENCE

BUSY_SECONDS = 30  # how long a SQLite writer waits for another one before it gives up
metadata = sa.MetaData()


class Locked(StoreError):
    """Another program holds the lock."""


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time, stored in UTC; SQLite, which forgets the zone, gives it back in UTC as well."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, and naive where the database knows no zones; a naive time is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value.isoformat()} has no time zone")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The same time, aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine(url: str) -> sa.Engine:
    """An engine for `sqlite:///FILE` (folder made, WAL) or `postgresql://…` (driver psycopg).

    Raises:
        ConfigurationError: Another database, or one in memory, which no second program could see.
        StoreError: The database cannot be opened.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        made = sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=PATIENCE)
        with transaction(made) as connection:
            connection.execute(sa.text("SELECT 1"))
        return made
    path = Path(parsed.database or "").resolve()
    made = sa.create_engine(parsed.set(database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(made, "connect", _configure_sqlite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Entering WAL needs the file for itself and does not wait its turn: one program at a time.
        with exclusive(made, "open"), transaction(made) as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except OSError as error:
        raise StoreError(f"{path}: {error}", hint="the folder must be writable; EVENKEEL_SQL_URL names another") from error
    return made


def create_table(on: sa.Engine, table: sa.Table) -> None:
    """Make the table with its triggers unless it is there; safe with many programs starting at once.

    Raises:
        StoreError: The database cannot be written.
    """
    with transaction(on) as connection:
        if sa.inspect(connection).has_table(table.name):
            return
    with exclusive(on, "tables"), transaction(on) as connection:
        if on.dialect.name == "sqlite":  # its driver would else commit each statement of its own
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        metadata.create_all(connection, tables=[table])


def insert(on: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the engine's dialect, which knows ON CONFLICT."""
    return sqlite.insert(table) if on.dialect.name == "sqlite" else postgresql.insert(table)


@contextmanager
def transaction(on: sa.Engine) -> Iterator[sa.Connection]:
    """A connection in one transaction: all of it or nothing.

    Raises:
        StoreError: The database cannot be reached, read or written.
    """
    try:
        with on.begin() as connection:
            yield connection
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError):
        raise  # wrong use, not a broken store
    except sa.exc.DBAPIError as error:
        raise StoreError(
            f"SQL store {on.url.render_as_string()}: {error.orig}",
            hint="is EVENKEEL_SQL_URL right, the server up and let through to, the disk writable and not full?",
        ) from error


@contextmanager
def exclusive(on: sa.Engine, name: str, timeout: float | None = None) -> Iterator[None]:
    """Holds a named lock among all programs of this database; the system frees it when its owner dies.

    Args:
        on: The database: SQLite locks a file beside it, PostgreSQL an advisory lock of a connection.
        name: What is locked.
        timeout: Seconds to wait. Default: as long as a writer waits.

    Raises:
        Locked: Another one holds it for longer than `timeout`.
        StoreError: The database cannot be reached.
    """
    timeout = BUSY_SECONDS if timeout is None else timeout
    if on.dialect.name == "sqlite":
        try:
            with FileLock(f"{on.url.database}.{name}.lock", timeout=timeout):
                yield
        except Timeout as error:
            raise Locked(f"{name} is locked by another program", hint="try again") from error
        return
    key = int.from_bytes(hashlib.sha256(f"evenkeel {name}".encode()).digest()[:8], "big", signed=True)
    with transaction(on) as connection:
        connection.execute(sa.select(sa.func.set_config("lock_timeout", f"{round(timeout * 1000)}ms", True)))
        try:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available
                raise
            raise Locked(f"{name} is locked by another program", hint="try again") from error
        yield


def _parsed(url: str) -> sa.URL:
    hint = "EVENKEEL_SQL_URL is sqlite:////FOLDER/FILE.db or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError("the SQL URL cannot be read", hint=hint) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"no support for the database {backend!r}", hint=hint)
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("a SQLite database in memory cannot be shared between programs", hint=hint)
    return parsed


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # or INSERT OR REPLACE would slip past a DELETE trigger
