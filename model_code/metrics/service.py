"""What a model service tells of itself, on its own `/metrics`."""

from functools import partial

from model_code.metrics.metric import Metric

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_told = partial(Metric, source="service", owner="platform")
METRICS = (
    _told(
        "evenkeel_service_requests_total",
        "requests",
        "Requests answered, by route and HTTP status.",
        ("usecase", "route", "status"),
        "counter",
    ),
    _told(
        "evenkeel_service_latency_seconds",
        "seconds",
        "Time from a request to its answer.",
        ("usecase", "route"),
        "histogram",
        buckets=LATENCY_BUCKETS,
    ),
    _told("evenkeel_service_predictions_total", "predictions", "Predictions kept.", kind="counter"),
    _told(
        "evenkeel_service_switches_total",
        "bundles",
        "Bundles that the pointer asked for, switched to or refused.",
        ("usecase", "outcome"),
        "counter",
    ),
    _told("evenkeel_service_ready", "1", "1 while the wanted bundle answers."),
    _told(
        "evenkeel_service_bundle_info",
        "1",
        "1 for the bundle that answers, 0 for those before it.",
        ("usecase", "version", "bundle"),
    ),
    _told("evenkeel_service_spool_bytes", "bytes", "Predictions not yet in the store."),
    _told("evenkeel_service_spool_age_seconds", "seconds", "Age of the oldest of them."),
    _told("evenkeel_service_store_down", "1", "1 while the store takes no predictions; those answered wait."),
    _told(
        "evenkeel_service_spool_set_aside",
        "files",
        "Files of the spool that could not be read or stored; somebody must look at them.",
    ),
    _told("evenkeel_service_spool_refusing", "1", "1 while predictions cannot be kept, so that nothing is answered."),
)
