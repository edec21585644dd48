"""The catalogue's metrics as the database holds them, collected anew at each scrape."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import sqlalchemy as sa
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from model_code import sql
from model_code.errors import EvenkeelError
from model_code.ledger import Ledger
from model_code.metrics import BY_NAME, CATALOGUE
from model_code.metrics.labels import LABELS
from monitoring import ledger_counts
from monitoring.gauges import GaugeStore

LOG = logging.getLogger("evenkeel.exporter")
LAST_READ = "evenkeel_exporter_last_read_timestamp_seconds"
DROPPED = "evenkeel_exporter_dropped_series"
SUCCESS = "evenkeel_flow_last_success_timestamp_seconds"
WRITTEN = "evenkeel_metric_written_timestamp_seconds"
WATCHED = {metric.name for metric in CATALOGUE if metric.source in ("monitor", "report")}
SERVED = tuple(metric for metric in CATALOGUE if metric.source not in ("service", "bridge"))  # these serve their own
Family = GaugeMetricFamily | CounterMetricFamily
Series = tuple[str, tuple[str, ...], float]  # metric, values of its labels, value


class StoredMetrics(Collector):
    """Collects the catalogue from the database at each scrape.

    A database that cannot be read leaves what is true without it: when it was last read, and the successes known then.

    Args:
        engine: The database of gauges and ledger, or its URL where it is not there yet.
        clock: Seconds since 1970.
    """

    def __init__(self, engine: sa.Engine | str, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._last_read = 0.0
        self._successes: list[Series] = []
        self._gauges: GaugeStore | None = None

    def describe(self) -> Iterator[Family]:
        """The families, without reading the database."""
        yield from (_family(metric.name) for metric in SERVED)

    def collect(self) -> Iterator[Family]:
        """One family for each metric that is served, with what is known now."""
        try:
            found = self._read()
        except (EvenkeelError, sa.exc.SQLAlchemyError):  # the latter where PostgreSQL lacks a table or a right
            LOG.exception("scrape without values: the database could not be read")
            yield from _families([*self._successes, (LAST_READ, (), self._last_read)], (SUCCESS, LAST_READ)).values()
            return
        self._last_read = self._clock()
        self._successes = [series for series in found if series[0] == SUCCESS]
        kept, dropped = _bounded(found)
        told = [*kept, (LAST_READ, (), self._last_read), (DROPPED, (), float(dropped))]
        yield from _families(told, [metric.name for metric in SERVED]).values()

    def _read(self) -> list[Series]:
        engine, gauges = self._stores()
        found = [
            (gauge.name, _values(gauge.name, {"usecase": gauge.usecase, **gauge.labels}), gauge.value)
            for gauge in gauges.read()
            if gauge.name in BY_NAME  # an older release may have left others behind
        ]
        written = [(WRITTEN, key, at.timestamp()) for key, at in gauges.written().items() if key[1] in WATCHED]
        actions = [("evenkeel_actions_total", key, float(count)) for key, count in ledger_counts.actions(engine).items()]
        intents = [("evenkeel_open_intents", (name,), float(count)) for name, count in ledger_counts.open_intents(engine).items()]
        return [*found, *sorted(written), *sorted(actions), *sorted(intents)]

    def _stores(self) -> tuple[sa.Engine, GaugeStore]:
        """Opened once: the exporter may start before the database does."""
        if isinstance(self._engine, str):
            self._engine = sql.engine(self._engine)
        if self._gauges is None:
            Ledger(self._engine)
            self._gauges = GaugeStore(self._engine)
        return self._engine, self._gauges


def _values(name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """In the catalogue's order; a label that an older release did not have is empty."""
    return tuple(labels.get(label, "") for label in BY_NAME[name].labels)


def _bounded(found: list[Series]) -> tuple[list[Series], int]:
    """The series whose labels keep within what the catalogue allows a use case, and how many were left out."""
    seen: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    kept = [series for series in found if all(_has_room(series, seen))]
    return kept, len(found) - len(kept)


def _has_room(series: Series, seen: defaultdict[tuple[str, str, str], set[str]]) -> Iterator[bool]:
    name, values, _ = series
    for label, value in zip(BY_NAME[name].labels, values, strict=True):
        if label == "usecase":
            continue
        known = seen[name, values[0], label]
        if value not in known and len(known) < LABELS[label].most:
            known.add(value)
        yield value in known


def _families(found: list[Series], names: list[str] | tuple[str, ...]) -> dict[str, Family]:
    families = {name: _family(name) for name in names}
    for name, values, value in found:
        families[name].add_metric(list(values), value)
    return families


def _family(name: str) -> Family:
    metric = BY_NAME[name]
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return make(metric.name, metric.help, labels=metric.labels)
