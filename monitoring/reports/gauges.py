"""The findings of a report as gauges of the catalogue; they stand until the next report."""

from collections.abc import Iterator
from dataclasses import asdict

from model_code.metrics import reports
from monitoring.gauges import Gauge
from monitoring.reports.findings import Findings

HEALTH = ("missing_share", "empty_columns", "constant_columns", "repeated_columns", "repeated_rows")
EVERY_REPORT = frozenset(metric.name for metric in reports.METRICS)  # told in full by each: what one cannot tell is gone


def report_gauges(usecase: str, found: Findings) -> list[Gauge]:
    """All gauges of a report; what could not be told is left out."""
    return [*_of_drift(usecase, found), *_of_quality(usecase, found), *_of_health(usecase, found), *_of_shift(usecase, found)]


def _of_drift(usecase: str, found: Findings) -> Iterator[Gauge]:
    if found.drift is None:
        return
    yield Gauge(usecase, "evenkeel_evidently_drifted_share", found.drift.drifted_share)
    for column in found.drift.columns:
        labels = {"column": column.column}
        yield Gauge(usecase, "evenkeel_evidently_column_score", column.score, labels)
        yield Gauge(usecase, "evenkeel_evidently_missing_share", column.missing_share, labels)


def _of_quality(usecase: str, found: Findings) -> Iterator[Gauge]:
    if found.quality is None:
        return
    for measure, value in found.quality.values.items():
        yield Gauge(usecase, "evenkeel_evidently_quality", value, {"measure": measure})
    if found.ratio is not None:
        yield Gauge(usecase, "evenkeel_evidently_quality_ratio", found.ratio)
    if found.section is not None and found.section.quality is not None:
        yield Gauge(usecase, "evenkeel_evidently_quality_limit", found.section.quality.limit)


def _of_health(usecase: str, found: Findings) -> Iterator[Gauge]:
    told = {} if found.health is None else asdict(found.health)
    for measure in HEALTH:
        if measure in told:
            yield Gauge(usecase, "evenkeel_evidently_data_quality", float(told[measure]), {"measure": measure})


def _of_shift(usecase: str, found: Findings) -> Iterator[Gauge]:
    if found.shift is None or not found.shift.judged:
        return
    yield Gauge(usecase, "evenkeel_shift_drifted_share", found.shift.drifted_share)
    for test, column, ratio in found.ratios():
        if column:
            yield Gauge(usecase, "evenkeel_shift_ratio", ratio, {"column": column, "test": test})
        else:
            yield Gauge(usecase, "evenkeel_shift_joint_ratio", ratio, {"test": test})
