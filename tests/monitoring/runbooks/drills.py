"""Which drill proves which runbook: how it breaks the real thing, and how the runbook's mitigation mends it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Drill:
    """One row of the table in docs/rules.md.

    Attributes:
        breaks: What is really broken.
        mends: What the runbook says to do about it, done.
    """

    breaks: str
    mends: str


DRILLS: dict[str, Drill] = {
    "EvenkeelLossRatioBreach": Drill(
        "a release trained on an extract in another scale answers for a week",
        "`rollback/local`, which the policy wants by then; a week of the version before",
    ),
    "EvenkeelBadOrigins": Drill(
        "the same bad release",
        "the same rollback",
    ),
    "EvenkeelActionWanted": Drill(
        "the same bad release: the verdict is to roll back",
        "the rollback is carried out",
    ),
    "EvenkeelPolicyPages": Drill(
        "the same bad release: the verdict pages",
        "the rollback is carried out",
    ),
    "EvenkeelQualityBreach": Drill(
        "the same bad release, seen by a report",
        "the same rollback, and the next report",
    ),
    "EvenkeelEstimatedLossHigh": Drill(
        "errors spread, and then the truth does not come for two days",
        "`refresh/local` brings the truth",
    ),
    "EvenkeelCoverageLow": Drill(
        "errors spread to eight times what they were",
        "`recalibrate/local`; a week of the wider intervals",
    ),
    "EvenkeelLevelDrift": Drill(
        "the source tells another unit from one day on",
        "corrected at the source, `backfill/local`, and the next look",
    ),
    "EvenkeelInputsShifted": Drill(
        "the same other unit, seen by a report",
        "the same correction; the next report after a week",
    ),
    "EvenkeelEvidentlyShareHigh": Drill(
        "the same other unit, seen by a report",
        "the same correction; the next report after a week",
    ),
    "EvenkeelSliceDeparts": Drill(
        "one hour of the day goes its own way for two weeks",
        "its fault is corrected, then trained and released",
    ),
    "EvenkeelNothingScored": Drill(
        "no forecast is made for four days after the release",
        "`forecast/local` makes every one that is due",
    ),
    "EvenkeelDataStale": Drill(
        "the source does not answer for five days",
        "it answers again: `make refresh`",
    ),
    "EvenkeelTruthStale": Drill(
        "the same silence of the source",
        "`refresh/local`, then `monitor/local`",
    ),
    "EvenkeelPredictionsStale": Drill(
        "no forecast is made for five days",
        "`forecast/local`",
    ),
    "EvenkeelQuarantineHigh": Drill(
        "the source turns the sign of every value around for three days",
        "corrected at the source, `backfill/local`",
    ),
    "EvenkeelDataFault": Drill(
        "one place's sensor tells the same value for two days",
        "corrected at the source, `backfill/local`",
    ),
    "EvenkeelColumnMissing": Drill(
        "five days of the feed are missing when forecasts are made",
        "`backfill/local`; the next report after a week",
    ),
    "EvenkeelMonitorNotRun": Drill(
        "no look for three days",
        "`monitor/local`",
    ),
    "EvenkeelMetricMissing": Drill(
        "the coverage's gauge is not among what the last look wrote",
        "`monitor/local` writes all of its metrics",
    ),
    "EvenkeelReportStale": Drill(
        "looks without a report for sixteen days",
        "`monitor/local` with a report",
    ),
    "EvenkeelFlowFailed": Drill(
        "a run of `refresh` on a Prefect server fails, since the source does not answer",
        "it answers again, and the flow is started again",
    ),
    "EvenkeelActionHalfDone": Drill(
        "a promotion's writer dies after its intent",
        "`rollback/local` completes it, and declines to roll back",
    ),
    "EvenkeelExporterDown": Drill(
        "the exporter's process is killed",
        "`make up` of that part starts it again",
    ),
    "EvenkeelExporterStale": Drill(
        "the exporter's table is taken away from it for two minutes",
        "it is put back; nothing else",
    ),
    "EvenkeelSeriesDropped": Drill(
        "a monitor run writes a gauge for more entities than the catalogue allows",
        "the next run writes its metrics in full",
    ),
    "EvenkeelNothingWatched": Drill(
        "an exporter reads another database than the flows write",
        "it is started again with the flows' `EVENKEEL_SQL_URL`",
    ),
    "EvenkeelServiceDown": Drill(
        "the service's processes are killed",
        "`deploy/local` serves the champion again",
    ),
    "EvenkeelServiceNotReady": Drill(
        "the champion's bundle is damaged in the store",
        "`rollback/local`, forced",
    ),
    "EvenkeelBundleRefused": Drill(
        "the champion's bundle is damaged in the store",
        "`rollback/local`, forced",
    ),
    "EvenkeelStoreDown": Drill(
        "PostgreSQL is stopped while forecasts are asked for",
        "PostgreSQL is started",
    ),
    "EvenkeelSpoolFilling": Drill(
        "the same, until the spool is more than half full",
        "PostgreSQL is started, and the spool empties by itself; or a larger spool, and a pinned bundle",
    ),
    "EvenkeelSpoolRefusing": Drill(
        "the same, until the spool is full",
        "PostgreSQL is started",
    ),
    "EvenkeelErrorsHigh": Drill(
        "the same, asked on although nothing can be kept",
        "PostgreSQL is started; the service recovers by itself",
    ),
    "EvenkeelSpoolSetAside": Drill(
        "a file of the spool is damaged",
        "it is moved out of the folder",
    ),
    "EvenkeelLatencyHigh": Drill(
        "with `EVENKEEL_KEEP=store`, others lock the tables of predictions for two seconds at a time",
        "`EVENKEEL_KEEP=spool`, and a restart",
    ),
    "EvenkeelAlertRefused": Drill(
        "Alertmanager's post has an alert whose `usecase` is no plain name",
        "the rule's label is corrected, and it is posted again",
    ),
    "EvenkeelBridgeWaiting": Drill(
        "Prefect answers every event with an error for three minutes",
        "Prefect is back: what waits is sent by itself",
    ),
    "EvenkeelPageUndelivered": Drill(
        "the receiver of pages answers every message with an error for three minutes",
        "it answers again: what waited is told by itself",
    ),
    "EvenkeelBridgeDown": Drill(
        "the bridge's process is killed",
        "`make up` of that part starts it again",
    ),
}
NOT_DRILLED: dict[str, str] = {
    "EvenkeelWatchdog": "always fires: its silence and its return are drilled with the real programs in `tests/monitoring/test_prometheus.py`",
}
"""Alert -> why no drill proves its runbook here."""


def table() -> str:
    """As in docs/rules.md."""
    rows = [f"| {name} | {drill.breaks} | {drill.mends} |" for name, drill in DRILLS.items()]
    rest = [f"| {name} | – | {reason} |" for name, reason in NOT_DRILLED.items()]
    return "\n".join(["| alert | what the drill breaks | what mends it |", "|---|---|---|", *rows, *rest]) + "\n"
