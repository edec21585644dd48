"""Whether the loop itself runs: flows, ledger, exporter, bridge."""

from functools import partial

from model_code.metrics.metric import Alert, Metric
from model_code.metrics.promql import CHAMPION, EXPORTER_JOB, MONITOR_SUCCESS, above, down, older

REPORTED = 'evenkeel_metric_written_timestamp_seconds{metric="evenkeel_evidently_drifted_share"}'
UNREPORTED = f"({above('evenkeel_release_age_seconds', 'max_report_age_seconds')}) unless on (usecase) {REPORTED}"
FLOW = ("usecase", "flow")
_flow = partial(Metric, source="flows", owner="platform")
_exported = partial(Metric, source="exporter", owner="platform")
FAILED = (
    "max by (usecase, flow) (evenkeel_flow_last_failure_timestamp_seconds) "
    "> max by (usecase, flow) (evenkeel_flow_last_success_timestamp_seconds) "
    "or max by (usecase, flow) (evenkeel_flow_last_failure_timestamp_seconds) "
    "unless max by (usecase, flow) (evenkeel_flow_last_success_timestamp_seconds)"
)
METRICS = (
    _flow(
        "evenkeel_flow_last_success_timestamp_seconds",
        "seconds since 1970",
        "When a flow last succeeded (wall clock).",
        FLOW,
        alerts=(
            Alert(
                "EvenkeelMonitorNotRun",
                "page",
                older(MONITOR_SUCCESS, "max_monitor_age_seconds"),
                "{usecase}: nobody has looked for {duration}; what the metrics say of it is as old",
                threshold="max_monitor_age_seconds",
            ),
            Alert(
                "EvenkeelNothingWatched",
                "warn",
                f"absent({MONITOR_SUCCESS})",
                "no use case has ever been monitored here",
                scrapes=40,
                labels=("flow",),
            ),
        ),
    ),
    _flow(
        "evenkeel_flow_last_failure_timestamp_seconds",
        "seconds since 1970",
        "When a flow last failed or crashed (wall clock).",
        FLOW,
        alerts=(
            Alert(
                "EvenkeelFlowFailed",
                "warn",
                FAILED,
                "{usecase}: the flow {flow} failed and has not succeeded since",
                labels=FLOW,
            ),
        ),
    ),
    Metric(
        "evenkeel_actions_total",
        "actions",
        "Entries of the ledger that were carried out or noted, by action.",
        ("usecase", "action"),
        "counter",
        "ledger",
        "platform",
    ),
    Metric(
        "evenkeel_open_intents",
        "actions",
        "Actions that the ledger intends and has neither done nor voided.",
        ("usecase",),
        source="ledger",
        owner="platform",
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelActionHalfDone",
                "page",
                "max by (usecase) (evenkeel_open_intents) > 0",
                "{usecase}: {value} actions were begun and not ended",
                scrapes=20,
            ),
        ),
    ),
    _exported(
        "evenkeel_metric_written_timestamp_seconds",
        "seconds since 1970",
        "When a metric of the monitor was last written (wall clock).",
        ("usecase", "metric"),
        expected=CHAMPION,
        alerts=(
            Alert(
                "EvenkeelReportStale",
                "warn",
                f"{older(REPORTED, 'max_report_age_seconds')} or {UNREPORTED}",
                "{usecase}: Evidently's latest values are {duration} old, or there are none and the release is as old",
                threshold="max_report_age_seconds",
            ),
        ),
    ),
    _exported(
        "evenkeel_exporter_last_read_timestamp_seconds",
        "seconds since 1970",
        "When the exporter last read the database with success (wall clock).",
        (),
        alerts=(
            Alert(
                "EvenkeelExporterDown",
                "page",
                down(EXPORTER_JOB),
                "the exporter does not answer: nothing is known of any use case",
                scrapes=4,
                labels=("job",),
            ),
            Alert(
                "EvenkeelExporterStale",
                "page",
                f'time() - max by (job) (evenkeel_exporter_last_read_timestamp_seconds{{job="{EXPORTER_JOB}"}}) > 60 '
                f'or max by (job) (up{{job="{EXPORTER_JOB}"}}) == 1 '
                f'unless on (job) evenkeel_exporter_last_read_timestamp_seconds{{job="{EXPORTER_JOB}"}}',
                "the exporter cannot read its database: nothing is known of any use case",
                scrapes=4,
                labels=("job",),
            ),
        ),
    ),
    _exported(
        "evenkeel_exporter_dropped_series",
        "series",
        "Series that were left out, since a label had more values than the catalogue allows.",
        (),
        alerts=(
            Alert(
                "EvenkeelSeriesDropped",
                "warn",
                "max(evenkeel_exporter_dropped_series) > 0",
                "{value} series are not shown: a label has more values than the catalogue allows",
                scrapes=4,
                labels=(),
            ),
        ),
    ),
)
