"""A world in which all is well, as series for promtool: minute by minute. Each test of a rule changes it a little."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from model_code.metrics import BY_NAME
from model_code.metrics.labels import ACTIONS, FAULTS
from model_code.metrics.promql import BRIDGE_JOB, EXPORTER_JOB, SERVICE_JOB
from model_code.metrics.thresholds import THRESHOLDS

MINUTES = 22  # as few as the longest wait and window allow: promtool evaluates every rule at each
TURN = 4  # after this minute a test's change holds
END = 20  # minute at which its consequence is looked at
DAY = 86400
USECASE = "demand"
JOBS = {"service": SERVICE_JOB, "bridge": BRIDGE_JOB}
INSTANCES = {EXPORTER_JOB: "exporter:9464", SERVICE_JOB: "service:3000", BRIDGE_JOB: "bridge:9465"}
NOW = f"0+60x{MINUTES}"  # a timestamp that is renewed at every step
GROWS = f"0+60x{MINUTES}"  # a counter, one a second
BOUNDS: dict[str, float] = {
    "ratio_breach": 1.5,
    "ratio_near": 1.2,
    "blatant_ratio": 3,
    "breaches": 3,
    "coverage_floor": 0.75,
    "max_data_age_seconds": DAY,
    "max_evidence_age_seconds": 3 * DAY,
    "max_prediction_age_seconds": 2 * DAY,
    "max_monitor_age_seconds": 300,
    "max_report_age_seconds": 600,
    "max_quarantined": 0.2,
    "evidently_share": 0.5,
}
VALUES: dict[str, float | str] = {
    "evenkeel_live_loss": 0.2,
    "evenkeel_backtest_loss": 0.2,
    "evenkeel_loss_ratio": 1,
    "evenkeel_bad_origins": 0,
    "evenkeel_estimated_loss_ratio": 1,
    "evenkeel_coverage": 0.9,
    "evenkeel_bias": 0,
    "evenkeel_interval_width": 0.8,
    "evenkeel_anomaly_share": 0,
    "evenkeel_estimate_error": 0.4,
    "evenkeel_level_cusum": 1,
    "evenkeel_level_threshold": 4.4,
    "evenkeel_drift_alarm": 0,
    "evenkeel_slice_loss_ratio": 1,
    "evenkeel_slice_departs": 0,
    "evenkeel_scored_origins": 30,
    "evenkeel_release_age_seconds": 30 * DAY,
    "evenkeel_verdict_pages": 0,
    "evenkeel_champion_info": 1,
    "evenkeel_evidently_drifted_share": 0.1,
    "evenkeel_evidently_column_score": 0.1,
    "evenkeel_evidently_missing_share": 0,
    "evenkeel_evidently_quality_ratio": 1,
    "evenkeel_evidently_quality_limit": 1.4,
    "evenkeel_shift_joint_ratio": 0.5,
    "evenkeel_data_age_seconds": 3600,
    "evenkeel_prediction_age_seconds": 3600,
    "evenkeel_truth_age_seconds": DAY,
    "evenkeel_quarantined_share": 0,
    "evenkeel_data_faults": 0,
    "evenkeel_flow_last_success_timestamp_seconds": NOW,
    "evenkeel_actions_total": 1,
    "evenkeel_open_intents": 0,
    "evenkeel_metric_written_timestamp_seconds": NOW,
    "evenkeel_exporter_last_read_timestamp_seconds": NOW,
    "evenkeel_exporter_dropped_series": 0,
    "evenkeel_service_predictions_total": GROWS,
    "evenkeel_service_switches_total": 1,
    "evenkeel_service_ready": 1,
    "evenkeel_service_bundle_info": 1,
    "evenkeel_service_spool_bytes": 1000,
    "evenkeel_service_spool_limit_bytes": 10000,
    "evenkeel_service_spool_age_seconds": 1,
    "evenkeel_service_store_down": 0,
    "evenkeel_service_spool_set_aside": 0,
    "evenkeel_service_spool_refusing": 0,
    "evenkeel_bridge_alerts_total": 0,
    "evenkeel_bridge_waiting_incidents": 0,
    "evenkeel_bridge_oldest_waiting_seconds": 0,
    "evenkeel_bridge_prefect_up": 1,
    "evenkeel_bridge_undelivered_page_seconds": 0,
}
LABELS = {
    "usecase": USECASE,
    "series": "VIC",
    "column": "temperature",
    "dimension": "hour",
    "value": "17",
    "kind": FAULTS[0],
    "version": "3",
    "bundle": "b3",
    "action": "promote",
    "verdict": "hold",
    "flow": "monitor",
    "name": "ratio_breach",
    "metric": "evenkeel_evidently_drifted_share",
    "route": "forecast",
    "status": "200",
    "outcome": "refused",
    "received": "refused",
    "test": "auc",
}


@dataclass(frozen=True)
class Series:
    """One input series of a test: its name, its labels as promtool writes them, its values."""

    metric: str
    labels: Mapping[str, str]
    values: str

    @property
    def written(self) -> str:
        """As in a rule test."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.metric}{{{labels}}}"

    def has(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Whether it is of that metric and carries these labels."""
        return self.metric == metric and labels.items() <= self.labels.items()


def healthy() -> list[Series]:
    """Every series of an installation with one use case on an even keel."""
    return [*_up(), *_plain(), *_by_value(), *_requests(), *_latency()]


def flat(value: float | str, minutes: int = MINUTES) -> str:
    """The same value at every step.

    Example:
        >>> flat(1.5, 3)
        '1.5+0x3'
    """
    return value if isinstance(value, str) else f"{value:g}+0x{minutes}"


def job_of(metric: str) -> str:
    """Whose `/metrics` it is scraped from."""
    return JOBS.get(BY_NAME[metric.removesuffix("_bucket")].source, EXPORTER_JOB)


def _series(metric: str, values: float | str, **labels: str) -> Series:
    job = job_of(metric)
    own = {name: labels.get(name, LABELS.get(name, "")) for name in BY_NAME[metric.removesuffix("_bucket")].labels}
    return Series(metric, {**own, **labels, "job": job, "instance": INSTANCES[job]}, flat(values))


def _up() -> Iterator[Series]:
    for job, instance in INSTANCES.items():
        yield Series("up", {"job": job, "instance": instance}, flat(1))


def _plain() -> Iterator[Series]:
    for metric, value in VALUES.items():
        yield _series(metric, value)


def _by_value() -> Iterator[Series]:
    for name in THRESHOLDS:
        yield _series("evenkeel_threshold", BOUNDS[name], name=name)
    for verdict in ACTIONS:
        yield _series("evenkeel_verdict", float(verdict == "hold"), verdict=verdict)


def _requests() -> Iterator[Series]:
    yield _series("evenkeel_service_requests_total", GROWS, status="200")
    yield _series("evenkeel_service_requests_total", 0, status="500")


def _latency() -> Iterator[Series]:
    for bound in ("0.1", "2.5", "+Inf"):
        yield _series("evenkeel_service_latency_seconds_bucket", GROWS, le=bound)
