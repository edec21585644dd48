"""The chart `platform` with the least values it can do with, and with every key set."""

import pytest

from tests.chart.platform.rendered import EVERYTHING, LEAST, Objects, rendered


@pytest.fixture(scope="session")
def least(helm: str) -> Objects:
    return rendered(helm, LEAST)


@pytest.fixture(scope="session")
def everything(helm: str) -> Objects:
    return rendered(helm, EVERYTHING)
