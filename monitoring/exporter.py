"""`python -m monitoring.exporter`: a long-lived process that serves what the database holds to Prometheus.

Nothing is pushed and nothing is cached: each scrape reads the database, and the times of the last success are always
among the answers, so that an alert on staleness sees a monitor that stopped. A database that cannot be read leaves
only the time of the last read.
"""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from model_code import sql
from model_code.errors import EvenkeelError
from model_code.ledger import Ledger
from model_code.metrics import BY_NAME, CATALOGUE
from model_code.settings import Settings
from monitoring.gauges import GaugeStore

LOG = logging.getLogger("evenkeel.exporter")
LAST_READ = "evenkeel_exporter_last_read_timestamp_seconds"
SERVED = tuple(metric for metric in CATALOGUE if metric.source not in ("service", "bridge"))  # these serve their own
Family = GaugeMetricFamily | CounterMetricFamily


class StoredMetrics(Collector):
    """Collects the catalogue from the database at each scrape.

    Args:
        engine: The database of gauges and ledger.
        clock: Seconds since 1970.
    """

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.time) -> None:
        self._gauges = GaugeStore(engine)
        self._ledger = Ledger(engine)
        self._clock = clock
        self._last_read = 0.0

    def describe(self) -> Iterator[Family]:
        """The families, without reading the database."""
        yield from (_family(metric.name) for metric in SERVED)

    def collect(self) -> Iterator[Family]:
        """One family for each metric of the catalogue, with what is known now."""
        families = {metric.name: _family(metric.name) for metric in SERVED}
        try:
            self._fill(families)
            self._last_read = self._clock()
        except EvenkeelError:
            LOG.exception("scrape without values: the database could not be read")
            families = {LAST_READ: _family(LAST_READ)}
        families[LAST_READ].add_metric([], self._last_read)
        yield from families.values()

    def _fill(self, families: dict[str, Family]) -> None:
        for gauge in self._gauges.read():
            labels = {"usecase": gauge.usecase, **gauge.labels}
            if gauge.name in families:  # an older release may have left others behind
                families[gauge.name].add_metric([labels[name] for name in BY_NAME[gauge.name].labels], gauge.value)
        counts: dict[tuple[str, str], int] = {}
        for entry in self._ledger.entries():
            if entry.phase in ("done", "note"):
                counts[entry.usecase, entry.action] = counts.get((entry.usecase, entry.action), 0) + 1
        for key, count in sorted(counts.items()):
            families["evenkeel_actions_total"].add_metric(list(key), count)


def _family(name: str) -> Family:
    metric = BY_NAME[name]
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return make(metric.name, metric.help, labels=metric.labels)


def main() -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SystemExit: Wrong settings, no database, or the port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    try:
        settings = Settings.load()
        registry = CollectorRegistry()
        registry.register(StoredMetrics(sql.engine(settings.sql)))
        server, thread = start_http_server(settings.exporter_port, settings.host, registry)
    except EvenkeelError as error:
        sys.exit(f"{error.title}: {error}")
    except OSError as error:
        sys.exit(f"port {settings.exporter_port}: {error} (EVENKEEL_EXPORTER_PORT names another)")
    LOG.info("serving http://%s:%s/metrics", settings.host, settings.exporter_port)
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    main()
