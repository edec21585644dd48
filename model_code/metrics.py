"""Every metric once: name, unit, help, labels. `python -m model_code.metrics` prints docs/metrics.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus sees it; a counter's ends in `_total`.
        unit: Of its values; '1' for shares and ratios.
        help: What it says, in one sentence.
        labels: Names of its labels.
        kind: gauge or counter.
        source: `monitor` (written by the monitor flow), `ledger`, `flows` or `exporter`.
    """

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ("usecase",)
    kind: Literal["gauge", "counter"] = "gauge"
    source: Literal["monitor", "ledger", "flows", "exporter"] = "monitor"


SERIES = ("usecase", "series")
CATALOGUE: tuple[Metric, ...] = (
    Metric("evenkeel_live_loss", "target unit", "Mean loss of the champion over its latest scored origins.", SERIES),
    Metric("evenkeel_backtest_loss", "target unit", "Mean loss per origin of the champion's backtest.", SERIES),
    Metric("evenkeel_loss_ratio", "1", "Live loss over the loss that such days make one expect, latest scored origins.", SERIES),
    Metric("evenkeel_coverage", "1", "Share of the truth inside the prediction interval, latest scored origins.", SERIES),
    Metric("evenkeel_bias", "target unit", "Mean of truth minus prediction, latest scored origins.", SERIES),
    Metric("evenkeel_level_cusum", "standard deviations", "CUSUM of the level test; negative when the level is low.", SERIES),
    Metric("evenkeel_drift_alarm", "1", "1 while the level test alarms, else 0.", SERIES),
    Metric("evenkeel_scored_origins", "origins", "Origins scored since the champion's release.", SERIES),
    Metric("evenkeel_evidently_drifted_share", "1", "Share of feature columns that drifted by Evidently's test: a warning only."),
    Metric(
        "evenkeel_evidently_column_score", "1", "Evidently's drift score of one column, by its own test.", ("usecase", "column")
    ),
    Metric(
        "evenkeel_evidently_missing_share", "1", "Share of missing values in one column of the window.", ("usecase", "column")
    ),
    Metric("evenkeel_data_age_seconds", "seconds", "Age of the newest observation of the target at the last monitor run."),
    Metric("evenkeel_prediction_age_seconds", "seconds", "Age of the newest prediction's origin at the last monitor run."),
    Metric("evenkeel_truth_age_seconds", "seconds", "Age of the newest scored origin at the last monitor run."),
    Metric("evenkeel_quarantined_share", "1", "Share of recent rows that went to quarantine."),
    Metric("evenkeel_champion_info", "1", "Always 1; the label tells the champion's version.", ("usecase", "version")),
    Metric(
        "evenkeel_actions_total",
        "actions",
        "Entries of the ledger that were carried out or noted, by action.",
        ("usecase", "action"),
        "counter",
        "ledger",
    ),
    Metric(
        "evenkeel_flow_last_success_timestamp_seconds",
        "seconds since 1970",
        "When a flow last succeeded (wall clock).",
        ("usecase", "flow"),
        "gauge",
        "flows",
    ),
    Metric(
        "evenkeel_exporter_last_read_timestamp_seconds",
        "seconds since 1970",
        "When the exporter last read the database with success (wall clock).",
        (),
        "gauge",
        "exporter",
    ),
)
BY_NAME = {metric.name: metric for metric in CATALOGUE}


def as_markdown(metrics: Sequence[Metric] = CATALOGUE) -> str:
    """The catalogue as the page docs/metrics.md."""
    head = [
        "# Metrics",
        "",
        "Made by `python -m model_code.metrics > docs/metrics.md` from `model_code/metrics.py`; change them there.",
        "The exporter (`python -m monitoring.exporter`) serves all of them on `/metrics`.",
        "",
        "| metric | kind | unit | labels | written by | meaning |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        f"| `{m.name}` | {m.kind} | {m.unit} | {', '.join(m.labels) or '–'} | {m.source} | {m.help.replace('|', '/')} |"
        for m in metrics
    ]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    print(as_markdown(), end="")
