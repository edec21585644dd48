"""How the champion does: what the policy judges, and what it makes of it."""

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import CHAMPION, MONITOR_SUCCESS, READ, SCORED, above, at_least, below

SERIES = ("usecase", "series")
SLICE = ("usecase", "dimension", "value")
COVERED = f'evenkeel_threshold{{name="coverage_floor"}} and on (usecase) {SCORED}'
METRICS = (
    Metric(
        "evenkeel_live_loss",
        "target unit",
        "Mean loss of the champion over its latest scored origins.",
        SERIES,
        expected=SCORED,
    ),
    Metric(
        "evenkeel_backtest_loss",
        "target unit",
        "Mean loss per origin of the champion's backtest.",
        SERIES,
        expected=CHAMPION,
    ),
    Metric(
        "evenkeel_loss_ratio",
        "1",
        "Live loss over the loss that such days make one expect, latest scored origins.",
        SERIES,
        expected=SCORED,
        alerts=(
            Alert(
                "EvenkeelLossRatioBreach",
                "page",
                above("evenkeel_loss_ratio", "ratio_breach", SERIES),
                "{usecase}, {series}: the champion loses {value} times what such days make one expect",
                hint="rollback",
                threshold="ratio_breach",
                labels=SERIES,
            ),
        ),
    ),
    Metric(
        "evenkeel_bad_origins",
        "origins",
        "Origins of the policy's window whose live loss over expected loss is above ratio_breach.",
        SERIES,
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelBadOrigins",
                "page",
                at_least("evenkeel_bad_origins", "breaches", SERIES),
                "{usecase}, {series}: {value} of the latest origins are bad",
                hint="rollback",
                threshold="breaches",
                labels=SERIES,
            ),
        ),
    ),
    Metric(
        "evenkeel_estimated_loss_ratio",
        "1",
        "Live over expected loss of the origins that have no truth yet, estimated from what is known.",
        alerts=(
            Alert(
                "EvenkeelEstimatedLossHigh",
                "warn",
                above("evenkeel_estimated_loss_ratio", "ratio_breach"),
                "{usecase}: before the truth is there, the loss is estimated at {value} times the expected one",
                threshold="ratio_breach",
            ),
        ),
    ),
    Metric(
        "evenkeel_estimate_error",
        "1",
        "How far estimates of the loss ratio were off where the truth came since, as a mean absolute logarithm.",
    ),
    Metric(
        "evenkeel_coverage",
        "1",
        "Share of the truth inside the prediction interval, latest scored origins.",
        SERIES,
        expected=COVERED,
        alerts=(
            Alert(
                "EvenkeelCoverageLow",
                "warn",
                below("evenkeel_coverage", "coverage_floor", SERIES),
                "{usecase}, {series}: only {percent} of the truth is inside the intervals",
                hint="recalibrate",
                threshold="coverage_floor",
                labels=SERIES,
            ),
        ),
    ),
    Metric("evenkeel_bias", "target unit", "Mean of truth minus prediction, latest scored origins.", SERIES, expected=SCORED),
    Metric(
        "evenkeel_interval_width",
        "target unit",
        "Mean width of the prediction intervals, latest scored origins.",
        SERIES,
        expected=COVERED,
    ),
    Metric(
        "evenkeel_anomaly_share",
        "1",
        "Share of the truth further from the forecast than twice the interval's bound, latest scored origins.",
        SERIES,
    ),
    Metric(
        "evenkeel_level_cusum",
        "standard deviations",
        "CUSUM of the level test; negative when the level is low.",
        SERIES,
        expected=SCORED,
    ),
    Metric(
        "evenkeel_level_threshold",
        "standard deviations",
        "CUSUM above which, either side, the level test alarms; calibrated, in the champion's bundle.",
        SERIES,
        expected=CHAMPION,
    ),
    Metric(
        "evenkeel_drift_alarm",
        "1",
        "1 while the level test alarms, else 0.",
        SERIES,
        expected=SCORED,
        alerts=(
            Alert(
                "EvenkeelLevelDrift",
                "warn",
                "max by (usecase, series) (evenkeel_drift_alarm) == 1",
                "{usecase}, {series}: the level of the truth is not what such days should give",
                hint="retrain",
                labels=SERIES,
            ),
        ),
    ),
    Metric(
        "evenkeel_slice_loss_ratio",
        "1",
        "Live loss over the backtest's loss of one slice of the rows, since the champion's release.",
        SLICE,
    ),
    Metric(
        "evenkeel_slice_departs",
        "1",
        "1 while a slice does worse than the others beyond chance, else 0.",
        SLICE,
        alerts=(
            Alert(
                "EvenkeelSliceDeparts",
                "warn",
                "max by (usecase, dimension, value) (evenkeel_slice_departs) == 1",
                "{usecase}: rows with {dimension} {value} do worse than the others beyond chance",
                hint="retrain",
                labels=SLICE,
            ),
        ),
    ),
    Metric("evenkeel_scored_origins", "origins", "Origins scored since the champion's release.", SERIES, expected=CHAMPION),
    Metric(
        "evenkeel_release_age_seconds",
        "seconds",
        "Age of the champion's release at the last monitor run.",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelNothingScored",
                "page",
                f"({above('evenkeel_release_age_seconds', 'max_evidence_age_seconds')}) unless on (usecase) {SCORED}",
                "{usecase}: no forecast was ever scored since the release {duration} ago",
                threshold="max_evidence_age_seconds",
            ),
        ),
    ),
    Metric(
        "evenkeel_verdict",
        "1",
        "1 for the policy's latest verdict, 0 for the others.",
        ("usecase", "verdict"),
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelActionWanted",
                "info",
                'max by (usecase, verdict) (evenkeel_verdict{verdict!="hold"}) == 1',
                "{usecase}: the policy's verdict is {verdict}",
                labels=("usecase", "verdict"),
            ),
        ),
    ),
    Metric(
        "evenkeel_verdict_pages",
        "1",
        "1 while the policy's latest verdict asks for a person, else 0.",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelPolicyPages",
                "page",
                "max by (usecase) (evenkeel_verdict_pages) == 1",
                "{usecase}: the policy asks for a person; its reasons are in the ledger",
            ),
        ),
    ),
    Metric(
        "evenkeel_champion_info",
        "1",
        "Always 1; the label tells the champion's version.",
        ("usecase", "version"),
        expected=f"{MONITOR_SUCCESS} and on (job, instance) {READ}",  # of a database that is away, EvenkeelExporterStale tells
    ),
)
