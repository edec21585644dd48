"""The real year and its champions, made once for all tests of monitoring."""

import pandas as pd
import pytest

from tests.monitoring.victoria import Champion, Year, real_frames

FAMILIES = ("naive", "ridge", "xgboost")


@pytest.fixture(scope="session")
def real() -> dict[str, pd.DataFrame]:
    """What really happened: feed -> revisions."""
    return real_frames()


@pytest.fixture(scope="session")
def year(real: dict[str, pd.DataFrame]) -> Year:
    """The real year."""
    return Year(real)


@pytest.fixture(scope="session")
def champions(year: Year) -> dict[str, Champion]:
    """One champion of each family, released on 1 July."""
    return {family: year.champion(family) for family in FAMILIES}
