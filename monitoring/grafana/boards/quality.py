"""Model quality: does the champion still do what its backtest promised?"""

from monitoring.grafana.panel import Board, Panel, Query, Row
from monitoring.grafana.queries import chosen, gauge, limit

LOSS = Row(
    "Loss",
    (
        Panel(
            "Live loss over expected loss",
            "1 is what such days make one expect; a forecast above the upper line counts as bad, below the lower one as recovered.",
            (gauge("evenkeel_loss_ratio"), limit("ratio_breach", "bad above"), limit("ratio_near", "recovered below")),
            bounds=(0, None),
        ),
        Panel(
            "Live loss and backtest loss",
            "In the target's unit; the backtest's is the champion's own, so it steps at a release.",
            (gauge("evenkeel_live_loss", "live {{series}}"), gauge("evenkeel_backtest_loss", "backtest {{series}}")),
            bounds=(0, None),
        ),
        Panel(
            "Bad origins",
            "Of the policy's window; from the line on it is a breach.",
            (gauge("evenkeel_bad_origins"), limit("breaches", "breach from")),
            width=6,
            bounds=(0, None),
        ),
        Panel(
            "Estimated loss before the truth",
            "Live over expected loss of forecasts that have no truth yet; a guess, and never acted on alone.",
            (
                gauge("evenkeel_estimated_loss_ratio", "estimate"),
                limit("ratio_breach", "bad above"),
            ),
            width=6,
            bounds=(0, None),
        ),
        Panel(
            "Error of that estimate",
            "Told once the truth came: 0.2 is about a fifth too high or too low.",
            (gauge("evenkeel_estimate_error", "error"),),
            width=6,
            bounds=(0, None),
        ),
        Panel(
            "Scored origins since the release",
            "How much evidence there is about the champion.",
            (gauge("evenkeel_scored_origins"),),
            width=6,
            bounds=(0, None),
        ),
    ),
)
SHAPE = Row(
    "Shape of the error",
    (
        Panel(
            "Coverage of the intervals",
            "Share of the truth inside; below the line the intervals are recalibrated.",
            (gauge("evenkeel_coverage"), limit("coverage_floor", "recalibrate below")),
            "percentunit",
            bounds=(None, 1),
        ),
        Panel(
            "Bias",
            "Above 0 the truth is higher than the forecasts.",
            (gauge("evenkeel_bias"),),
        ),
        Panel(
            "Width of the intervals",
            "In the target's unit; they widen where the calibration knows less.",
            (gauge("evenkeel_interval_width"),),
            bounds=(0, None),
        ),
        Panel(
            "Anomalies",
            "Share of the truth further from the forecast than twice the interval's bound.",
            (gauge("evenkeel_anomaly_share"),),
            "percentunit",
            bounds=(0, None),
        ),
    ),
)
EVIDENTLY = Row(
    "Quality, by Evidently",
    (
        Panel(
            "Evidently's loss over expected",
            "Counts as a breach above its calibrated line, and only together with our own loss.",
            (
                gauge("evenkeel_evidently_quality_ratio", "ratio"),
                Query(f"max({chosen('evenkeel_evidently_quality_limit')})", "breach above", limit=True),
            ),
            bounds=(0, None),
        ),
        Panel(
            "Evidently's measures",
            "Of the latest report; each in its own unit.",
            (gauge("evenkeel_evidently_quality", "{{measure}}"),),
        ),
    ),
)
QUALITY = Board(
    "evenkeel-quality",
    "Evenkeel: model quality",
    "Does the champion still do what its backtest promised?",
    (LOSS, SHAPE, EVIDENTLY),
)
