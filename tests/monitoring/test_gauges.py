"""Gauges in a real SQLite file."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from model_code import sql
from model_code.errors import ConfigurationError
from monitoring.gauges import Gauge, GaugeStore

NOW = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> GaugeStore:
    return GaugeStore(sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}"))


def coverage(series: str, value: float) -> Gauge:
    return Gauge("demand", "evenkeel_coverage", value, {"series": series})


def test_write__replaces_the_metric_and_drops_series_that_are_gone(store: GaugeStore) -> None:
    age = Gauge("demand", "evenkeel_data_age_seconds", 60.0)
    store.write("demand", [coverage("A", 0.9), coverage("B", 0.8), age], NOW)
    store.write("demand", [coverage("B", 0.7)], NOW)
    assert store.read() == [coverage("B", 0.7), age]


def test_write__leaves_other_use_cases_alone(store: GaugeStore) -> None:
    other = Gauge("churn", "evenkeel_data_age_seconds", 1.0)
    store.write("churn", [other], NOW)
    store.write("demand", [Gauge("demand", "evenkeel_data_age_seconds", 2.0)], NOW)
    assert other in store.read()


@pytest.mark.parametrize(
    "wrong",
    [
        Gauge("demand", "evenkeel_coverage", 1.0),
        Gauge("demand", "evenkeel_coverage", 1.0, {"entity": "A"}),
        Gauge("demand", "evenkeel_covrage", 1.0, {"series": "A"}),
    ],
)
def test_write__refuses_what_the_catalogue_does_not_know_and_writes_nothing(wrong: Gauge, store: GaugeStore) -> None:
    with pytest.raises(ConfigurationError, match=wrong.name):
        store.write("demand", [coverage("A", 0.9), wrong], NOW)
    assert store.read() == []


def test_write__refuses_a_gauge_of_another_use_case(store: GaugeStore) -> None:
    with pytest.raises(ConfigurationError, match="churn"):
        store.write("demand", [Gauge("churn", "evenkeel_data_age_seconds", 1.0)], NOW)


def test_write__a_value_that_is_no_number_is_absent(store: GaugeStore) -> None:
    store.write("demand", [coverage("A", float("nan")), coverage("B", float("inf")), coverage("C", 0.9)], NOW)
    assert store.read() == [coverage("C", 0.9)]


def test_write__two_runs_at_once_leave_the_whole_of_one(engine: sa.Engine) -> None:
    store, told = GaugeStore(engine), [[coverage(name, value) for name in "ABCDEFGH"] for value in (0.8, 0.9)]

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(lambda turn: store.write("demand", told[turn % 2], NOW), range(60)))

    assert written == [8] * 60
    assert store.read() in told


def test_record_success__never_goes_back(store: GaugeStore) -> None:
    store.record_success("demand", "refresh", NOW)
    store.record_success("demand", "refresh", NOW + timedelta(hours=1))
    store.record_success("demand", "refresh", NOW)
    (gauge,) = store.read()
    assert gauge.value == (NOW + timedelta(hours=1)).timestamp()
    assert gauge.labels == {"flow": "refresh"}


@pytest.mark.parametrize("wrong", ["record_success", "record_failure"])
@pytest.mark.parametrize("right", ["record_success", "record_failure"])
def test_record__a_clock_that_was_far_ahead_hides_nothing_that_comes_after(store: GaugeStore, wrong: str, right: str) -> None:
    getattr(store, wrong)("demand", "monitor", NOW + timedelta(days=365))

    getattr(store, right)("demand", "monitor", NOW)

    latest = max(store.read(), key=lambda gauge: gauge.value)
    assert (latest.name, latest.value) == (f"evenkeel_flow_last_{right[7:]}_timestamp_seconds", NOW.timestamp())


def test_write__a_metric_that_is_told_in_full_and_has_no_value_is_gone(store: GaugeStore) -> None:
    store.write("demand", [Gauge("demand", "evenkeel_loss_ratio", 3.0, {"series": "VIC"})], NOW)
    store.write("demand", [Gauge("demand", "evenkeel_quarantined_share", 0.0)], NOW, whole={"evenkeel_loss_ratio"})
    assert [gauge.name for gauge in store.read()] == ["evenkeel_quarantined_share"]


def test_record_failure__stands_beside_the_last_success(store: GaugeStore) -> None:
    store.record_success("demand", "refresh", NOW)
    store.record_failure("demand", "refresh", NOW + timedelta(hours=1))
    found = {gauge.name: gauge.value for gauge in store.read()}
    assert found["evenkeel_flow_last_failure_timestamp_seconds"] - found["evenkeel_flow_last_success_timestamp_seconds"] == 3600


def test_written__tells_the_latest_moment_of_each_metric(store: GaugeStore) -> None:
    store.write("demand", [Gauge("demand", "evenkeel_bias", 1.0, {"series": "VIC"})], NOW)
    assert store.written() == {("demand", "evenkeel_bias"): NOW}
