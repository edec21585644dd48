"""The schema of a bundle's inputs: ranges that notice a wrong unit and let extremes pass."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.bundle import Inputs, load_bundle, write_bundle
from model_code.bundle.inputs import Ranges
from model_code.errors import InvalidRequest
from tests.bundle_cases import little_contents

TRAINED = pd.DataFrame(
    {"load [GW]": [2.0, np.nan, 8.0], "flag": [1.0, 1.0, 1.0], "sea": [-40.0, -40.0, np.nan], "never": [np.nan] * 3}
)


def test_inputs__are_the_training_ranges_widened_by_their_own_width() -> None:
    told = {column.name: (column.minimum, column.maximum) for column in Inputs.of(TRAINED).columns}
    assert told == {"load [GW]": (-4.0, 14.0), "flag": (0.0, 2.0), "sea": (-80.0, 0.0), "never": (None, None)}


@pytest.mark.parametrize("before", [0, 2], ids=["one", "many"])
@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([14.1, 1, -40, 0], r"feature load \[GW\] is 14.1, out of -4 to 14"),
        ([-4.1, 1, -40, 0], r"feature load \[GW\] is -4.1"),
        ([5000.0, 1, -40, 0], r"feature load \[GW\] is 5000"),
        ([5, np.inf, -40, 0], "feature flag is inf"),
        ([5, 1, 0.5, 0], "feature sea is 0.5, out of -80 to 0"),
    ],
)
def test_ranges__name_row_column_value_and_range(row: list[float], told: str, before: int) -> None:
    fine = [[8.0, np.nan, -40.0, 1e9]] * before
    with pytest.raises(InvalidRequest, match=f"^row {before}: {told}"):
        Ranges(Inputs.of(TRAINED)).check(np.array([*fine, row], dtype=float))


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_ranges__let_pass_what_is_within_or_not_known(rows: int) -> None:
    ranges = Ranges(Inputs.of(TRAINED))
    for row in ([14.0, 0.0, -80.0, 1e30], [-4.0, 2.0, 0.0, -1e30], [np.nan] * 4):
        ranges.check(np.array([row] * rows).reshape(rows, 4))


def test_ranges__refuse_another_shape() -> None:
    with pytest.raises(InvalidRequest, match="shape"):
        Ranges(Inputs.of(TRAINED)).check(np.zeros((1, 3)))


def test_bundle__carries_the_schema_of_its_inputs(tmp_path: Path) -> None:
    contents = little_contents(tmp_path)
    bundle = load_bundle(tmp_path, write_bundle(tmp_path, contents).hash)
    assert bundle.inputs == contents.inputs
    assert bundle.inputs.names == bundle.manifest.feature_columns
    bundle.check_ranges(np.array([[5.0, np.nan]]))
    with pytest.raises(InvalidRequest, match="row 0: feature yesterday is 5000, out of"):
        bundle.check_ranges(np.array([[5000.0, 3.0]]))
