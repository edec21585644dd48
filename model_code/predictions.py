"""Every prediction that was ever given, kept once: services write, monitoring reads."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import pandas as pd
import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, FiniteFloat

from model_code import sql

TABLE = sa.Table(
    "prediction",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("prediction_id", sa.String, primary_key=True),
    sa.Column("request_id", sa.String, nullable=False, index=True),
    sa.Column("entity", sa.String, nullable=False),
    sa.Column("origin", sql.UtcTime, nullable=False),
    sa.Column("time", sql.UtcTime, nullable=False),
    sa.Column("lead_seconds", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("lower", sa.Double),
    sa.Column("upper", sa.Double),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("asked_by", sa.String, nullable=False),
    sa.Column("made_at", sql.UtcTime, nullable=False),
    sa.Column("features_hash", sa.String, nullable=False),
    sa.Index("prediction_by_origin", "usecase", "origin"),
    sa.Index("prediction_by_time", "usecase", "time"),
)
TIMES = ("origin", "time", "made_at")
NUMBERS = ("value", "lower", "upper")


class Prediction(BaseModel):
    """One predicted value and all that is needed to judge it later.

    Attributes:
        prediction_id: Identity; see `prediction_id`.
        request_id: The request that asked for it.
        usecase: Name of the use case.
        entity: What it is about.
        origin: When the forecast was made as far as the data goes (aware).
        time: What time it is about (aware).
        lead_seconds: `time` minus `origin`.
        value: The prediction, in the target's unit, or a probability.
        lower: Lower end of the interval; None where there is none.
        upper: Upper end of the interval; None where there is none.
        version: Registry version that answered.
        bundle: Hash of the bundle that answered.
        asked_by: Who asked: a flow, a person.
        made_at: When the service answered (aware; simulated in a simulation).
        features_hash: SHA-256 of the features that went in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction_id: str
    request_id: str
    usecase: str
    entity: str
    origin: AwareDatetime
    time: AwareDatetime
    lead_seconds: int
    value: FiniteFloat
    lower: float | None = None
    upper: float | None = None
    version: str
    bundle: str
    asked_by: str
    made_at: AwareDatetime
    features_hash: str


def prediction_id(request_id: str, entity: str, time: datetime) -> str:
    """The identity of a prediction: the same request asked again gives the same.

    Args:
        request_id: The request.
        entity: What the prediction is about.
        time: The time that it is about (aware).

    Example:
        >>> prediction_id("r1", "victoria", datetime(2014, 7, 1, tzinfo=UTC))
        'c7d232eb84bca8ec2e17d79099b6f24e'
    """
    text = "\n".join((request_id, entity, time.astimezone(UTC).isoformat(timespec="microseconds")))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class PredictionStore:
    """All predictions behind one SQL engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sql.create_table(engine, TABLE)

    def add(self, predictions: Iterable[Prediction]) -> int:
        """Keep predictions, all or none; one that is known already (same use case and id) stays as it was.

        Returns:
            How many were new.

        Raises:
            StoreError: The database cannot be written; nothing of this call is kept.
        """
        rows = [_row(item) for item in predictions]
        if not rows:
            return 0
        # Row counts of many inserts at once differ between drivers; the ids that come back do not.
        statement = sql.insert(self._engine, TABLE).on_conflict_do_nothing().returning(TABLE.c.prediction_id)
        with sql.transaction(self._engine) as connection:
            return len(connection.execute(statement, rows).all())

    def by_request(self, request_id: str, usecase: str | None = None) -> list[Prediction]:
        """What a request was answered, by entity and time; empty when it is unknown.

        Args:
            request_id: The request.
            usecase: Only of this use case: callers choose request ids, and two use cases may get the same.
        """
        query = sa.select(TABLE).where(TABLE.c.request_id == request_id).order_by(TABLE.c.entity, TABLE.c.time)
        if usecase is not None:
            query = query.where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return [Prediction.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def between(self, usecase: str, start: datetime, end: datetime, *, by: Literal["origin", "time"] = "origin") -> pd.DataFrame:
        """Predictions with `start <= by < end`, sorted by origin, entity, time, made_at.

        Args:
            usecase: Name of the use case.
            start: First time wanted (aware).
            end: First time not wanted (aware).
            by: Which time counts.

        Returns:
            A frame with one column for each field of `Prediction`; times are datetime64[us, UTC], a
            missing bound is NaN.
        """
        column = TABLE.c[by]
        query = sa.select(TABLE).where(TABLE.c.usecase == usecase, column >= start, column < end)
        query = query.order_by(TABLE.c.origin, TABLE.c.entity, TABLE.c.time, TABLE.c.made_at, TABLE.c.prediction_id)
        with sql.transaction(self._engine) as connection:
            rows = connection.execute(query).fetchall()
        frame = pd.DataFrame(rows, columns=[column.name for column in TABLE.c])
        types = {name: "datetime64[us, UTC]" for name in TIMES} | {name: "float64" for name in NUMBERS}
        return frame.astype(types | {"lead_seconds": "int64"})

    def newest(self, usecase: str) -> datetime | None:
        """The latest origin that was predicted for; None when there is none."""
        with sql.transaction(self._engine) as connection:
            return connection.execute(sa.select(sa.func.max(TABLE.c.origin)).where(TABLE.c.usecase == usecase)).scalar()


def _row(item: Prediction) -> dict[str, object]:
    row = item.model_dump()
    # NaN is no number in SQL: no interval is stored as NULL.
    return row | {name: None if row[name] != row[name] else row[name] for name in ("lower", "upper")}
