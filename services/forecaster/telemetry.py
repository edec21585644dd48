"""What the service tells Prometheus about itself, on its own `/metrics`."""

from functools import cache
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# A worker that was replaced leaves its numbers behind: the latest one counts.
LATEST: Literal["mostrecent"] = "mostrecent"


class Telemetry:
    """The service's metrics; each process has one, see `telemetry`."""

    def __init__(self) -> None:
        by_route = ["usecase", "route", "status"]
        self.requests = Counter("evenkeel_service_requests_total", "Requests answered, by route and HTTP status.", by_route)
        self.latency = Histogram(
            "evenkeel_service_latency_seconds", "Time from a request to its answer.", ["usecase", "route"], buckets=BUCKETS
        )
        self.predictions = Counter("evenkeel_service_predictions_total", "Predictions kept.", ["usecase"])
        self.switches = Counter(
            "evenkeel_service_switches_total",
            "Bundles that the pointer asked for, switched to or refused.",
            ["usecase", "outcome"],
        )
        self.ready = Gauge(
            "evenkeel_service_ready", "1 while the wanted bundle answers.", ["usecase"], multiprocess_mode="livemin"
        )
        self.bundle = Gauge(
            "evenkeel_service_bundle_info",
            "1 for the bundle that answers, 0 for those before it.",
            ["usecase", "version", "bundle"],
            multiprocess_mode=LATEST,
        )
        self.spool = Gauge(
            "evenkeel_service_spool_bytes", "Predictions not yet in the store.", ["usecase"], multiprocess_mode=LATEST
        )
        self.spool_age = Gauge(
            "evenkeel_service_spool_age_seconds", "Age of the oldest of them.", ["usecase"], multiprocess_mode=LATEST
        )
        self.store_down = Gauge(
            "evenkeel_service_store_down",
            "1 while the store takes no predictions; those answered wait.",
            ["usecase"],
            multiprocess_mode="livemax",
        )
        self.set_aside = Gauge(
            "evenkeel_service_spool_set_aside",
            "Files of the spool that could not be read or stored; somebody must look at them.",
            ["usecase"],
            multiprocess_mode="livemax",
        )
        self.refusing = Gauge(
            "evenkeel_service_spool_refusing",
            "1 while predictions cannot be kept, so that nothing is answered.",
            ["usecase"],
            multiprocess_mode="livemax",
        )


class Answered:
    """Counts answers of one use case; label lookups are done once for each pair of route and status."""

    def __init__(self, usecase: str) -> None:
        self._usecase = usecase
        self._requests: dict[tuple[str, int], Counter] = {}
        self._latency: dict[str, Histogram] = {}
        self._predictions = telemetry().predictions.labels(usecase)

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
