"""Drift: has the world changed, where, and do the inputs look different?"""

from monitoring.grafana.panel import Board, Panel, Query, Row, Word
from monitoring.grafana.queries import chosen, gauge, limit

QUIET, ALARM = Word(0, "quiet", "green"), Word(1, "alarm", "red")
LEVEL = Row(
    "Level of the target, season and weather taken out",
    (
        Panel(
            "CUSUM of the level test",
            "Adds up what the season and the day do not explain; beyond a dashed line, either side, the level has moved.",
            (
                gauge("evenkeel_level_cusum"),
                Query(chosen("evenkeel_level_threshold"), "alarm above {{series}}", limit=True),
                Query(f"-{chosen('evenkeel_level_threshold')}", "alarm below {{series}}", limit=True),
            ),
            width=14,
        ),
        Panel(
            "Level alarm",
            "Per series; an alarm alone is no reason to act, the loss has to suffer too.",
            (gauge("evenkeel_drift_alarm"),),
            kind="states",
            width=10,
            words=(QUIET, ALARM),
        ),
    ),
)
SLICES = Row(
    "Slices",
    (
        Panel(
            "Loss of each slice",
            "The ten worst slices: live loss over the backtest's loss of the same slice.",
            (Query(f"topk(10, {chosen('evenkeel_slice_loss_ratio')})", "{{dimension}} {{value}}"),),
            width=14,
            bounds=(0, None),
        ),
        Panel(
            "Slices that depart",
            "Worse than the others beyond chance: an incident of its own.",
            (Query(f"topk(20, {chosen('evenkeel_slice_departs')})", "{{dimension}} {{value}}"),),
            kind="states",
            width=10,
            words=(QUIET, Word(1, "departs", "red")),
        ),
    ),
)
ABOVE_ONE = Query("vector(1)", "drifted above", limit=True)
OWN = Row(
    "Inputs, by our own tests",
    (
        Panel(
            "Share of drifted columns",
            "Columns of which one test or more is above its limit, calibrated on the reference's own windows of the same season.",
            (gauge("evenkeel_shift_drifted_share", "drifted"),),
            "percentunit",
            width=8,
            bounds=(0, 1),
        ),
        Panel(
            "Each column's tests",
            "The ten that are nearest to their limits, or beyond.",
            (Query(f"topk(10, {chosen('evenkeel_shift_ratio')})", "{{column}} {{test}}"), ABOVE_ONE),
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "All columns together",
            "Sees what no column shows by itself, such as two that no longer go together.",
            (gauge("evenkeel_shift_joint_ratio", "{{test}}"), ABOVE_ONE),
            width=8,
            bounds=(0, None),
        ),
    ),
)
INPUTS = Row(
    "Inputs, by Evidently",
    (
        Panel(
            "Drifted columns by Evidently",
            "Its tests know no season, so that ordinary weeks are flagged: a warning, recorded above the line.",
            (gauge("evenkeel_evidently_drifted_share", "drifted"), limit("evidently_share", "recorded above")),
            "percentunit",
            bounds=(0, 1),
        ),
        Panel(
            "Score of each column",
            "By Evidently's own test of that column.",
            (gauge("evenkeel_evidently_column_score"),),
            bounds=(0, None),
        ),
        Panel(
            "Missing values",
            "Share of the window's rows in which a column is empty.",
            (gauge("evenkeel_evidently_missing_share"),),
            "percentunit",
            bounds=(0, None),
        ),
        Panel(
            "Data quality",
            "Counts and shares that should stay where they are.",
            (gauge("evenkeel_evidently_data_quality", "{{measure}}"),),
            bounds=(0, None),
        ),
    ),
)
DRIFT = Board(
    "evenkeel-drift",
    "Evenkeel: drift",
    "Has the world changed, where, and do the inputs look different?",
    (LEVEL, SLICES, OWN, INPUTS),
)
