import math

import numpy as np
import pandas as pd
import pytest

from model_code.specification import Promotion
from model_code.verdict import paired_verdict

SPEC = Promotion(min_origins=4, confidence=0.9, min_gain=0.0)


def test_paired_verdict__a_challenger_lower_on_every_origin_is_better():
    verdict = paired_verdict([5.0, 6.0, 5.5, 6.5], [4.0, 4.9, 4.6, 5.5], SPEC)
    assert verdict.better
    assert 0 < verdict.low < verdict.gain < verdict.high
    assert verdict.gain == pytest.approx(1 - 19.0 / 23.0)
    assert verdict.n == 4


def test_paired_verdict__equal_losses_keep_the_champion():
    assert not paired_verdict([5.0] * 8, [5.0] * 8, SPEC).better


def test_paired_verdict__a_worse_challenger_keeps_the_champion():
    assert not paired_verdict([4.0, 4.9, 4.6, 5.5], [5.0, 6.0, 5.5, 6.5], SPEC).better


def test_paired_verdict__a_constant_gain_is_sure():
    assert paired_verdict([5.0] * 4, [4.5] * 4, SPEC).low == pytest.approx(0.1)


def test_paired_verdict__too_few_origins_keep_the_champion():
    verdict = paired_verdict([9.0, 9.0, 9.0], [1.0, 1.0, 1.0], SPEC)
    assert not verdict.better
    assert "fewer than 4" in verdict.reason


def test_paired_verdict__without_a_champion_the_challenger_is_better():
    verdict = paired_verdict(None, [5.0], SPEC)
    assert verdict.better
    assert verdict.n == 0


def test_paired_verdict__a_gain_below_the_least_gain_keeps_the_champion():
    champion, challenger = [10.0, 10.1, 9.9, 10.0], [9.8, 9.9, 9.71, 9.8]
    assert paired_verdict(champion, challenger, SPEC).better
    assert not paired_verdict(champion, challenger, SPEC.model_copy(update={"min_gain": 0.05})).better


def test_paired_verdict__a_challenger_that_failed_on_an_origin_is_not_better():
    verdict = paired_verdict([9.0] * 6, [1.0] * 5 + [math.nan], SPEC)
    assert not verdict.better
    assert "no loss on 1 origins" in verdict.reason


@pytest.mark.parametrize("missing", [math.nan, math.inf])
def test_paired_verdict__origins_without_the_champions_loss_are_left_out(missing):
    assert paired_verdict([9.0] * 5 + [missing], [8.0, 8.1, 7.9, 8.0, 8.0, 1.0], SPEC).n == 5


def test_paired_verdict__a_champion_without_loss_cannot_be_beaten():
    assert not paired_verdict([0.0] * 5, [0.0] * 5, SPEC).better


def test_paired_verdict__alternating_noise_narrows_nothing():
    gains = np.array([1.0, -0.5] * 6)
    verdict = paired_verdict(10 + gains, np.full(12, 10.0), SPEC)
    student_90_with_11_degrees = 1.363430318020
    plain = gains.mean() - student_90_with_11_degrees * gains.std(ddof=1) / math.sqrt(12)
    assert verdict.low * (10 + gains).mean() == pytest.approx(plain)


def test_paired_verdict__losses_that_hang_together_widen_the_interval():
    gains = np.repeat([1.5, -0.5, 1.5, -0.5], 4)
    alternating = np.tile([1.5, -0.5], 8)
    hanging = paired_verdict(10 + gains, np.full(16, 10.0), SPEC)
    assert hanging.low < paired_verdict(10 + alternating, np.full(16, 10.0), SPEC).low
    assert not hanging.better


@pytest.mark.parametrize(("rho", "most"), [(0.0, 0.10), (0.3, 0.14)])
def test_paired_verdict__false_promotions_are_about_as_rare_as_promised(rho, most):
    rng = np.random.default_rng(7)
    better = 0
    for _ in range(1000):
        noise = rng.standard_normal(64)
        for i in range(1, 64):
            noise[i] = rho * noise[i - 1] + math.sqrt(1 - rho**2) * noise[i]
        better += paired_verdict(100 + noise[50:], np.full(14, 100.0), SPEC).better
    assert 0.02 < better / 1000 <= most + 0.02


@pytest.mark.parametrize("challenger", [[1.0] * 5, [[1.0] * 4]])
def test_paired_verdict__other_shapes_are_refused(challenger):
    with pytest.raises(ValueError, match="not of the same origins"):
        paired_verdict([1.0] * 4, challenger, SPEC)


def test_paired_verdict__series_of_other_origins_are_refused():
    days = pd.date_range("2014-07-01", periods=5, tz="UTC")
    with pytest.raises(ValueError, match="not of the same origins"):
        paired_verdict(pd.Series(5.0, days[:4]), pd.Series(4.0, days[1:]), SPEC)
