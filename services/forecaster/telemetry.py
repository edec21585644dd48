"""What the service tells Prometheus about itself, on its own `/metrics`."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Telemetry:
    """The service's metrics; each process has one, see `telemetry`."""

    def __init__(self) -> None:
        self.requests = Counter(
            "evenkeel_service_requests_total", "Forecast requests answered, by HTTP status.", ["usecase", "status"]
        )
        self.latency = Histogram(
            "evenkeel_service_latency_seconds", "Time from a forecast request to its answer.", ["usecase"], buckets=BUCKETS
        )
        self.predictions = Counter("evenkeel_service_predictions_total", "Predictions stored.", ["usecase"])
        self.switches = Counter(
            "evenkeel_service_switches_total",
            "Bundles that the pointer asked for, switched to or refused.",
            ["usecase", "outcome"],
        )
        # A worker that was replaced leaves its numbers behind: the latest one counts.
        self.ready = Gauge(
            "evenkeel_service_ready", "1 while the wanted bundle answers.", ["usecase"], multiprocess_mode="mostrecent"
        )
        self.bundle = Gauge(
            "evenkeel_service_bundle_info",
            "1 for the bundle that answers, 0 for those before it.",
            ["usecase", "version", "bundle"],
            multiprocess_mode="mostrecent",
        )


@cache
def telemetry() -> Telemetry:
    """The metrics of this process, made when first asked for: the server names their folder only at its start."""
    return Telemetry()
