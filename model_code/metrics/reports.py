"""What reports say of features and forecasts: Evidently's values, and our own tests of the same windows."""

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import above

COLUMN = ("usecase", "column")
MEASURE = ("usecase", "measure")
METRICS = (
    Metric(
        "evenkeel_evidently_drifted_share",
        "1",
        "Share of the columns (features, predictions) that drifted by Evidently's test: a warning only.",
        source="report",
        alerts=(
            Alert(
                "EvenkeelEvidentlyShareHigh",
                "warn",
                above("evenkeel_evidently_drifted_share", "evidently_share"),
                "{usecase}: {percent} of the columns drifted by Evidently's test",
                threshold="evidently_share",
            ),
        ),
    ),
    Metric(
        "evenkeel_evidently_column_score", "1", "Evidently's drift score of one column, by its own test.", COLUMN, source="report"
    ),
    Metric(
        "evenkeel_evidently_missing_share",
        "1",
        "Share of missing values in one column of the window.",
        COLUMN,
        source="report",
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
    Metric(
        "evenkeel_evidently_quality",
        "that of the measure",
        "Evidently's quality of the latest whole origins: mae, rmse, mean_error (target unit), mape (percent), r2; of a classification log_loss, roc_auc, accuracy, precision, recall, f1.",
        MEASURE,
        source="report",
    ),
    Metric(
        "evenkeel_evidently_quality_ratio",
        "1",
        "Evidently's mae (log_loss of a classification) over what the backtest makes one expect of the same origins.",
        source="report",
        alerts=(
            Alert(
                "EvenkeelQualityBreach",
                "warn",
                "max by (usecase) (evenkeel_evidently_quality_ratio) "
                "> on (usecase) max by (usecase) (evenkeel_evidently_quality_limit)",
                "{usecase}: by Evidently the forecasts are {value} times as far off as expected, above the calibrated limit",
                hint="retrain",
            ),
        ),
    ),
    Metric(
        "evenkeel_evidently_quality_limit",
        "1",
        "Ratio above which that quality is a breach, calibrated on the backtest to the report's false-alarm rate.",
        source="report",
    ),
    Metric(
        "evenkeel_evidently_data_quality",
        "that of the measure",
        "Evidently's data quality of the window's features: missing_share (0 to 1), and counts of empty, constant and repeated columns and repeated rows.",
        MEASURE,
        source="report",
        owner="data",
    ),
    Metric(
        "evenkeel_shift_drifted_share",
        "1",
        "Share of the columns (features, predictions) with one of our own tests above its calibrated limit.",
        source="report",
        owner="data",
    ),
    Metric(
        "evenkeel_shift_ratio",
        "1",
        "One test of one column (a feature, or the predictions) over its calibrated limit; above 1 it drifted.",
        ("usecase", "column", "test"),
        source="report",
        owner="data",
    ),
    Metric(
        "evenkeel_shift_joint_ratio",
        "1",
        "A test of all columns together over its calibrated limit; above 1 they drifted.",
        ("usecase", "test"),
        source="report",
        owner="data",
        alerts=(
            Alert(
                "EvenkeelInputsShifted",
                "warn",
                "max by (usecase, test) (evenkeel_shift_joint_ratio) > 1",
                "{usecase}: the features together have drifted: {test} is at {value} times its calibrated limit",
                labels=("usecase", "test"),
            ),
        ),
    ),
)
