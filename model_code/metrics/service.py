"""What a model service tells of itself, on its own `/metrics`."""

from functools import partial

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import SERVICE_JOB

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ERROR_SHARE = "usecase:evenkeel_service_errors:share5m"
ERRORS = 'sum by (usecase) (increase(evenkeel_service_requests_total{status=~"5.."}[5m]))'
FEW = 3  # failed requests in five minutes: one of the two that a quiet service gets is no share to wake anybody for
LATENCY_P99 = "usecase_route:evenkeel_service_latency_seconds:p99_5m"
INSTANCE = ("usecase", "instance")
# Of each service by itself, where the scrape tells which it is, as on a cluster; a canary that is down takes nobody's answers away.
DOWN = (
    f'max by (job, service) (up{{job="{SERVICE_JOB}", track!~"canary|shadow"}}) == 0 '
    f'or absent(up{{job="{SERVICE_JOB}", track!~"canary|shadow"}})'
)
_told = partial(Metric, source="service", owner="platform")
METRICS = (
    _told(
        "evenkeel_service_requests_total",
        "requests",
        "Requests answered, by route and HTTP status.",
        ("usecase", "route", "status"),
        "counter",
        alerts=(
            Alert(
                "EvenkeelErrorsHigh",
                "page",
                f"max by (usecase) ({ERROR_SHARE}) > 0.05 and on (usecase) {ERRORS} >= {FEW}",
                "{usecase}: {percent} of the requests end in an error of the service",
                scrapes=8,
            ),
        ),
    ),
    _told(
        "evenkeel_service_latency_seconds",
        "seconds",
        "Time from a request to its answer.",
        ("usecase", "route"),
        "histogram",
        buckets=LATENCY_BUCKETS,
        alerts=(
            Alert(
                "EvenkeelLatencyHigh",
                "warn",
                f'max by (usecase, route) ({LATENCY_P99}{{route!="batch"}}) > 1',
                "{usecase}: one in a hundred answers of /{route} takes more than {value} s",
                scrapes=20,
                labels=("usecase", "route"),
            ),
        ),
    ),
    _told("evenkeel_service_predictions_total", "predictions", "Predictions kept.", kind="counter"),
    _told(
        "evenkeel_service_switches_total",
        "bundles",
        "Bundles that the pointer asked for, switched to or refused.",
        ("usecase", "outcome"),
        "counter",
        alerts=(
            Alert(
                "EvenkeelBundleRefused",
                "page",
                'sum by (usecase) (increase(evenkeel_service_switches_total{outcome="refused"}[10m])) > 0',
                "{usecase}: the service refuses the bundle that is wanted",
            ),
        ),
    ),
    _told(
        "evenkeel_service_ready",
        "1",
        "1 while the service is ready: the wanted bundle answers, predictions can be kept, and it is not about to end.",
        alerts=(
            Alert(
                "EvenkeelServiceDown",
                "page",
                DOWN,
                "a model service does not answer",
                scrapes=4,
                labels=("job",),
            ),
            Alert(
                "EvenkeelServiceNotReady",
                "page",
                f"min by (usecase, instance) (evenkeel_service_ready) == 0 "
                f'or max by (instance) (up{{job="{SERVICE_JOB}"}}) == 1 unless on (instance) evenkeel_service_ready',
                "the service at {instance} does not serve the bundle that is wanted",
                scrapes=4,
                labels=("instance",),
            ),
        ),
    ),
    _told(
        "evenkeel_service_bundle_info",
        "1",
        "1 for the bundle that answers, 0 for those before it.",
        ("usecase", "version", "bundle"),
    ),
    _told(
        "evenkeel_service_spool_bytes",
        "bytes",
        "Predictions not yet in the store.",
        alerts=(
            Alert(
                "EvenkeelSpoolFilling",
                "warn",
                "max by (usecase, instance) (evenkeel_service_spool_bytes) "
                "/ max by (usecase, instance) (evenkeel_service_spool_limit_bytes) > 0.5",
                "{usecase}: the spool at {instance} is {percent} full; when it is, the service refuses to answer",
                scrapes=4,
                labels=INSTANCE,
            ),
        ),
    ),
    _told("evenkeel_service_spool_limit_bytes", "bytes", "Most bytes that may wait; beyond, nothing is answered."),
    _told("evenkeel_service_spool_age_seconds", "seconds", "Age of the oldest of them."),
    _told(
        "evenkeel_service_store_down",
        "1",
        "1 while the store takes no predictions; those answered wait.",
        alerts=(
            Alert(
                "EvenkeelStoreDown",
                "page",
                "max by (usecase, instance) (evenkeel_service_store_down) == 1",
                "{usecase}: the store takes no predictions from {instance}; they wait in the spool",
                scrapes=4,
                labels=INSTANCE,
            ),
        ),
    ),
    _told(
        "evenkeel_service_spool_set_aside",
        "files",
        "Files of the spool that could not be read or stored; somebody must look at them.",
        alerts=(
            Alert(
                "EvenkeelSpoolSetAside",
                "warn",
                "max by (usecase, instance) (evenkeel_service_spool_set_aside) > 0",
                "{usecase}: {value} files of the spool at {instance} could not be stored",
                labels=INSTANCE,
            ),
        ),
    ),
    _told(
        "evenkeel_service_spool_refusing",
        "1",
        "1 while predictions cannot be kept, so that nothing is answered.",
        alerts=(
            Alert(
                "EvenkeelSpoolRefusing",
                "page",
                "max by (usecase, instance) (evenkeel_service_spool_refusing) == 1",
                "{usecase}: {instance} cannot keep predictions and answers none",
                labels=INSTANCE,
            ),
        ),
    ),
)
