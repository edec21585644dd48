"""Thresholds that a use case states, by the name under which `evenkeel_threshold` exports them.

Rules and panels compare with these series, so that they use the numbers of the policy and repeat none.
"""

from model_code.metrics.metric import Metric

THRESHOLDS = {
    "ratio_breach": "Live over expected loss above which an origin counts as bad.",
    "ratio_near": "Live over expected loss that counts as recovered.",
    "blatant_ratio": "Live over expected loss that no spell of weather explains.",
    "breaches": "Bad origins in the policy's window that make a breach.",
    "coverage_floor": "Coverage of the intervals below which they are recalibrated; not for classifications.",
    "max_data_age_seconds": "Age of the data above which they are at fault.",
    "max_evidence_age_seconds": "Age of the newest scored origin above which evidence is none.",
    "max_prediction_age_seconds": "Two periods of forecasts: one was missed.",
    "max_monitor_age_seconds": "Two periods of forecasts and an hour: a monitor run was missed.",
    "max_report_age_seconds": "Two periods of Evidently's reports and one of forecasts: a report was missed.",
    "max_quarantined": "Share of rows in quarantine above which the data are at fault.",
    "evidently_share": "Share of drifted columns above which Evidently's report is recorded as a warning.",
}

METRICS = (
    Metric(
        "evenkeel_threshold",
        "that of what it bounds",
        "A threshold that the use case states, by name; rules and panels compare with it.",
        ("usecase", "name"),
    ),
)
