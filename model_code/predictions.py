"""Every prediction that was ever given, kept once: services write, monitoring reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from model_code import prediction_blocks as blocks
from model_code import sql
from model_code.kept.predictions_of import predictions_of
from model_code.prediction import Prediction
from model_code.prediction_id import prediction_id
from model_code.prediction_table import TABLE, prepare
from model_code.rehearsal import REHEARSED

if TYPE_CHECKING:
    import pandas as pd

    from model_code.kept.record import Kept

__all__ = ["TABLE", "Prediction", "PredictionStore", "prediction_id"]

MONTH = timedelta(days=31)
TIMES = ("origin", "time", "made_at")
NUMBERS = ("value", "lower", "upper")
JUDGED = ("entity", "origin", "time", "lead_seconds")  # without these there is no truth to compare with
UNREAD = ("latency_us", "features")  # how an answer came about, which no judgement reads
READ = [column for column in TABLE.c if column.name not in UNREAD]
LIVE = TABLE.c.asked_by.not_like(f"{REHEARSED}%")  # a rollout's own questions are no evidence of what callers met


class PredictionStore:
    """All predictions behind one SQL engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        prepare(engine)

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
        """What a request was answered, by entity, time and position; empty when it is unknown.

        Answers that nobody can judge lie in blocks, which are looked through: a look back, see `answered` for a quick one.

        Args:
            request_id: The request.
            usecase: Only of this use case: callers choose request ids, and two use cases may get the same.
        """
        with sql.transaction(self._engine) as connection:
            rows = self._rows(connection, request_id, usecase)
            known = {(each.usecase, each.prediction_id) for each in rows}
            found = predictions_of(blocks.records_of(connection, request_id, usecase))
        return rows + [each for each in found if (each.usecase, each.prediction_id) not in known]

    def answered(self, request_id: str, usecase: str) -> list[Prediction]:
        """What can be judged of a request's answers, by entity, time and position; by an index, so it is quick."""
        with sql.transaction(self._engine) as connection:
            return self._rows(connection, request_id, usecase)

    def count(self, usecase: str | None = None) -> int:
        """How many predictions are kept, of one use case or of all."""
        query = sa.select(sa.func.count()).select_from(TABLE)
        if usecase is not None:
            query = query.where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            return int(connection.execute(query).scalar_one()) + blocks.count(connection, usecase)

    def requests(self, usecase: str | None = None) -> Iterator[tuple[str, int]]:
        """Every request with how many predictions are kept of it; one that lies in several places comes as often.

        Args:
            usecase: Only of this use case.
        """
        query = sa.select(TABLE.c.request_id, sa.func.count()).group_by(TABLE.c.request_id)
        if usecase is not None:
            query = query.where(TABLE.c.usecase == usecase)
        with sql.transaction(self._engine) as connection:
            yield from ((request_id, rows) for request_id, rows in connection.execute(query))
            yield from ((each.request_id, len(each.value) // 8) for each in blocks.all_records(connection, usecase))

    def _rows(self, connection: sa.Connection, request_id: str, usecase: str | None) -> list[Prediction]:
        query = sa.select(TABLE).where(TABLE.c.request_id == request_id)
        query = query.order_by(TABLE.c.entity, TABLE.c.time, TABLE.c.position)
        if usecase is not None:
            query = query.where(TABLE.c.usecase == usecase)
        return [Prediction.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def between(self, usecase: str, start: datetime, end: datetime, *, by: Literal["origin", "time"] = "origin") -> pd.DataFrame:
        """Predictions with `start <= by < end` that can be judged, sorted by origin, entity, time, made_at.

        Left out is what tells no entity, origin, time or lead (answers to features that a caller gave without them), and
        what a rollout asked for itself.

        Args:
            usecase: Name of the use case.
            start: First time wanted (aware).
            end: First time not wanted (aware).
            by: Which time counts.

        Returns:
            A frame with one column for each field of `Prediction` but `latency_us` and `features`; times are datetime64[us, UTC], a
            missing bound is NaN.
        """
        import pandas as pd  # here, for those who only write are spared its import

        column = TABLE.c[by]
        query = sa.select(*READ).where(TABLE.c.usecase == usecase, LIVE, column >= start, column < end)
        query = query.where(*(TABLE.c[name].is_not(None) for name in JUDGED))
        query = query.order_by(TABLE.c.origin, TABLE.c.entity, TABLE.c.time, TABLE.c.made_at, TABLE.c.prediction_id)
        with sql.transaction(self._engine) as connection:
            rows = connection.execute(query).fetchall()
        frame = pd.DataFrame(rows, columns=[column.name for column in READ])
        types = {name: "datetime64[us, UTC]" for name in TIMES} | {name: "float64" for name in NUMBERS}
        return frame.astype(types | {"lead_seconds": "int64"})

    def drop(self, usecase: str, before: datetime, limit: int) -> int:
        """Delete up to `limit` predictions, or one block, made before a time and for an origin before it; the number of them.

        Raises:
            StoreError: The database cannot be written; none of these is gone.
        """
        old = sa.and_(TABLE.c.made_at < before, sa.or_(TABLE.c.origin.is_(None), TABLE.c.origin < before))
        chosen = sa.select(TABLE.c.prediction_id).where(TABLE.c.usecase == usecase, old).limit(limit)
        statement = sa.delete(TABLE).where(TABLE.c.usecase == usecase, TABLE.c.prediction_id.in_(chosen))
        with sql.transaction(self._engine) as connection:
            dropped = len(connection.execute(statement.returning(TABLE.c.prediction_id)).all())
            return dropped or blocks.drop(connection, usecase, before)

    def newest(self, usecase: str) -> datetime | None:
        """The latest origin that was predicted for, a rollout's own questions aside; None when there is none."""
        query = sa.select(TABLE.c.origin).where(TABLE.c.usecase == usecase, LIVE, TABLE.c.origin.is_not(None))
        with sql.transaction(self._engine) as connection:
            return connection.execute(query.order_by(TABLE.c.origin.desc()).limit(1)).scalar()

    def live_since(self, usecase: str, bundle: str, after: datetime, limit: int) -> list[Prediction]:
        """What a bundle answered to callers, with the features that they gave; by time of answer, request and position.

        Args:
            usecase: Name of the use case.
            bundle: Hash of the bundle that answered.
            after: Wall clock (aware); answers made later are wanted, for origins of the latest month.
            limit: Most rows that can be judged, and most requests of others.
        """
        newest = sa.select(sa.func.max(TABLE.c.origin)).where(TABLE.c.usecase == usecase)
        query = sa.select(TABLE).where(TABLE.c.usecase == usecase, TABLE.c.bundle == bundle, LIVE, TABLE.c.made_at > after)
        query = query.order_by(TABLE.c.made_at, TABLE.c.request_id, TABLE.c.position, TABLE.c.entity, TABLE.c.time).limit(limit)
        with sql.transaction(self._engine) as connection:
            latest = connection.execute(newest).scalar()
            if latest is not None:  # there is an index of origins, and none of the time of answer
                query = query.where(sa.or_(TABLE.c.origin > latest - MONTH, TABLE.c.origin.is_(None)))
            rows = [Prediction.model_validate(dict(row)) for row in connection.execute(query).mappings()]
            records = blocks.all_records(connection, usecase, after)
            rows += predictions_of(islice((each for each in records if _is_live(each, bundle, after)), limit))
        return sorted(rows, key=lambda row: (row.made_at, row.request_id, row.position or 0))


def _is_live(record: Kept, bundle: str, after: datetime) -> bool:
    told = (record.bundle == bundle, not record.asked_by.startswith(REHEARSED), record.made_at > after.timestamp() * 1e6)
    return all(told)


def _row(item: Prediction) -> dict[str, object]:
    row = item.model_dump()
    # NaN is no number in SQL: no interval is stored as NULL.
    return row | {name: None if row[name] != row[name] else row[name] for name in ("lower", "upper")}
