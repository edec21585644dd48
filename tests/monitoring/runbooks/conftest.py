"""The small use case, begun once; each drill breaks a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitoring.runbooks.world import World


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A use case with a champion of an hour ago."""
    return World.begun(tmp_path_factory.mktemp("drilled"))


@pytest.fixture
def world(begun: World, tmp_path: Path) -> Iterator[World]:
    """A copy of it."""
    made = begun.copy(tmp_path / "home")
    yield made
    made.place.sql.dispose()
