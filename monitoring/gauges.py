"""The latest value of each gauge, behind the SQL URL: flows write, the exporter reads."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from model_code import sql
from model_code.errors import ConfigurationError
from model_code.metrics import BY_NAME

SUCCESS = "evenkeel_flow_last_success_timestamp_seconds"
FAILURE = "evenkeel_flow_last_failure_timestamp_seconds"
OF_FLOWS = (SUCCESS, FAILURE)
CLOCKS_DIFFER = timedelta(hours=1)  # at most, between two machines whose clocks are right enough

TABLE = sa.Table(
    "gauges",
    sql.metadata,
    sa.Column("usecase", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("labels", sa.String, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("at", sql.UtcTime, nullable=False),
)


@dataclass(frozen=True)
class Gauge:
    """One value of a metric of the catalogue; `labels` without the use case.

    Example:
        >>> Gauge("demand", "evenkeel_coverage", 0.9, {"series": "VIC"}).value
        0.9
    """

    usecase: str
    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class GaugeStore:
    """The gauges of all use cases behind one SQL engine."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sql.create_table(engine, TABLE)

    def write(self, usecase: str, gauges: Iterable[Gauge], at: datetime, *, whole: Collection[str] = ()) -> int:
        """Replace the values of every metric named; those not named stay. One transaction, and one writer of a use case at a time.

        A value that is no number (NaN, infinity) is left out, so that its series is absent instead of wrong.

        Args:
            usecase: Whose gauges.
            gauges: All values of each metric they name; a series that is gone disappears.
            at: Wall clock of writing (aware).
            whole: Metrics that are told in full: one that has no value now is gone, instead of showing its last one for ever.

        Returns:
            How many were written.

        Raises:
            ConfigurationError: A metric or label that is not in the catalogue, or another use case.
            StoreError: The database cannot be written, or another run takes too long to write.
        """
        given = list(gauges)
        for gauge in given:
            _check(gauge, usecase)
        rows = [
            {"usecase": usecase, "name": gauge.name, "labels": _key(gauge.labels), "value": gauge.value, "at": at}
            for gauge in given
            if math.isfinite(gauge.value)
        ]
        names = sorted({*whole, *(gauge.name for gauge in given)})
        # Alone: what another one is inserting cannot be deleted yet, and would be there twice.
        with sql.exclusive(self._engine, f"gauges-{usecase}"), sql.transaction(self._engine) as connection:
            connection.execute(sa.delete(TABLE).where(TABLE.c.usecase == usecase, TABLE.c.name.in_(names)))
            if rows:
                connection.execute(sa.insert(TABLE), rows)
        return len(rows)

    def record_success(self, usecase: str, flow: str, at: datetime) -> None:
        """Keep when a flow last succeeded.

        Args:
            usecase: Whose flow.
            flow: Its name.
            at: Wall clock (aware).
        """
        self._record(SUCCESS, usecase, flow, at)

    def record_failure(self, usecase: str, flow: str, at: datetime) -> None:
        """Keep when a flow last failed or crashed.

        Args:
            usecase: Whose flow.
            flow: Its name.
            at: Wall clock (aware).
        """
        self._record(FAILURE, usecase, flow, at)

    def _record(self, name: str, usecase: str, flow: str, at: datetime) -> None:
        """The later moment stays; one that lies ahead of this one by more than `CLOCKS_DIFFER` was told by a clock that was wrong."""
        seconds = at.astimezone(UTC).timestamp()
        ahead = sa.and_(
            TABLE.c.usecase == usecase,
            TABLE.c.name.in_(OF_FLOWS),
            TABLE.c.labels == _key({"flow": flow}),
            TABLE.c.value > seconds + CLOCKS_DIFFER.total_seconds(),
        )
        new = sql.insert(self._engine, TABLE).values(
            usecase=usecase, name=name, labels=_key({"flow": flow}), value=seconds, at=at
        )
        later = {"value": new.excluded.value, "at": new.excluded.at}
        with sql.transaction(self._engine) as connection:
            connection.execute(sa.update(TABLE).where(ahead).values(value=seconds - 1.0, at=at))  # it came before this
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=list(TABLE.primary_key), set_=later, where=TABLE.c.value < new.excluded.value
                )
            )

    def read(self) -> list[Gauge]:
        """All gauges, by use case, name and labels.

        Raises:
            StoreError: The database cannot be read.
        """
        query = sa.select(TABLE).order_by(TABLE.c.usecase, TABLE.c.name, TABLE.c.labels)
        with sql.transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Gauge(row["usecase"], row["name"], row["value"], json.loads(row["labels"])) for row in rows]

    def written(self) -> dict[tuple[str, str], datetime]:
        """When each metric was last written (wall clock), by use case and name.

        Raises:
            StoreError: The database cannot be read.
        """
        query = sa.select(TABLE.c.usecase, TABLE.c.name, sa.func.max(TABLE.c.at)).group_by(TABLE.c.usecase, TABLE.c.name)
        with sql.transaction(self._engine) as connection:
            return {(usecase, name): at for usecase, name, at in connection.execute(query)}


def _key(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(labels), sort_keys=True)


def _check(gauge: Gauge, usecase: str) -> None:
    metric = BY_NAME.get(gauge.name)
    if metric is None:
        wrong = "no such metric"
    elif set(metric.labels) != {"usecase", *gauge.labels}:
        wrong = f"its labels are {metric.labels}"
    elif gauge.usecase != usecase:
        wrong = f"it is written for {usecase}"
    else:
        return
    raise ConfigurationError(
        f"gauge {gauge.name} of {gauge.usecase} with labels {sorted(gauge.labels)}: {wrong}", hint="see model_code/metrics/"
    )
