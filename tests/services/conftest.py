"""One real service process for the session, serving the tiny use case; a PostgreSQL server that a test may stop."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_code.installation import Installation
from model_code.predictions import Prediction
from services.client import ForecastClient
from services.rollout.local.service import LocalService
from tests.conftest import free_port, own_postgresql
from tests.postgresql import PostgresqlServer
from tests.services import tiny


class Served:
    """The tiny use case with two bundles and a running service."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.target = LocalService(place.settings)
        self.ridge = make_known(place, "1", "ridge")
        self.naive = make_known(place, "2", "naive")

    def stored(self, request_id: str, rows: int) -> list[Prediction]:
        """What the store has of a request, once it has that many rows."""
        while len(kept := self.place.predictions.by_request(request_id, tiny.NAME)) < rows:
            time.sleep(0.05)
        return kept

    def point_at(self, bundle: str, previous: str | None = None) -> None:
        """Move the pointer and wait until the service followed."""
        self.place.pointers.move(tiny.NAME, bundle, previous)
        self.target.wait_ready(bundle)


def make_known(place: Installation, version: str, family: str) -> str:
    """A bundle whose version the ledger knows; its hash."""
    bundle = tiny.make_bundle(place, family)
    place.ledger.append(tiny.promotion_of(version, bundle.hash))
    return bundle.hash


def installation(folder: Path, **more: Any) -> Installation:
    """An installation with the tiny use case and its observations; `more` are settings."""
    tiny.write_usecase(folder / "usecases")
    settings = tiny.settings_for(folder / "home", folder / "usecases", free_port()).model_copy(update=more)
    place = Installation.open(tiny.NAME, settings)
    place.store.append(tiny.NAME, "load", tiny.load_rows(tiny.FIRST, tiny.PRESENT))
    return place


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A PostgreSQL server that the test may stop."""
    with own_postgresql() as made:
        yield made


@pytest.fixture(scope="session")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(installation(tmp_path_factory.mktemp("served")))
    found.place.pointers.move(tiny.NAME, found.ridge, None)
    try:
        found.target.deploy(found.place.usecase)
        yield found
    finally:
        found.target.stop()


@pytest.fixture
def served(running_service: Served) -> Served:
    """The running service, back on the ridge bundle."""
    running_service.target.start(running_service.place.usecase)
    running_service.point_at(running_service.ridge)
    return running_service


@pytest.fixture
def client(served: Served) -> Iterator[ForecastClient]:
    with ForecastClient(served.target.url) as made:
        yield made
