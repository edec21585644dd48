"""The limit of the quality: ordinary windows keep below it, a model that got worse does not."""

import numpy as np
import pytest

from model_code.errors import TooLittleData
from model_code.shift import QualityLimit
from model_code.shift.quality import calibrate_quality

LEAST = 1.2


def backtest(origins: int, seed: int, spread: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Losses of origins and what one expected of them: a season that doubles it, and luck."""
    chance = np.random.default_rng(seed)
    expected = 1.5 + 0.5 * np.sin(np.arange(origins) / 20)
    return expected * np.exp(spread * chance.normal(size=origins) - spread**2 / 2), expected


def limit_of(origins: int = 63, seed: int = 1, spread: float = 0.4) -> QualityLimit:
    values, expected = backtest(origins, seed, spread)
    return calibrate_quality(
        "mae", values, expected, window_origins=7, false_alarms_per_year=2, windows_per_year=52, least=LEAST, seed=1
    )  # fmt: skip


def test_calibrate__ordinary_years_keep_the_budget() -> None:
    limit, breaches = limit_of(), 0
    values, expected = backtest(7 * 52 * 5, seed=2)
    for week in range(0, len(values), 7):
        told = limit.breach(values[week : week + 7].mean(), expected[week : week + 7].mean(), 7)
        breaches += told is not None
    assert breaches <= 5 * 2


def test_breach__of_a_model_that_doubled_its_loss_is_told_with_numbers() -> None:
    limit = limit_of()
    told = limit.breach(4.0, 1.5, 7)
    assert told is not None
    assert "4" in told
    assert "2.67 times the expected 1.5" in told
    assert f"limit {limit.limit:.2f}" in told


def test_breach__of_a_season_that_was_expected_is_none() -> None:
    limit = limit_of()
    assert limit.breach(2 * limit.usual, 2 * limit.usual, 7) is None


def test_breach__needs_half_of_the_window() -> None:
    limit = limit_of()
    assert limit.breach(10.0, 1.0, 3) is None
    assert limit.breach(10.0, 1.0, 4) is not None


def test_breach__without_an_expectation_compares_with_the_usual() -> None:
    limit = limit_of()
    assert limit.breach(3 * limit.usual, 0.0, 7) is not None
    assert limit.breach(1.1 * limit.usual, 0.0, 7) is None


def test_breach__of_no_number_is_none() -> None:
    assert limit_of().breach(float("nan"), 1.0, 7) is None


def test_calibrate__a_calm_backtest_still_leaves_room() -> None:
    assert limit_of(spread=0.001).limit == LEAST


def test_calibrate__refuses_a_short_backtest() -> None:
    with pytest.raises(TooLittleData, match="7 origins"):
        limit_of(origins=7)


def test_limit__survives_json() -> None:
    assert QualityLimit.model_validate_json(limit_of().model_dump_json()) == limit_of()
