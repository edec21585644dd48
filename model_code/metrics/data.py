"""Whether data, predictions and truth are fresh and sound."""

from model_code.metrics.metric import Metric

METRICS = (
    Metric(
        "evenkeel_data_age_seconds",
        "seconds",
        "Age of the newest observation of the target at the last monitor run.",
        owner="data",
    ),
    Metric("evenkeel_prediction_age_seconds", "seconds", "Age of the newest prediction's origin at the last monitor run."),
    Metric("evenkeel_truth_age_seconds", "seconds", "Age of the newest scored origin at the last monitor run.", owner="data"),
    Metric("evenkeel_quarantined_share", "1", "Share of recent rows that went to quarantine.", owner="data"),
)
