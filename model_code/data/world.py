"""A marked perturbation of the embedded data: seeded imperfections, level shifts, incidents; for demo, drills and tests."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from model_code.data.incidents import Incident, Stuck
from model_code.errors import ConfigurationError
from model_code.spec import Name, Spec
from model_code.usecase import UseCaseSpec

Share = Annotated[float, Field(ge=0, le=0.2)]
Floats = NDArray[np.float64]


class Imperfections(Spec):
    """Shares of the rows that go wrong on their way; a row goes wrong in at most one of the first four ways."""

    late: Share = Field(0.0, description="Share of rows that become known late.")
    late_by: timedelta = Field(timedelta(days=2), gt=timedelta(0), description="Longest lateness; the shortest is a tenth of it.")
    sentinel: Share = Field(0.0, description="Share of rows first published as `sentinel_value`, corrected later.")
    sentinel_value: float = -200.0
    spike: Share = Field(0.0, description="Share of rows first published `spike_factor` times too large, corrected later.")
    spike_factor: float = Field(10.0, gt=1)
    revised: Share = Field(0.0, description="Share of rows first published a little off, corrected later.")
    revised_by: float = Field(
        0.02, gt=0, lt=0.2, description="Largest relative error of a first value; the smallest is half of it."
    )
    corrected_after: timedelta = Field(timedelta(days=1), gt=timedelta(0), description="From the first value to its correction.")
    duplicated: Share = Field(0.0, description="Share of rows that appear twice in a page.")


class LevelShift(Spec):
    """From `start` on (until `end`, if given) the values of a column are multiplied by `factor`."""

    feed: Name
    column: Name
    start: AwareDatetime
    end: AwareDatetime | None = None
    factor: float = Field(gt=0)


class World(Spec):
    """What differs from the data as they are; by default nothing.

    Each perturbation depends on seed, feed, entity and time alone, so that it does not matter how a
    range is cut or how often it is asked for.

    Example:
        >>> World().perturbs
        False
    """

    seed: int = 0
    imperfections: Imperfections = Imperfections()
    level_shifts: tuple[LevelShift, ...] = ()
    incidents: tuple[Incident, ...] = ()

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        kinds = self.imperfections
        if kinds.late + kinds.sentinel + kinds.spike + kinds.revised > 0.5:
            raise ValueError("more than half of the rows would go wrong")
        return self

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The world in a JSON file; the data as they are without one.

        Raises:
            ConfigurationError: The file cannot be read, is no JSON, or has a wrong key or value.
        """
        if path is None:
            return cls()
        try:
            return cls.model_validate_json(path.read_text())
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"world file {path}: {error}", hint="see docs/sources.md") from error

    @property
    def perturbs(self) -> bool:
        """Whether anything differs from the data as they are."""
        kinds = self.imperfections
        return bool(self.level_shifts or self.incidents) or any(
            (kinds.late, kinds.sentinel, kinds.spike, kinds.revised, kinds.duplicated)
        )

    def check(self, spec: UseCaseSpec) -> None:
        """Refuses a level shift or an incident that would touch nothing.

        Raises:
            ConfigurationError: The use case has no such feed or column.
        """
        for wanted in (*self.level_shifts, *self.incidents):
            column = getattr(wanted, "column", None)
            if wanted.feed not in spec.feeds or column not in (None, *spec.feeds[wanted.feed].columns):
                what = "level shift" if isinstance(wanted, LevelShift) else wanted.kind
                raise ConfigurationError(
                    f"world: {what} of {wanted.feed}{'' if column is None else f'.{column}'}, which {spec.name} does not have",
                    hint=f"feeds: {', '.join(sorted(spec.feeds))}",
                )

    def apply(self, rows: pd.DataFrame, feed_name: str) -> pd.DataFrame:
        """All that is ever published of `rows`: first values, and corrections with a later `known_at`.

        Args:
            rows: Observation frame with one row for each entity and time, `known_at` filled.
            feed_name: The feed that they belong to.

        Returns:
            Observation frame sorted by time, entity, `known_at`.
        """
        if not self.perturbs or rows.empty:
            return rows
        shifted = self._shifted(rows, feed_name)
        here = [incident for incident in self.incidents if incident.feed == feed_name]
        for incident in here:
            shifted = incident.apply(shifted) if isinstance(incident, Stuck) else shifted
        published = self._published(shifted, feed_name)
        for incident in here:
            published = published if isinstance(incident, Stuck) else incident.apply(published)
        return published.sort_values(["time", "entity", "known_at"], kind="stable", ignore_index=True)

    def _shifted(self, rows: pd.DataFrame, feed_name: str) -> pd.DataFrame:
        shifted = rows.copy()
        for shift in self.level_shifts:
            if shift.feed == feed_name:
                touched = shifted["time"] >= shift.start
                if shift.end is not None:
                    touched &= shifted["time"] < shift.end
                shifted.loc[touched, shift.column] *= shift.factor
        return shifted

    def _published(self, rows: pd.DataFrame, feed_name: str) -> pd.DataFrame:
        kinds = self.imperfections
        columns = [name for name in rows.columns if name not in ("entity", "time", "known_at")]
        which = self._draw(rows, feed_name, "kind")
        size = self._draw(rows, feed_name, "size")
        edges = np.cumsum([kinds.late, kinds.sentinel, kinds.spike, kinds.revised])
        kind = np.searchsorted(edges, which, side="right")
        late, sentinel, spike, revised = (kind == number for number in range(4))

        first = rows.copy()
        lateness = pd.to_timedelta((0.1 + 0.9 * size[late]) * kinds.late_by.total_seconds(), unit="s").floor("min")
        first.loc[late, "known_at"] += lateness.to_numpy()
        first.loc[sentinel, columns] = kinds.sentinel_value
        first.loc[spike, columns] *= kinds.spike_factor
        error = np.where(size < 0.5, -1.0, 1.0) * kinds.revised_by * (0.5 + np.abs(size - 0.5))
        first.loc[revised, columns] = rows.loc[revised, columns].mul(1 + error[revised], axis=0)

        corrections = rows[sentinel | spike | revised].copy()
        corrections["known_at"] += kinds.corrected_after
        twice = first[self._draw(rows, feed_name, "twice") < kinds.duplicated]
        published: pd.DataFrame = pd.concat([first, twice, corrections], ignore_index=True)
        return published

    def _draw(self, rows: pd.DataFrame, feed_name: str, label: str) -> Floats:
        """A number in [0, 1) for each row, from a keyed hash of its entity and time."""
        key = hashlib.sha256(f"{self.seed}/{feed_name}/{label}".encode()).hexdigest()[:16]
        names = rows["entity"].astype(str) + "@" + rows["time"].astype("int64").astype(str)
        return np.asarray(pd.util.hash_array(names.to_numpy(object), hash_key=key) / 2.0**64, dtype=np.float64)
