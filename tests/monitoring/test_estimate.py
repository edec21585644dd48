"""The estimate of a loss before its truth: follows spells and widths, bounded, and honest about how good it was."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks.estimates import errors
from model_code.evidence import OriginEvidence, SeriesEvidence
from monitoring.estimate import Estimate, estimate, mean_of


def scored(ratios: list[float], width: float | list[float] = 1.0) -> pd.DataFrame:
    return pd.DataFrame({"ratio": ratios, "width": width, "level_z": 0.0}, dtype=float)


def waiting(*widths: float) -> pd.DataFrame:
    return pd.DataFrame({"width": widths}, dtype=float)


def test_estimate__nothing_waits_nothing_is_estimated() -> None:
    told = estimate(scored([1.0] * 20), waiting())
    assert told.ratio is None
    assert told.error == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("known", [0, 1, 2])
def test_estimate__too_little_scored_tells_nothing(known: int) -> None:
    assert estimate(scored([1.0] * known), waiting(1.0)) == Estimate(None, None, None)


def test_estimate__a_steady_course_goes_on() -> None:
    assert estimate(scored([1.0] * 30), waiting(1.0, 1.0)).ratio == pytest.approx(1.0, abs=0.02)


def test_estimate__a_bad_spell_is_expected_to_last_a_while() -> None:
    calm, spell = scored([1.0] * 20), scored([1.0] * 17 + [3.0] * 3)
    assert estimate(spell, waiting(1.0)).ratio > 1.15 * estimate(calm, waiting(1.0)).ratio


def test_estimate__wider_intervals_than_usual_are_expected_to_cost() -> None:
    assert estimate(scored([1.0] * 20), waiting(2.0)).ratio > 1.2


def test_estimate__learns_how_much_width_tells() -> None:
    widths = np.tile([1.0, 3.0], 40)
    follows = estimate(scored(list(widths), list(widths)), waiting(3.0))
    ignores = estimate(scored([1.0] * 80, list(widths)), waiting(3.0))
    assert follows.ratio is not None
    assert ignores.ratio is not None
    assert follows.ratio > 1.5 * ignores.ratio


def test_estimate__the_error_it_tells_is_that_of_estimates_made_before_the_truth() -> None:
    widths = np.tile([1.0, 3.0], 40)
    told = estimate(scored(list(widths), list(widths)), waiting(3.0))
    assert told.error is not None
    assert told.usual_error is not None
    assert told.error < told.usual_error


def test_estimate__later_truth_changes_no_earlier_estimate() -> None:
    chance = np.random.default_rng(4)
    ratios = chance.lognormal(0, 0.4, 60)
    full = [estimate(scored(list(ratios[:at])), waiting(1.0)).ratio for at in (20, 40)]
    ratios[45:] *= 10
    assert [estimate(scored(list(ratios[:at])), waiting(1.0)).ratio for at in (20, 40)] == full


@pytest.mark.parametrize("wild", [1e-9, 1e9])
def test_estimate__is_bounded(wild: float) -> None:
    told = estimate(scored([wild] * 20), waiting(wild))
    assert told.ratio is not None
    assert 0.2 <= told.ratio <= 5.0


def test_estimate__without_intervals_rests_on_the_spell() -> None:
    told = estimate(scored([2.0] * 20, np.nan), waiting(np.nan))
    assert told.ratio is not None
    assert told.ratio > 1.2


def test_mean_of__leaves_out_what_is_not_known() -> None:
    assert mean_of([Estimate(2.0, 0.1, 0.3), Estimate(None, 0.3, None)]) == Estimate(2.0, pytest.approx(0.2), 0.3)
    assert mean_of([]) == Estimate()


def course(*ratios: float) -> SeriesEvidence:
    points = [
        OriginEvidence(
            origin=datetime(2024, 7, 1, tzinfo=UTC) + number * timedelta(days=1), loss=ratio, expected_loss=1.0, width=1.0
        )
        for number, ratio in enumerate(ratios)
    ]
    return SeriesEvidence(name="VIC", backtest_loss=1.0, origins=tuple(points))


def test_errors__of_a_steady_course_are_none_and_a_spell_is_told_better_than_by_what_is_expected() -> None:
    """What the table of docs/truth.md is made of: each origin estimated from those before it."""
    steady, spell = errors(course(*[1.0] * 12)), errors(course(*[1.0] * 6, *[3.0] * 30))

    assert (steady["origins"], steady["as_expected"]) == (9, 0.0)
    assert steady["estimate"] == pytest.approx(0.0, abs=1e-6)
    assert spell["as_expected"] == pytest.approx(30 / 33 * np.log(3), abs=1e-3)
    assert spell["estimate"] < 0.8 * spell["as_expected"]
