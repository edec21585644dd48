"""What tests share: a PostgreSQL server, a database of each kind, and one MLflow store for the session."""

import gc
import logging
import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
import sqlalchemy as sa

from model_code import logs, sql
from model_code.registry import Registry
from tests.counted import pytest_terminal_summary  # noqa: F401  # a hook
from tests.postgresql import PostgresqlServer, initdb
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401  # hooks

NOTHING_BOUND = dict.fromkeys(logs.CONTEXT_FIELDS)


def missing(part: str) -> NoReturn:
    """Skip a test for a part that this machine lacks; in CI, where every part can be had, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{part} is missing; in CI it must be there")
    pytest.skip(f"{part} is missing")


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test calls configures logging, and binds fields, for the whole process: afterwards it is as it was."""
    root, httpx = logging.getLogger(), logging.getLogger("httpx")
    handlers, level, httpx_level = list(root.handlers), root.level, httpx.level
    yield
    if root.level != level or httpx.level != httpx_level or not set(handlers) <= set(root.handlers):
        root.handlers[:] = handlers
        root.setLevel(level)
        httpx.setLevel(httpx_level)
    logs.identify(**NOTHING_BOUND)
    logs.bind(**NOTHING_BOUND)


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    """A service that a test runs in this process takes objects out of the collector's sight: afterwards they are back."""
    thresholds = gc.get_threshold()
    yield
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.set_threshold(*thresholds)


@contextmanager
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of the caller's own, which it may stop as long as it starts it again."""
    found = initdb()
    if found is None:
        missing("PostgreSQL (apt-get install postgresql)")
    server = PostgresqlServer(found, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.remove()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server of this session alone, with one database; `sql_url` empties it."""
    with own_postgresql() as server:
        yield server.url


@pytest.fixture(scope="session")
def programs() -> ForkServerContext:
    """Starts programs of their own, to race or to be killed; what takes seconds to import is there already."""
    context = multiprocessing.get_context("forkserver")
    stores = ["mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"]
    context.set_forkserver_preload(["mlflow", *stores, "psycopg", "model_code.predictions", "model_code.promotion"])
    return context


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind that Evenkeel supports."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'evenkeel.db'}"
    url = str(request.getfixturevalue("postgresql_url"))
    emptied = sql.engine(url)
    with emptied.begin() as connection:  # cheaper than a database for each test
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    emptied.dispose()
    return url


@pytest.fixture
def engine(sql_url: str) -> Iterator[sa.Engine]:
    """An engine of an empty database, of each kind."""
    made = sql.engine(sql_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow store for the session (a new one takes seconds); tests keep apart by use case names of their own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    Registry(url).versions("none")
    return url


@pytest.fixture(scope="session")
def registry(mlflow_url: str) -> Registry:
    """A registry on the session's MLflow store."""
    return Registry(mlflow_url)


@pytest.fixture
def usecase() -> str:
    """A use case name that no other test has."""
    return f"u{uuid4().hex[:12]}"
