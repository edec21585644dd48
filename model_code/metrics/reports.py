"""What Evidently says of features and forecasts."""

from model_code.metrics.metric import Metric

COLUMN = ("usecase", "column")
METRICS = (
    Metric("evenkeel_evidently_drifted_share", "1", "Share of feature columns that drifted by Evidently's test: a warning only."),
    Metric("evenkeel_evidently_column_score", "1", "Evidently's drift score of one column, by its own test.", COLUMN),
    Metric("evenkeel_evidently_missing_share", "1", "Share of missing values in one column of the window.", COLUMN),
)
