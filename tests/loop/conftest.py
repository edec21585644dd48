"""What the tests of the loop share: a home with its first model, made once."""

from pathlib import Path

import pytest

from flows.demo.scenario import Scenario
from tests.loop.simulation import start

QUIET = Scenario(bad_release=None, level_shift=None)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the demo's use case at 1 July: searched, trained, promoted; to be copied."""
    home = tmp_path_factory.mktemp("started")
    start(home, QUIET)
    return home
