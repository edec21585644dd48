"""Which rows of a page are credible: the others are refused with a reason and never stop the rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from model_code.data.frames import utc
from model_code.data.pages import UTC_MICROSECONDS
from model_code.data.sequence import Sequence, off_grid
from model_code.errors import SourceChanged
from model_code.feeds import Column, EiaSource, Feed, OpenMeteoSource


@dataclass(frozen=True)
class Validated:
    """Rows by what became of them.

    Attributes:
        good: Observation frame of what is credible: `entity`, `time`, `known_at` (may be NaT) and the feed's
            columns as float64. An optional value that is not credible is NaN here, and its row also among the bad.
        bad: Refused rows as they came, with `reason` ("demand: spike", several joined by "; ").
        unconfirmed: Like `good`: each entity's last row, if it is a jump of more than `max_step`. The next row
            will tell a spike from a change; ask for it again then.
    """

    good: pd.DataFrame
    bad: pd.DataFrame
    unconfirmed: pd.DataFrame


def validate(
    rows: pd.DataFrame,
    feed: Feed,
    *,
    step: timedelta | None,
    now: datetime,
    context: pd.DataFrame | None = None,
    timezone: str = "UTC",
) -> Validated:
    """Sorts a page of observations into credible and refused rows.

    Checked: types, finite values, sentinels, the range of each column, missing keys and values, doubled rows, rows from
    the future, and along time: rows off the grid, spikes, stuck values.

    Args:
        rows: Observation frame as a source yields it.
        feed: What is credible.
        step: Regular spacing of the rows; None leaves out the checks along the grid.
        now: The present (aware).
        context: Observation frame of what is known already around the page, so that its first and last
            rows have neighbours. Rows of the page stand above those of the same entity and time.
        timezone: IANA zone whose days a grid of whole days follows.

    Raises:
        SourceChanged: A column is missing or times have no zone: no row of the page can be understood.
    """
    rows = rows.reset_index(drop=True)
    typed = _typed(rows, feed)
    faults = _Faults(len(rows))
    _check_values(typed, rows, feed, now, faults)
    _check_doubles(typed, faults)
    before = typed.iloc[:0] if context is None else context
    if step is not None:
        usable = np.flatnonzero(~faults.refused(feed))
        mask = off_grid(typed["time"].iloc[usable], before["time"], step, timezone)
        faults.add("time", "off the grid", usable[mask])
    unconfirmed = _check_sequence(typed, feed, before, step, faults)
    return _divided(rows, typed, feed, faults, unconfirmed)


def is_forecast(feed: Feed) -> bool:
    """Whether rows about the future are normal: a forecast's, or rows that are published before their time."""
    source = feed.source
    if isinstance(source, OpenMeteoSource):
        return source.product != "archive"
    if isinstance(source, EiaSource) and source.series == "DF":
        return True
    return feed.publication_delay < timedelta(0)


class _Faults:
    """What is wrong, by the column where it was found."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: list[tuple[str, str, np.ndarray[Any, np.dtype[np.intp]]]] = []

    def add(self, column: str, reason: str, positions: Any) -> None:
        positions = np.asarray(positions, dtype=np.intp)
        if len(positions):
            self._found.append((column, reason, positions))

    def of(self, column: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows with a fault in that column."""
        mask = np.zeros(self._size, dtype=bool)
        for where, _, positions in self._found:
            if where == column:
                mask[positions] = True
        return mask

    def refused(self, feed: Feed) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows with a fault that is not one of an optional value."""
        mask = np.zeros(self._size, dtype=bool)
        for where, _, positions in self._found:
            if where not in feed.columns or feed.columns[where].required:
                mask[positions] = True
        return mask

    def reasons(self) -> dict[int, str]:
        """Row -> its reasons."""
        told: dict[int, list[str]] = {}
        for where, reason, positions in self._found:
            for position in positions.tolist():
                told.setdefault(position, []).append(f"{where}: {reason}")
        return {position: "; ".join(dict.fromkeys(reasons)) for position, reasons in told.items()}


def _typed(rows: pd.DataFrame, feed: Feed) -> pd.DataFrame:
    """The page with the types that it should have; what cannot be read as such becomes missing."""
    optional = {name for name, column in feed.columns.items() if not column.required}
    missing = [name for name in ("entity", "time", "known_at", *feed.columns) if name not in rows and name not in optional]
    if missing:
        raise SourceChanged(
            f"rows without column {', '.join(missing)}; there are: {', '.join(map(str, rows.columns))}",
            hint="compare the feed's columns in usecase.yaml with what the source answers now",
        )
    typed = pd.DataFrame({"entity": rows["entity"].to_numpy(dtype=object)})
    for name in ("time", "known_at"):
        moments = rows[name]
        if pd.api.types.is_datetime64_dtype(moments.dtype) and moments.notna().any():
            raise SourceChanged(f"column {name} has no time zone", hint="the source must give aware times")
        typed[name] = pd.to_datetime(moments, utc=True, errors="coerce").astype(UTC_MICROSECONDS)
    for name in feed.columns:
        values = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        typed[name] = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    return typed


def _check_values(typed: pd.DataFrame, rows: pd.DataFrame, feed: Feed, now: datetime, faults: _Faults) -> None:
    """What each row shows on its own."""
    for name in feed.columns:
        if name in rows and not pd.api.types.is_numeric_dtype(rows[name].dtype):
            faults.add(name, "not a number", np.flatnonzero(rows[name].notna().to_numpy() & typed[name].isna().to_numpy()))
    try:
        _schema(feed, now).validate(typed, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        for (column, check), found in cases.groupby(["column", "check"], sort=False):
            reason = "missing" if check == "not_nullable" else str(check)
            positions = found["index"].to_numpy(dtype=np.intp)
            if reason == "missing" and column in feed.columns:
                positions = positions[~faults.of(str(column))[positions]]
            faults.add(str(column), reason, positions)
    if not any(column.required for column in feed.columns.values()):
        faults.add("row", "no value", np.flatnonzero(typed[list(feed.columns)].isna().all(axis=1)))


def _schema(feed: Feed, now: datetime) -> pa.DataFrameSchema:
    present = utc(now)
    past = pa.Check.le(present, error="in the future")
    return pa.DataFrameSchema(
        {
            "entity": pa.Column(object, pa.Check(lambda names: names != "", error="missing"), nullable=False),
            "time": pa.Column(UTC_MICROSECONDS, [] if is_forecast(feed) else [past], nullable=False),
            "known_at": pa.Column(UTC_MICROSECONDS, [past], nullable=True),
            **{
                name: pa.Column(float, _value_checks(column), nullable=not column.required)
                for name, column in feed.columns.items()
            },
        }
    )


def _value_checks(column: Column) -> list[pa.Check]:
    sentinels = list(column.sentinels)
    checks = [pa.Check(np.isfinite, error="not finite")]
    if sentinels:
        checks.append(pa.Check.notin(sentinels, error="sentinel"))
    if column.minimum is not None:
        low = column.minimum
        checks.append(pa.Check(lambda values: (values >= low) | values.isin([*sentinels, -np.inf]), error="below minimum"))
    if column.maximum is not None:
        high = column.maximum
        checks.append(pa.Check(lambda values: (values <= high) | values.isin([*sentinels, np.inf]), error="above maximum"))
    return checks


def _check_doubles(typed: pd.DataFrame, faults: _Faults) -> None:
    """A row that came twice stays once; of rows that contradict each other none can be believed."""
    repeated = typed.duplicated(keep="first")
    faults.add("row", "duplicate", np.flatnonzero(repeated))
    contradiction = typed[~repeated].duplicated(["entity", "time", "known_at"], keep=False)
    faults.add("row", "conflicting duplicate", contradiction[contradiction].index.to_numpy())


def _check_sequence(
    typed: pd.DataFrame, feed: Feed, context: pd.DataFrame, step: timedelta | None, faults: _Faults
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Spikes and stuck values; returns which rows are unconfirmed."""
    unconfirmed = np.zeros(len(typed), dtype=bool)
    refused = faults.refused(feed)
    for name, column in feed.columns.items():
        if column.max_step is None and column.stuck_after is None:
            continue
        usable = np.flatnonzero(~refused & ~faults.of(name))
        around = context if name in context else context.assign(**{name: np.nan})
        sequence = Sequence(typed.iloc[usable], around, name)
        if column.max_step is not None and step is not None:
            jumps = sequence.jumps(column.max_step, step)
            faults.add(name, "spike", usable[jumps.spike])
            unconfirmed[usable[jumps.open]] = True
        if column.stuck_after is not None:
            faults.add(name, "stuck", usable[sequence.stuck(column.stuck_after)])
    return unconfirmed


def _divided(
    rows: pd.DataFrame,
    typed: pd.DataFrame,
    feed: Feed,
    faults: _Faults,
    unconfirmed: np.ndarray[Any, np.dtype[np.bool_]],
) -> Validated:
    refused = faults.refused(feed)
    reasons = faults.reasons()
    positions = sorted(reasons)
    bad = rows.iloc[positions].reset_index(drop=True)
    bad["reason"] = pd.Series([reasons[position] for position in positions], dtype=object)
    for name in feed.columns:
        typed.loc[faults.of(name), name] = np.nan
    return Validated(
        typed[~refused & ~unconfirmed].reset_index(drop=True),
        bad,
        typed[~refused & unconfirmed].reset_index(drop=True),
    )
