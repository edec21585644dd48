"""What the bridge tells Prometheus about itself; names and help stand in `model_code/metrics`."""

from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from model_code.metrics import BY_NAME
from monitoring.alert_bridge.incidents import Incidents, Kept
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.sender import Sender

RECEIVED = "evenkeel_bridge_alerts_total"
WAITING = "evenkeel_bridge_waiting_incidents"
OLDEST = "evenkeel_bridge_oldest_waiting_seconds"
PREFECT = "evenkeel_bridge_prefect_up"
UNDELIVERED = "evenkeel_bridge_undelivered_page_seconds"


class Telemetry:
    """Counters of this process, and gauges that are read from the database at each scrape."""

    def __init__(self, incidents: Incidents, sender: Sender, pager: Pager, clock: Callable[[], datetime]) -> None:
        self._registry = CollectorRegistry()
        self._received = Counter(RECEIVED, BY_NAME[RECEIVED].help, BY_NAME[RECEIVED].labels, registry=self._registry)
        self._registry.register(_Waiting(incidents, sender, pager, clock))
        for outcome in ("new", "known", "ended", "refused"):
            self._received.labels(outcome)

    def count(self, kept: Kept, refused: int) -> None:
        """Count the alerts of one post."""
        for outcome, number in {"new": kept.new, "known": kept.known, "ended": kept.ended, "refused": refused}.items():
            self._received.labels(outcome).inc(number)

    def page(self) -> bytes:
        """In Prometheus' text format.

        Raises:
            StoreError: The database cannot be read.
        """
        return generate_latest(self._registry)


class _Waiting(Collector):
    """What no flow has looked at yet or no person was told, and since when beyond the time that a run or a message takes."""

    def __init__(self, incidents: Incidents, sender: Sender, pager: Pager, clock: Callable[[], datetime]) -> None:
        self._incidents, self._sender, self._pager, self._clock = incidents, sender, pager, clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from (GaugeMetricFamily(name, BY_NAME[name].help) for name in (WAITING, OLDEST, PREFECT, UNDELIVERED))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(WAITING, BY_NAME[WAITING].help, len(self._incidents.all(waiting=True)))
        yield GaugeMetricFamily(OLDEST, BY_NAME[OLDEST].help, self._seconds(self._incidents.overdue_since()))
        yield GaugeMetricFamily(UNDELIVERED, BY_NAME[UNDELIVERED].help, self._seconds(self._pager.undelivered_since()))
        if self._sender.prefect_answers is not None:
            yield GaugeMetricFamily(PREFECT, BY_NAME[PREFECT].help, float(self._sender.prefect_answers))

    def _seconds(self, since: datetime | None) -> float:
        return 0.0 if since is None else (self._clock() - since).total_seconds()
