"""What Evidently says of features and forecasts."""

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import above

COLUMN = ("usecase", "column")
METRICS = (
    Metric(
        "evenkeel_evidently_drifted_share",
        "1",
        "Share of feature columns that drifted by Evidently's test: a warning only.",
        alerts=(
            Alert(
                "EvenkeelEvidentlyShareHigh",
                "warn",
                above("evenkeel_evidently_drifted_share", "evidently_share"),
                "{usecase}: {percent} of the feature columns drifted by Evidently's test",
                threshold="evidently_share",
            ),
        ),
    ),
    Metric("evenkeel_evidently_column_score", "1", "Evidently's drift score of one column, by its own test.", COLUMN),
    Metric(
        "evenkeel_evidently_missing_share",
        "1",
        "Share of missing values in one column of the window.",
        COLUMN,
        owner="data",
        alerts=(
            Alert(
                "EvenkeelColumnMissing",
                "warn",
                "max by (usecase, column) (evenkeel_evidently_missing_share) > 0.5",
                "{usecase}: {percent} of the values of {column} are missing in the latest window",
                labels=COLUMN,
            ),
        ),
    ),
)
