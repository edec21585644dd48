"""Cases: one row for each (origin, entity, time), with the features that production would have computed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.data.known import Known, KnownHistory
from model_code.errors import DataError, TooLittleData
from model_code.origins import entities_at, origins_between, target_rows
from model_code.usecase import UseCase


@dataclass(frozen=True)
class Cases:
    """Rows to learn from or to score.

    Attributes:
        rows: origin, entity, time (UTC), step; no truth, since that depends on when one looks.
        features: Float columns, same order as `rows`.
    """

    rows: pd.DataFrame
    features: pd.DataFrame

    def of(self, origins: Iterable[pd.Timestamp]) -> "Cases":
        """The cases of some origins."""
        return self.where(self.rows["origin"].isin(list(origins)).to_numpy())

    def where(self, keep: np.ndarray) -> "Cases":
        """The cases where the mask (n,) is true."""
        return Cases(self.rows[keep].reset_index(drop=True), self.features[keep].reset_index(drop=True))

    def truth(self, truth: pd.DataFrame) -> np.ndarray:
        """The target of each row (n,), NaN where `truth` (entity, time, value) does not tell."""
        values = truth.set_index(["entity", "time"])["value"]
        wanted = pd.MultiIndex.from_frame(self.rows[["entity", "time"]])
        return values.reindex(wanted).to_numpy(float)

    def __len__(self) -> int:
        return len(self.rows)


def build_features(usecase: UseCase, known: Known, origin: pd.Timestamp, rows: pd.DataFrame) -> pd.DataFrame:
    """The features of one forecast, by the use case's own code.

    Raises:
        DataError: That code broke its contract (rows lost, columns that are no floats).
    """
    features: pd.DataFrame = usecase.features.build(known, origin, rows, usecase.spec)
    if len(features) != len(rows) or not all(kind == np.float64 for kind in features.dtypes):
        raise DataError(
            f"{usecase.folder / 'features.py'}: build() gave {len(features)} rows of {sorted(set(map(str, features.dtypes)))}",
            hint=f"it must give {len(rows)} rows of float64, in the order of `rows`",
        )
    return features


def build_cases(usecase: UseCase, history: KnownHistory, origins: Sequence[pd.Timestamp]) -> Cases:
    """Cases of every origin, each read as known at that origin.

    Raises:
        TooLittleData: There is no case at all.
    """
    rows, features = [], []
    for origin in origins:
        known = history.at(origin)
        wanted = target_rows(usecase.spec, origin, entities_at(usecase.spec, known, origin))
        if wanted.empty:
            continue
        features.append(build_features(usecase, known, origin, wanted))
        rows.append(wanted.assign(origin=origin))
    if not rows:
        raise TooLittleData(f"{usecase.name}: no case in {len(origins)} origins", hint="refresh or backfill the feeds first")
    all_rows = pd.concat(rows, ignore_index=True)
    all_rows["origin"] = all_rows["origin"].astype("datetime64[us, UTC]")
    return Cases(all_rows, pd.concat(features, ignore_index=True))


def origins_of_history(usecase: UseCase, history: KnownHistory, now: pd.Timestamp) -> list[pd.Timestamp]:
    """Origins before `now` that have a full lookback behind them."""
    return origins_between(usecase.spec, history.first_time() + usecase.spec.lookback, now)
