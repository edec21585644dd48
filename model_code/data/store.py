"""Observations in Delta tables: every revision kept, read as known at a moment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model_code.data.delta import Table, locate, store_errors
from model_code.data.frames import KEY, QUARANTINE, Sorted, between, lacking, latest, pick, refused, to_arrow, to_pandas, utc

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True)
class Appended:
    """What an append did.

    Attributes:
        version: Table version that holds the rows; -1 if there was nothing to make a table of.
        inserted: Rows that were new.
        duplicates: Rows that were not.
        revised: Those of the new ones whose entity and time had a row before.
    """

    version: int
    inserted: int
    duplicates: int
    revised: int = 0


class ObservationStore:
    """One Delta table for each use case and feed, in a folder or a bucket.

    Args:
        url: Folder, `s3://bucket/path` or `gs://bucket/path`.
        storage_options: Options of the object store. Default: read from the environment, as Delta does
            (`AWS_…`, `GOOGLE_…`), so that no secret stands in our settings.
    """

    def __init__(self, url: str, storage_options: dict[str, str] | None = None) -> None:
        self.url = url
        self._options = storage_options

    def append(self, usecase: str, feed: str, rows: pd.DataFrame, *, skip_unchanged: bool = False) -> Appended:
        """Adds rows that the table lacks, in one commit or not at all; safe to repeat and to run twice at once.

        Args:
            usecase: Name of the use case.
            feed: Name of the feed.
            rows: Observation frame: `entity`, `time`, `known_at` (aware, complete) and value columns. A key
                (entity, time, known_at) that is there already is not written again, whatever its values.
            skip_unchanged: Leave out revisions that repeat the values known before them.

        Raises:
            DataError: The frame is not an observation frame.
            StoreError: The table cannot be written; it is as before then.
        """
        if rows.empty:
            return Appended(self.version(usecase, feed) if self.exists(usecase, feed) else -1, 0, 0)
        table = self._table(usecase, feed)
        given = to_arrow(rows)
        within = between(pc.min(given["time"]).as_py(), pc.max(given["time"]).as_py() + timedelta(microseconds=1))

        fresh, revised = lacking(given.slice(0, 0), given, skip_unchanged)

        def only_new(state: "DeltaTable") -> pa.Table:
            nonlocal revised
            there = [field.name for field in state.schema().fields]
            columns = [name for name in there if name in given.column_names] if skip_unchanged else list(KEY)
            new, revised = lacking(table.read(state, columns, within), given, skip_unchanged)
            return new

        version, inserted = table.append(fresh, only_new)
        return Appended(version, inserted, len(rows) - inserted, revised)

    def as_of(
        self,
        usecase: str,
        feed: str,
        at: datetime,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        entities: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """What was known at `at`: per entity and time the row with the latest `known_at <= at`.

        Args:
            usecase: Name of the use case.
            feed: Name of the feed.
            at: The moment to look from (aware); nothing known later is returned.
            start: First time wanted (aware). Default: the first there is.
            end: First time not wanted (aware). Default: after the last there is.
            entities: Which ones. Default: all.
            version: Table version. Default: the latest.

        Returns:
            Observation frame sorted by entity and time, which are unique; times in UTC.

        Raises:
            TooLittleData: The feed has no table yet.
            StoreError: The table cannot be read, or has no such version.
        """
        return pick(latest(self._sorted(usecase, feed, at, start, end, entities, version)))

    def revisions(
        self,
        usecase: str,
        feed: str,
        *,
        until: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Every row with `known_at <= until` and `start <= time < end`, sorted by entity, time and known_at.

        Raises:
            TooLittleData: The feed has no table yet.
            StoreError: The table cannot be read, or has no such version.
        """
        return pick(self._sorted(usecase, feed, until, start, end, None, version))

    def version(self, usecase: str, feed: str) -> int:
        """Latest version of the feed's table.

        Raises:
            TooLittleData: The feed has no table yet.
        """
        return self._table(usecase, feed).version()

    def exists(self, usecase: str, feed: str) -> bool:
        """Whether the feed has a table."""
        return self._table(usecase, feed).exists()

    def latest_times(self, usecase: str, feed: str, at: datetime) -> dict[str, datetime]:
        """Entity -> latest time of a row known at `at`; empty without a table."""
        return {entity: times[1] for entity, times in self.time_ranges(usecase, feed, at).items()}

    def time_ranges(self, usecase: str, feed: str, at: datetime) -> dict[str, tuple[datetime, datetime]]:
        """Entity -> first and last time of the rows known at `at`; empty without a table."""
        table = self._table(usecase, feed)
        if not table.exists():
            return {}
        rows = table.read(table.open(), ["entity", "time"], pc.field("known_at") <= utc(at)).unify_dictionaries()
        ranges = rows.group_by("entity").aggregate([("time", "min"), ("time", "max")]).to_pylist()
        return {
            row["entity"]: (pd.Timestamp(row["time_min"]), pd.Timestamp(row["time_max"]))
            for row in sorted(ranges, key=lambda row: str(row["entity"]))
        }

    def latest_time(self, usecase: str, feed: str, at: datetime) -> datetime | None:
        """Latest time of any row known at `at`; None if there is none."""
        return max(self.latest_times(usecase, feed, at).values(), default=None)

    def quarantine(self, usecase: str, feed: str, rows: pd.DataFrame, now: datetime) -> int:
        """Keeps rows that were refused, with their `reason`; a row refused before for that reason is not kept twice.

        Args:
            usecase: Name of the use case.
            feed: Name of the feed.
            rows: Any columns, of any type, and `reason`.
            now: When they were refused (aware).

        Returns:
            How many were new.
        """
        if rows.empty:
            return 0
        table = self._table(usecase, feed, "quarantine")
        given = refused(rows, now)

        def only_new(state: "DeltaTable") -> pa.Table:
            there = table.read(state, ["id"])["id"].combine_chunks()
            return given.filter(pc.invert(pc.is_in(given["id"], value_set=there)))

        return table.append(given, only_new)[1]

    def quarantined(self, usecase: str, feed: str) -> pd.DataFrame:
        """Refused rows: `refused_at` (UTC), `entity`, `time`, `known_at`, `reason`, `row` (the whole row as JSON)."""
        table = self._table(usecase, feed, "quarantine")
        if not table.exists():
            found: pd.DataFrame = QUARANTINE.empty_table().drop(["id"]).to_pandas()
            return found
        found = table.read(table.open()).drop(["id"]).to_pandas()
        found["entity"] = found["entity"].astype(object)
        return found.sort_values(["refused_at", "entity", "time"], kind="stable").reset_index(drop=True)

    def compact(self, usecase: str, feed: str, keep_versions: Collection[int], retention: timedelta) -> int:
        """Rewrites the table as few files sorted by time, and removes files that no version to keep needs.

        Args:
            usecase: Name of the use case.
            feed: Name of the feed.
            keep_versions: Versions that must stay readable for ever: those that registered models name.
            retention: Files that were dropped more recently than this stay too, for readers and writers under way.

        Returns:
            How many files were removed.

        Raises:
            TooLittleData: The feed has no table yet.
            StoreError: The table cannot be rewritten; it is as before then.
        """
        where = self._table(usecase, feed)
        table = where.open()
        kept = sorted(version for version in keep_versions if version <= table.version())
        with store_errors("compact", where.url):
            if len(table.file_uris()) > 1:
                table.optimize.z_order(["time"])
            hours = ceil(retention / timedelta(hours=1))
            return len(
                table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=kept or None)
            )

    def _table(self, usecase: str, feed: str, kind: str = "observations") -> Table:
        return Table(locate(self.url, usecase, feed, kind), self._options)

    def _sorted(
        self,
        usecase: str,
        feed: str,
        until: datetime | None,
        start: datetime | None,
        end: datetime | None,
        entities: Sequence[str] | None,
        version: int | None,
    ) -> Sorted:
        """The rows asked for, with the order of their key."""
        where = between(start, end)
        if until is not None:
            where = where & (pc.field("known_at") <= utc(until))
        if entities is not None:
            where = where & pc.field("entity").isin(list(entities))
        table = self._table(usecase, feed)
        return to_pandas(table.read(table.open(version), None, where))
