"""What makes each alert fire: a change of the healthy world, and the labels and the value that the alert must then carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from model_code.metrics.promql import BRIDGE_JOB, EXPORTER_JOB, SERVICE_JOB
from monitoring.rules.world import DAY, END, INSTANCES, MINUTES, TURN, USECASE

GONE = "gone"
LATER = MINUTES - TURN - 1
STOPPED = f"{TURN * 60}+0x{LATER}"  # a clock, or a counter of one a second, that stands still from the turn on


@dataclass(frozen=True)
class Change:
    """After the turn, some series are otherwise.

    Attributes:
        metric: Name of the series.
        then: Their value; or promtool's own notation for the minutes from then on, or GONE.
        labels: Which of the metric's series. Default: all.
    """

    metric: str
    then: float | str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Changes, and the alert that follows.

    Attributes:
        changes: Of the healthy world.
        labels: That the alert carries beside those of its rule.
        value: Of its expression at the end.
    """

    changes: tuple[Change, ...]
    labels: Mapping[str, str]
    value: float


def _case(
    metric: str,
    then: float | str,
    labels: Mapping[str, str] = MappingProxyType({}),
    *,
    value: float | None = None,
    of: Mapping[str, str] = MappingProxyType({}),
) -> Case:
    """One change of one metric of the use case; the alert's value is the metric's, if no other is said."""
    return Case((Change(metric, then, of),), {"usecase": USECASE, **labels}, float(then) if value is None else value)


def _down(job: str) -> Case:
    return Case((Change("up", 0, {"job": job}),), {"job": job}, 0)


SERVICE = {"instance": INSTANCES[SERVICE_JOB]}
VIC = {"series": "VIC"}
SLICE = {"dimension": "hour", "value": "17"}
CASES: dict[str, Case] = {
    "EvenkeelLossRatioBreach": _case("evenkeel_loss_ratio", 1.8, VIC),
    "EvenkeelBadOrigins": _case("evenkeel_bad_origins", 3, VIC),
    "EvenkeelEstimatedLossHigh": _case("evenkeel_estimated_loss_ratio", 2.5),
    "EvenkeelCoverageLow": _case("evenkeel_coverage", 0.6, VIC),
    "EvenkeelLevelDrift": _case("evenkeel_drift_alarm", 1, VIC),
    "EvenkeelSliceDeparts": _case("evenkeel_slice_departs", 1, SLICE),
    "EvenkeelNothingScored": _case("evenkeel_truth_age_seconds", GONE, value=30 * DAY),
    "EvenkeelActionWanted": _case("evenkeel_verdict", 1, {"verdict": "rollback"}, of={"verdict": "rollback"}),
    "EvenkeelPolicyPages": _case("evenkeel_verdict_pages", 1),
    "EvenkeelEvidentlyShareHigh": _case("evenkeel_evidently_drifted_share", 0.6),
    "EvenkeelColumnMissing": _case("evenkeel_evidently_missing_share", 0.75, {"column": "temperature"}),
    "EvenkeelQualityBreach": _case("evenkeel_evidently_quality_ratio", 1.6),
    "EvenkeelInputsShifted": _case("evenkeel_shift_joint_ratio", 2, {"test": "auc"}),
    "EvenkeelDataStale": _case("evenkeel_data_age_seconds", 2 * DAY),
    "EvenkeelPredictionsStale": _case("evenkeel_prediction_age_seconds", 3 * DAY),
    "EvenkeelTruthStale": _case("evenkeel_truth_age_seconds", 4 * DAY),
    "EvenkeelQuarantineHigh": _case("evenkeel_quarantined_share", 0.25),
    "EvenkeelDataFault": _case("evenkeel_data_faults", 2, {"kind": "stuck"}, of={"kind": "stuck"}),
    "EvenkeelMonitorNotRun": _case("evenkeel_flow_last_success_timestamp_seconds", STOPPED, value=END * 60 - TURN * 60),
    "EvenkeelNothingWatched": Case(
        (Change("evenkeel_flow_last_success_timestamp_seconds", GONE, {"flow": "monitor"}),), {"flow": "monitor"}, 1
    ),
    "EvenkeelFlowFailed": Case(
        (Change("evenkeel_flow_last_failure_timestamp_seconds", f"0+60x{LATER}"),),
        {"usecase": USECASE, "flow": "refresh"},
        (END - TURN - 1) * 60,
    ),
    "EvenkeelActionHalfDone": _case("evenkeel_open_intents", 1),
    "EvenkeelReportStale": _case("evenkeel_metric_written_timestamp_seconds", STOPPED, value=END * 60 - TURN * 60),
    "EvenkeelExporterDown": _down(EXPORTER_JOB),
    "EvenkeelExporterStale": Case(
        (Change("evenkeel_exporter_last_read_timestamp_seconds", STOPPED),),
        {"job": EXPORTER_JOB},
        END * 60 - TURN * 60,
    ),
    "EvenkeelSeriesDropped": Case((Change("evenkeel_exporter_dropped_series", 7),), {}, 7),
    "EvenkeelErrorsHigh": _case("evenkeel_service_requests_total", f"0+20x{LATER}", value=0.25, of={"status": "500"}),
    "EvenkeelLatencyHigh": _case(
        "evenkeel_service_latency_seconds_bucket", STOPPED, {"route": "forecast"}, value=2.476, of={"le": "0.1"}
    ),
    "EvenkeelBundleRefused": _case("evenkeel_service_switches_total", f"1+1x{LATER}", value=10, of={"outcome": "refused"}),
    "EvenkeelServiceDown": _down(SERVICE_JOB),
    "EvenkeelServiceNotReady": _case("evenkeel_service_ready", 0, SERVICE),
    "EvenkeelSpoolFilling": _case("evenkeel_service_spool_bytes", 8000, SERVICE, value=0.8),
    "EvenkeelStoreDown": _case("evenkeel_service_store_down", 1, SERVICE),
    "EvenkeelSpoolSetAside": _case("evenkeel_service_spool_set_aside", 2, SERVICE),
    "EvenkeelSpoolRefusing": _case("evenkeel_service_spool_refusing", 1, SERVICE),
    "EvenkeelAlertRefused": Case((Change("evenkeel_bridge_alerts_total", f"0+1x{LATER}"),), {"job": BRIDGE_JOB}, 10),
    "EvenkeelBridgeWaiting": Case((Change("evenkeel_bridge_oldest_waiting_seconds", 300),), {"job": BRIDGE_JOB}, 300),
    "EvenkeelPageUndelivered": Case((Change("evenkeel_bridge_undelivered_page_seconds", 300),), {"job": BRIDGE_JOB}, 300),
    "EvenkeelBridgeDown": _down(BRIDGE_JOB),
}
