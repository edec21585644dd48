"""The made-up panel, and what is learned of it once."""

import pandas as pd
import pytest

from model_code.faults import FaultProfile, learn
from model_code.usecase import UseCaseSpec
from tests.unit.faults.panel import LEARNED, known, panel, panel_spec


@pytest.fixture(scope="package")
def spec() -> UseCaseSpec:
    return panel_spec()


@pytest.fixture(scope="package")
def loads() -> pd.DataFrame:
    return panel()


@pytest.fixture(scope="package")
def profile(spec: UseCaseSpec, loads: pd.DataFrame) -> FaultProfile:
    return learn(known(spec, loads), spec, LEARNED)
