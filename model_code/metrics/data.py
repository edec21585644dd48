"""Whether data, predictions and truth are fresh and sound."""

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import CHAMPION, above

METRICS = (
    Metric(
        "evenkeel_data_age_seconds",
        "seconds",
        "Age of the newest observation of the target at the last monitor run.",
        owner="data",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelDataStale",
                "page",
                above("evenkeel_data_age_seconds", "max_data_age_seconds"),
                "{usecase}: the newest observation of the target is {duration} old",
                threshold="max_data_age_seconds",
            ),
        ),
    ),
    Metric(
        "evenkeel_prediction_age_seconds",
        "seconds",
        "Age of the newest prediction's origin at the last monitor run.",
        owner="platform",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelPredictionsStale",
                "page",
                above("evenkeel_prediction_age_seconds", "max_prediction_age_seconds"),
                "{usecase}: the newest forecast was made {duration} ago",
                threshold="max_prediction_age_seconds",
            ),
        ),
    ),
    Metric(
        "evenkeel_truth_age_seconds",
        "seconds",
        "Age of the newest scored origin at the last monitor run.",
        owner="data",
        alerts=(
            Alert(
                "EvenkeelTruthStale",
                "page",
                above("evenkeel_truth_age_seconds", "max_evidence_age_seconds"),
                "{usecase}: the newest forecast that has its truth is {duration} old",
                threshold="max_evidence_age_seconds",
            ),
        ),
    ),
    Metric(
        "evenkeel_quarantined_share",
        "1",
        "Share of recent rows that went to quarantine.",
        owner="data",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelQuarantineHigh",
                "warn",
                above("evenkeel_quarantined_share", "max_quarantined"),
                "{usecase}: {percent} of the rows of the last week are in quarantine",
                threshold="max_quarantined",
            ),
        ),
    ),
    Metric(
        "evenkeel_data_faults",
        "faults",
        "Faults that were found in the data, by kind; retraining on them would teach them.",
        ("usecase", "kind"),
        owner="data",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelDataFault",
                "page",
                "max by (usecase, kind) (evenkeel_data_faults) > 0",
                "{usecase}: {value} faults of the kind {kind} in the data",
                labels=("usecase", "kind"),
            ),
        ),
    ),
)
