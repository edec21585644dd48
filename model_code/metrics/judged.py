"""How the champion does: what the policy judges."""

from model_code.metrics.metric import Metric

SERIES = ("usecase", "series")
METRICS = (
    Metric("evenkeel_live_loss", "target unit", "Mean loss of the champion over its latest scored origins.", SERIES),
    Metric("evenkeel_backtest_loss", "target unit", "Mean loss per origin of the champion's backtest.", SERIES),
    Metric("evenkeel_loss_ratio", "1", "Live loss over the loss that such days make one expect, latest scored origins.", SERIES),
    Metric("evenkeel_coverage", "1", "Share of the truth inside the prediction interval, latest scored origins.", SERIES),
    Metric("evenkeel_bias", "target unit", "Mean of truth minus prediction, latest scored origins.", SERIES),
    Metric("evenkeel_level_cusum", "standard deviations", "CUSUM of the level test; negative when the level is low.", SERIES),
    Metric("evenkeel_drift_alarm", "1", "1 while the level test alarms, else 0.", SERIES),
    Metric("evenkeel_scored_origins", "origins", "Origins scored since the champion's release.", SERIES),
    Metric("evenkeel_champion_info", "1", "Always 1; the label tells the champion's version.", ("usecase", "version")),
)
