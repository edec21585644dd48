"""Evidence as gauges: every one in the catalogue, and with the number that the policy saw."""

from datetime import timedelta
from pathlib import Path

import pytest

from model_code import sql
from model_code.evidence import Evidence, SeriesEvidence
from model_code.metrics import CATALOGUE
from model_code.policy import decide
from model_code.settings import Settings
from model_code.usecase import load_usecase
from monitoring.gauges import GaugeStore
from monitoring.readings import readings
from monitoring.yardsticks import yardsticks
from tests.unit.policy_cases import NOW, evidence, fault, part, series

SPEC = load_usecase("demand_victoria", Settings()).spec


def with_intervals(watched: SeriesEvidence, width: float = 0.8, anomalies: float = 0.1) -> SeriesEvidence:
    told = {"width": width, "anomalies": anomalies}
    return watched.model_copy(update={"origins": tuple(point.model_copy(update=told) for point in watched.origins)})


def test_readings__cover_the_catalogue_and_can_be_stored(tmp_path: Path) -> None:
    seen = evidence(with_intervals(series(".x.x.x.x", level="AAAA")), slices=(part(),), estimated_ratio=1.1, estimate_error=0.4)
    verdict = decide(SPEC.policy, seen, (), NOW)
    gauges = [*readings(seen, NOW), *yardsticks(SPEC, seen, verdict, {"VIC": 4.4}, NOW)]
    assert {gauge.name for gauge in gauges} == {metric.name for metric in CATALOGUE if metric.source == "monitor"}
    engine = sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    assert GaugeStore(engine).write("demand", gauges, NOW) == len(gauges)
    engine.dispose()


def test_readings__show_the_latest_week() -> None:
    seen = evidence(series("XXX" + "." * 3 + "x" * 4, coverage=0.8, level="BBBB"))
    found = {gauge.name: gauge.value for gauge in readings(seen, NOW)}
    assert found["evenkeel_loss_ratio"] == pytest.approx((3 * 1.0 + 4 * 2.0) / 7)
    assert found["evenkeel_coverage"] == pytest.approx(0.8)
    assert (found["evenkeel_level_cusum"], found["evenkeel_drift_alarm"]) == (-6.0, 1.0)
    assert found["evenkeel_truth_age_seconds"] == timedelta(days=1).total_seconds()


def test_readings__show_widths_anomalies_and_how_good_the_estimate_was() -> None:
    seen = evidence(with_intervals(series("...."), width=0.5, anomalies=0.25), estimate_error=0.3)
    found = {gauge.name: gauge.value for gauge in readings(seen, NOW)}
    assert (found["evenkeel_interval_width"], found["evenkeel_anomaly_share"]) == (0.5, 0.25)
    assert found["evenkeel_estimate_error"] == 0.3


def test_readings__show_slices_and_faults_of_the_data() -> None:
    seen = evidence(
        series("...."), slices=(part("17", loss=3.0, expected_loss=1.5, departs=True),), data_faults=(fault("stuck"),)
    )
    found = {(gauge.name, *gauge.labels.values()): gauge.value for gauge in readings(seen, NOW)}
    assert found["evenkeel_slice_loss_ratio", "hour", "17"] == 2.0
    assert found["evenkeel_slice_departs", "hour", "17"] == 1.0
    assert (found["evenkeel_data_faults", "stuck"], found["evenkeel_data_faults", "clock"]) == (1.0, 0.0)


def test_readings__what_is_not_known_is_absent() -> None:
    names = {gauge.name for gauge in readings(evidence(series(""), data_age=None, prediction_age=None), NOW)}
    assert names == {
        "evenkeel_backtest_loss",
        "evenkeel_scored_origins",
        "evenkeel_quarantined_share",
        "evenkeel_data_faults",
        "evenkeel_champion_info",
    }


def test_readings__where_nothing_was_gathered_the_data_are_not_called_sound() -> None:
    names = {gauge.name for gauge in readings(Evidence(usecase="demand", at=NOW, champion="2"), NOW)}
    assert names == {"evenkeel_champion_info"}
