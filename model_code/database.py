"""`python -m model_code.database VARIABLE …`: wait for the database that each variable's URL names; make it where it is missing.

The URL stays in the environment, so that no list of processes shows it. Used by pods before the program that needs the database.
"""

import logging
import os
import sys
import time
from collections.abc import Sequence

import sqlalchemy as sa

from model_code.errors import ConfigurationError, StoreError
from model_code.exit_status import exit_status
from model_code.postgresql_patience import PATIENCE

LOG = logging.getLogger("evenkeel.database")
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 1.0
MAINTENANCE = "postgres"  # every PostgreSQL has it, to be in somewhere while another one is made
MISSING = "3D000"  # invalid_catalog_name
TAKEN = {"42P04", "23505"}  # duplicate_database, and what a race for it looks like


def await_database(url: str, patience: float = PATIENCE_SECONDS) -> None:
    """Return once the database answers; one that is missing is made, where the role may.

    Args:
        url: A PostgreSQL URL with any driver; another database needs nothing.
        patience: Seconds to wait for a server that does not answer yet.

    Raises:
        ConfigurationError: Not a URL.
        StoreError: It did not answer in time, or it may not be made.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError("not an SQLAlchemy URL", hint="such as postgresql://user:password@host:5432/name") from error
    if parsed.get_backend_name() != "postgresql":
        return
    deadline = time.monotonic() + patience
    while (found := _problem(parsed)) is not None:
        if _state(found) == MISSING:
            _make(parsed)
        elif time.monotonic() > deadline:
            raise StoreError(f"{_told(parsed)} does not answer: {_first_line(found)}", hint="is the URL right, and it up?")
        else:
            LOG.info("waiting for %s: %s", _told(parsed), _first_line(found))
            time.sleep(PAUSE_SECONDS)


def _problem(url: sa.URL) -> sa.exc.DBAPIError | None:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.DBAPIError as error:
        return error
    finally:
        engine.dispose()
    return None


def _make(url: sa.URL) -> None:
    engine = _engine(url.set(database=MAINTENANCE)).execution_options(isolation_level="AUTOCOMMIT")
    name = engine.dialect.identifier_preparer.quote(str(url.database))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        LOG.info("made %s", _told(url))
    except sa.exc.DBAPIError as error:
        if _state(error) not in TAKEN:
            raise StoreError(
                f"{_told(url)} is missing and cannot be made: {_first_line(error)}", hint="make it by hand"
            ) from error
    finally:
        engine.dispose()


def _engine(url: sa.URL) -> sa.Engine:
    plain = url.set(drivername="postgresql+psycopg")
    return sa.create_engine(plain, poolclass=sa.NullPool, connect_args=PATIENCE)


def _state(error: sa.exc.DBAPIError) -> str | None:
    """The SQLSTATE; a refused connection has it only in words."""
    found: str | None = getattr(error.orig, "sqlstate", None)
    return found or (MISSING if "does not exist" in str(error.orig) and "database" in str(error.orig) else None)


def _told(url: sa.URL) -> str:
    return f"database {url.database} at {url.host}"


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def main(names: Sequence[str]) -> int:
    """Exit code 0 when every database answers."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return exit_status(lambda: _await_each(names))


def _await_each(names: Sequence[str]) -> None:
    for name in names:
        if not os.environ.get(name):
            raise ConfigurationError(f"{name} is not set", hint="it names the database by its URL")
        await_database(os.environ[name])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
