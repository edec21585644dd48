"""Things that go wrong with an embedded feed, put there on purpose: an outage, a stuck sensor, values that are corrected later."""

from datetime import timedelta
from typing import Annotated, Literal

import pandas as pd
from pydantic import AwareDatetime, Field

from model_code.spec import Name, Spec


class _Incident(Spec):
    """What all share: one feed, from `start` until `end` (times of the rows, aware)."""

    feed: Name
    start: AwareDatetime
    end: AwareDatetime

    def touches(self, rows: pd.DataFrame) -> "pd.Series[bool]":
        """Which rows are concerned (n,)."""
        return (rows["time"] >= self.start) & (rows["time"] < self.end)


class Outage(_Incident):
    """A feed stops telling. Once it is back, it tells what it withheld, or never does."""

    kind: Literal["outage"] = "outage"
    backfilled: bool = Field(True, description="Whether the rows come once the outage has ended; otherwise they are lost.")

    def apply(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with a later `known_at`, or without those that are lost."""
        touched = self.touches(rows)
        if not self.backfilled:
            return rows[~touched].reset_index(drop=True)
        back = pd.Timestamp(self.end).tz_convert("UTC")
        return rows.assign(known_at=rows["known_at"].mask(touched & (rows["known_at"] < back), back))


class Stuck(_Incident):
    """A sensor goes on telling the last value from before `start`."""

    kind: Literal["stuck"] = "stuck"
    column: Name

    def apply(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with one value for each entity; those of an entity without an earlier row stay as they are."""
        before = rows[rows["time"] < self.start].sort_values("time").groupby("entity")[self.column].last()
        told = rows["entity"].map(before).fillna(rows[self.column])
        return rows.assign(**{self.column: rows[self.column].where(~self.touches(rows), told)})


class Misstated(_Incident):
    """Values are first told `factor` times too large, and corrected `corrected_after` the time that they were told."""

    kind: Literal["misstated"] = "misstated"
    column: Name
    factor: float = Field(gt=0)
    corrected_after: timedelta = Field(gt=timedelta(0))

    def apply(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows as first told, and their corrections as later revisions."""
        touched = self.touches(rows)
        corrections = rows[touched].assign(known_at=rows.loc[touched, "known_at"] + self.corrected_after)
        first = rows.assign(**{self.column: rows[self.column].where(~touched, rows[self.column] * self.factor)})
        told: pd.DataFrame = pd.concat([first, corrections], ignore_index=True)
        return told


Incident = Annotated[Outage | Stuck | Misstated, Field(discriminator="kind")]
