"""Whether the loop itself runs: flows, ledger, exporter."""

from model_code.metrics.metric import Metric

METRICS = (
    Metric(
        "evenkeel_actions_total",
        "actions",
        "Entries of the ledger that were carried out or noted, by action.",
        ("usecase", "action"),
        "counter",
        "ledger",
        owner="platform",
    ),
    Metric(
        "evenkeel_flow_last_success_timestamp_seconds",
        "seconds since 1970",
        "When a flow last succeeded (wall clock).",
        ("usecase", "flow"),
        "gauge",
        "flows",
        owner="platform",
    ),
    Metric(
        "evenkeel_exporter_last_read_timestamp_seconds",
        "seconds since 1970",
        "When the exporter last read the database with success (wall clock).",
        (),
        "gauge",
        "exporter",
        owner="platform",
    ),
)
