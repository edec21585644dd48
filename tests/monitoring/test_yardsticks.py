"""What the policy compares with, as gauges: the use case's own numbers, under names that the rules know."""

import pytest

from model_code.metrics import ALERTS
from model_code.metrics.thresholds import THRESHOLDS
from model_code.policy import decide
from model_code.settings import Settings
from model_code.usecase import load_usecase
from monitoring.gauges import Gauge
from monitoring.yardsticks import stated, yardsticks
from tests.unit.policy_cases import NOW, evidence, series

SPEC = load_usecase("demand_victoria", Settings()).spec


def made(watched: str) -> dict[tuple[str, str], float]:
    seen = evidence(series(watched))
    gauges = yardsticks(SPEC, seen, decide(SPEC.policy, seen, (), NOW), {"VIC": 4.4}, NOW)
    return {(gauge.name, ",".join(gauge.labels.values())): gauge.value for gauge in gauges}


def test_stated__names_every_threshold_that_is_documented_and_every_one_that_a_rule_needs() -> None:
    assert stated(SPEC).keys() == THRESHOLDS.keys()
    assert {alert.threshold for alert in ALERTS.values() if alert.threshold} <= THRESHOLDS.keys()


def test_stated__are_the_numbers_of_the_use_case() -> None:
    found = stated(SPEC)
    assert found["ratio_breach"] == SPEC.policy.ratio_breach
    assert found["coverage_floor"] == pytest.approx(SPEC.interval.coverage - SPEC.policy.coverage_slack)
    assert found["max_data_age_seconds"] == SPEC.policy.max_data_age.total_seconds()


def test_stated__a_classification_has_no_floor_of_coverage() -> None:
    assert "coverage_floor" not in stated(SPEC.model_copy(update={"task": "classification"}))


def test_yardsticks__a_breach_shows_as_the_policy_counts_it() -> None:
    found = made("....." + ".xxx")
    assert found["evenkeel_bad_origins", "VIC"] == 3
    assert found["evenkeel_threshold", "breaches"] == SPEC.policy.breaches
    assert found["evenkeel_level_threshold", "VIC"] == 4.4


def test_yardsticks__one_verdict_stands() -> None:
    found = made(".......")
    assert {key[1]: value for key, value in found.items() if key[0] == "evenkeel_verdict"} == {
        "hold": 1.0,
        "recalibrate": 0.0,
        "rollback": 0.0,
        "retrain": 0.0,
    }
    assert found["evenkeel_verdict_pages", ""] == 0.0


def test_yardsticks__nothing_known_pages() -> None:
    seen = evidence(series("."), data_age=None)
    gauges = yardsticks(SPEC, seen, decide(SPEC.policy, seen, (), NOW), {}, NOW)
    assert Gauge("demand", "evenkeel_verdict_pages", 1.0) in gauges
