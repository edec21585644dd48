"""Building blocks of features: every one reads a `Known`, so none can see past the origin. Calendar: model_code.local_days."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from model_code.data.observed import Observed, microseconds

DAY = pd.Timedelta(days=1)
Columns = Mapping[str, np.ndarray | float]


def series(frame: pd.DataFrame, entity: str, column: str) -> pd.Series:
    """One entity's values by time (UTC index, sorted); `Known.observed` gives the same as plain arrays, much faster."""
    rows = frame[frame["entity"] == entity]
    return pd.Series(rows[column].to_numpy(float), index=pd.DatetimeIndex(rows["time"]))


def by_entity(rows: pd.DataFrame, build: Callable[[str, np.ndarray], Columns]) -> pd.DataFrame:
    """The features of each entity by themselves, put together in the order of `rows`.

    Args:
        rows: `entity` and `time`, any order.
        build: Gives the columns of one entity, each (m,) or one number, for its times (m,) in microseconds (UTC).

    Returns:
        Float columns, one row for each of `rows`.
    """
    names: list[str] = []
    table = np.empty((0, 0))
    for entity, places, stamps in _groups(rows):
        columns = build(entity, stamps)
        if not names:
            names = list(columns)
            table = np.empty((len(names), len(rows)))
        for number, values in enumerate(columns.values()):
            table[number, places] = values
    return pd.DataFrame(table.T, columns=names, copy=False)


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, slice | np.ndarray, np.ndarray]]:
    """Each entity in the order of its first row, with the places and the times of its rows."""
    stamps, entities = rows["time"].to_numpy("datetime64[us]").view(np.int64), rows["entity"].to_numpy()
    if len(rows) and (entities == entities[0]).all():
        yield str(entities[0]), slice(None), stamps
        return
    codes, names = pd.factorize(entities)
    for code, entity in enumerate(names):
        places = np.flatnonzero(codes == code)
        yield str(entity), places, stamps[places]


def lagged(values: Observed | pd.Series, times: np.ndarray | pd.DatetimeIndex, lags: list[pd.Timedelta]) -> np.ndarray:
    """The value `lag` before each time, for the first of `lags` that is known; NaN where none is.

    Args:
        values: Known values by time.
        times: In microseconds (UTC), or aware.
        lags: How long before.

    Example:
        >>> hours = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC")
        >>> lagged(pd.Series([1.0, 2.0], index=hours[:2]), hours[1:], [pd.Timedelta("1h")]).tolist()
        [1.0, 2.0]
    """
    known = values if isinstance(values, Observed) else Observed.of(values)
    stamps = times if isinstance(times, np.ndarray) else microseconds(times)
    first, *others = (round(lag.total_seconds() * 1e6) for lag in lags)
    result = known.at(stamps - first)
    for lag in others:
        missing = np.isnan(result)
        if not missing.any():
            break
        result[missing] = known.at(stamps[missing] - lag)
    return result


def last_known(values: Observed, origin: pd.Timestamp, window: pd.Timedelta) -> np.ndarray:
    """The values of the last `window` before the origin that are known, in the order of time."""
    return values.after(round((origin - window).timestamp() * 1e6))


def mean(values: np.ndarray) -> float:
    """The mean of what is known; NaN where nothing is."""
    return float(values.mean()) if len(values) else np.nan
