"""What the service tells Prometheus about itself, on its own `/metrics`; names and help stand in `model_code/metrics`."""

from functools import cache
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

from model_code.metrics.labels import LABELS
from model_code.metrics.service import METRICS

CATALOGUE = {metric.name.removeprefix("evenkeel_service_"): metric for metric in METRICS}
Mode = Literal["mostrecent", "livemin", "livemax"]


class Telemetry:
    """The service's metrics; each process has one, see `telemetry`."""

    def __init__(self) -> None:
        self.requests = _counter("requests_total")
        self.latency = _histogram("latency_seconds")
        self.predictions = _counter("predictions_total")
        self.switches = _counter("switches_total")
        # A worker that was replaced leaves its numbers behind: the latest one counts.
        self.bundle = _gauge("bundle_info", "mostrecent")
        self.spool_limit = _gauge("spool_limit_bytes", "mostrecent")
        # Each living worker tells its own once a second: the worst one counts.
        self.ready = _gauge("ready", "livemin")
        self.spool = _gauge("spool_bytes", "livemax")
        self.spool_age = _gauge("spool_age_seconds", "livemax")
        self.store_down = _gauge("store_down", "livemax")
        self.set_aside = _gauge("spool_set_aside", "livemax")
        self.refusing = _gauge("spool_refusing", "livemax")


class Answered:
    """Counts answers of one use case; label lookups are done once for each pair of route and status."""

    def __init__(self, usecase: str) -> None:
        self._usecase = usecase
        self._requests: dict[tuple[str, int], Counter] = {}
        self._latency: dict[str, Histogram] = {}
        self._predictions = telemetry().predictions.labels(usecase)
        for outcome in LABELS["outcome"].values:  # an increase is seen only of what has been there at 0
            telemetry().switches.labels(usecase, outcome)

    def kept(self, predictions: int) -> None:
        """Count predictions that were kept."""
        self._predictions.inc(predictions)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        counter = self._requests.get((route, status))
        if counter is None:
            counter = telemetry().requests.labels(self._usecase, route, str(status))
            self._requests[route, status] = counter
        counter.inc()
        histogram = self._latency.get(route)
        if histogram is None:
            histogram = self._latency[route] = telemetry().latency.labels(self._usecase, route)
        histogram.observe(seconds)


@cache
def telemetry() -> Telemetry:
    """The metrics of this process, made when first asked for: several workers name their folder before that."""
    return Telemetry()


def _counter(name: str) -> Counter:
    metric = CATALOGUE[name]
    return Counter(metric.name, metric.help, metric.labels)


def _gauge(name: str, mode: Mode) -> Gauge:
    metric = CATALOGUE[name]
    return Gauge(metric.name, metric.help, metric.labels, multiprocess_mode=mode)


def _histogram(name: str) -> Histogram:
    metric = CATALOGUE[name]
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets)
