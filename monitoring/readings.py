"""Evidence as gauges of the catalogue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from model_code.evidence import Evidence, OriginEvidence, SeriesEvidence
from model_code.metrics.labels import FAULTS
from monitoring.gauges import Gauge

LATEST = 7  # origins that a shown mean covers: a week of daily forecasts


def readings(evidence: Evidence, now: datetime) -> list[Gauge]:
    """All gauges that one monitor run makes of the evidence; those of a report are in `monitoring.reports.gauges`.

    Args:
        evidence: What the policy saw.
        now: The moment of judging (aware; simulated in a simulation).
    """
    gauges = [*_of_data(evidence, now), *_of_slices(evidence)]
    for series in evidence.series:
        gauges += _of_series(evidence.usecase, series)
    return gauges


def _of_data(evidence: Evidence, now: datetime) -> Iterator[Gauge]:
    name = evidence.usecase
    if evidence.champion is not None:
        yield Gauge(name, "evenkeel_champion_info", 1.0, {"version": evidence.champion})
    if not evidence.series:  # nothing was gathered, as where clocks disagree: that no fault was seen would be no news
        return
    newest = evidence.newest_origin
    ages = {"data": evidence.data_age, "prediction": evidence.prediction_age, "truth": None if newest is None else now - newest}
    for kind, age in ages.items():
        if age is not None:
            yield Gauge(name, f"evenkeel_{kind}_age_seconds", age.total_seconds())
    yield Gauge(name, "evenkeel_quarantined_share", evidence.quarantined_share)
    faults = Counter[str](fault.kind for fault in evidence.data_faults)
    for fault in FAULTS:
        yield Gauge(name, "evenkeel_data_faults", faults[fault], {"kind": fault})


def _of_slices(evidence: Evidence) -> Iterator[Gauge]:
    if evidence.estimated_ratio is not None:
        yield Gauge(evidence.usecase, "evenkeel_estimated_loss_ratio", evidence.estimated_ratio)
    if evidence.estimate_error is not None:
        yield Gauge(evidence.usecase, "evenkeel_estimate_error", evidence.estimate_error)
    for part in evidence.slices:
        labels = {"dimension": part.dimension, "value": part.value}
        yield Gauge(evidence.usecase, "evenkeel_slice_loss_ratio", part.loss / part.expected_loss, labels)
        yield Gauge(evidence.usecase, "evenkeel_slice_departs", float(part.departs), labels)


def _of_series(usecase: str, series: SeriesEvidence) -> Iterator[Gauge]:
    labels = {"series": series.name}
    yield Gauge(usecase, "evenkeel_backtest_loss", series.backtest_loss, labels)
    yield Gauge(usecase, "evenkeel_scored_origins", len(series.origins), labels)
    latest = series.origins[-LATEST:]
    if not latest:
        return
    yield Gauge(usecase, "evenkeel_live_loss", _mean([point.loss for point in latest]), labels)
    yield Gauge(usecase, "evenkeel_loss_ratio", _ratio(latest), labels)
    yield Gauge(usecase, "evenkeel_bias", _mean([point.bias for point in latest]), labels)
    of_intervals = {"coverage": "coverage", "interval_width": "width", "anomaly_share": "anomalies"}
    for name, field in of_intervals.items():
        told = [value for point in latest if (value := getattr(point, field)) is not None]
        if told:
            yield Gauge(usecase, f"evenkeel_{name}", _mean(told), labels)
    yield Gauge(usecase, "evenkeel_level_cusum", latest[-1].cusum, labels)
    yield Gauge(usecase, "evenkeel_drift_alarm", float(latest[-1].alarm), labels)


def _ratio(points: Sequence[OriginEvidence]) -> float:
    return _mean([point.loss for point in points]) / _mean([point.expected_loss for point in points])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
