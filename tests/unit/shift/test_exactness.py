"""Binned statistics against scipy's, on samples: exact where they should be, near within the promised bound elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp, wasserstein_distance

from model_code.shift import measure, profile_of
from model_code.shift.measure import count
from model_code.shift.moments import reconstruction_error
from model_code.shift.profile import BINS
from model_code.shift.window import CHUNK

CHANCE = np.random.default_rng(8)
PAIRS = {
    "same": (CHANCE.normal(size=4_000), CHANCE.normal(size=3_000)),
    "moved": (CHANCE.normal(size=4_000), CHANCE.normal(0.3, size=900)),
    "wider": (CHANCE.normal(size=4_000), CHANCE.normal(0, 3, size=900)),
    "skewed": (CHANCE.lognormal(size=4_000), CHANCE.lognormal(0.2, 1.1, size=2_000)),
    "apart": (CHANCE.random(4_000), 5 + CHANCE.random(2_000)),
    "heavy": (CHANCE.standard_t(3, size=4_000), CHANCE.standard_t(3, size=2_000) * 1.2),
}


@pytest.mark.parametrize("name", PAIRS)
def test_ks__of_a_continuous_column_is_within_a_bin_of_the_exact_one(name: str) -> None:
    reference, current = PAIRS[name]
    found = measure(profile_of({"x": reference}, seed=1), {"x": reference}, {"x": current}).columns[0]
    exact = ks_2samp(reference, current).statistic
    assert found.ks is not None
    assert exact - 1.5 / BINS <= found.ks <= exact + 1e-12


@pytest.mark.parametrize("name", PAIRS)
def test_wasserstein__of_a_continuous_column_is_within_a_hundredth_of_a_deviation(name: str) -> None:
    reference, current = PAIRS[name]
    found = measure(profile_of({"x": reference}, seed=1), {"x": reference}, {"x": current}).columns[0]
    assert found.wasserstein == pytest.approx(wasserstein_distance(reference, current) / reference.std(), abs=0.02)


CODES = arrays(np.float64, st.integers(2, 60), elements=st.integers(-5, 5).map(float))


@settings(max_examples=100, deadline=None)
@given(reference=CODES, current=CODES)
def test_measure__of_a_discrete_column_equals_scipy(reference: np.ndarray, current: np.ndarray) -> None:
    both = np.concatenate([reference, current])
    profile = profile_of({"x": both}, seed=1)
    found = measure(profile, {"x": reference}, {"x": current}).columns[0]
    assert found.ks == pytest.approx(ks_2samp(reference, current, method="asymp").statistic, abs=1e-12)
    scale = profile.columns["x"].scale
    assert found.wasserstein == pytest.approx(wasserstein_distance(reference, current) / scale, abs=1e-9)


def test_psi__equals_the_sum_over_deciles() -> None:
    reference, current = PAIRS["moved"]
    found = measure(profile_of({"x": reference}, seed=1), {"x": reference}, {"x": current}).columns[0]
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    p, q = (np.bincount(np.searchsorted(edges, values), minlength=10) / len(values) for values in (reference, current))
    assert found.psi == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.1)


def test_joint__equals_the_row_by_row_computation() -> None:
    mixing = CHANCE.normal(size=(6, 6))
    reference, current = CHANCE.normal(size=(3_000, 6)) @ mixing, CHANCE.normal(size=(2_000, 6)) @ mixing + 0.2
    window, lately = ({f"c{i}": rows[:, i] for i in range(6)} for rows in (reference, current))
    profile = profile_of(window, seed=1)
    found = measure(profile, window, lately).joint
    z = (current - reference.mean(axis=0)) / reference.std(axis=0)
    components = np.array(profile.components)
    row_by_row = float(((z - z @ components.T @ components) ** 2).mean())
    assert reconstruction_error(count(profile, lately).moments, components) == pytest.approx(row_by_row, rel=1e-6)
    direction = np.linalg.solve(np.cov(reference.T) + np.cov(current.T), current.mean(axis=0) - reference.mean(axis=0))
    auc = (current @ direction > (reference @ direction)[:, None]).mean()
    assert found.auc == pytest.approx(auc, abs=0.02)


def test_measure__is_the_same_however_the_rows_are_cut() -> None:
    rows = CHUNK + 1_000
    window = {"x": CHANCE.normal(size=rows), "y": CHANCE.integers(0, 4, rows).astype(float)}
    profile = profile_of(window, seed=1)
    turned = {name: values[::-1] for name, values in window.items()}
    assert measure(profile, window, turned).columns[0].ks == 0.0
    assert measure(profile, window, turned).joint.auc == pytest.approx(0.5, abs=1e-6)
