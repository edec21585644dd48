"""The budget is kept where nothing drifts, and what drifts is found."""

from collections.abc import Sequence

import numpy as np
import pytest

from model_code.errors import TooLittleData
from model_code.shift import Shift, ShiftThresholds, calibrate_thresholds, measure, profile_of
from model_code.shift.profile import ShiftProfile

COLUMNS = ("a", "b", "c")


def weeks(number: int, seed: int) -> list[dict[str, np.ndarray]]:
    """Weeks of 168 hours whose level wanders, as loads and temperatures do."""
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(number):
        level = chance.normal(scale=0.5, size=3)
        made.append({name: level[i] + chance.normal(size=168) for i, name in enumerate(COLUMNS)})
    return made


def together(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}


def judged(parts: Sequence[dict[str, np.ndarray]], profile: ShiftProfile, limits: ShiftThresholds | None = None) -> list[Shift]:
    found, chance = [], np.random.default_rng(9)
    for i, part in enumerate(parts):
        others = [parts[j] for j in chance.permutation(len(parts))[:13] if j != i][:12]
        found.append(measure(profile, together(others), part, limits))
    return found


def calibrated(budget: float = 2.0) -> tuple[ShiftProfile, ShiftThresholds]:
    history = weeks(60, 1)
    profile = profile_of(together(history), seed=1)
    windows = judged(history, profile)
    return profile, calibrate_thresholds(windows, false_alarms_per_year=budget, windows_per_year=52, block=1, seed=1)


def drifted(found: Shift) -> bool:
    return bool(found.joint.drifted) or any(column.drifted for column in found.columns)


def test_calibrate__keeps_the_budget_on_weeks_that_it_never_saw() -> None:
    profile, limits = calibrated()
    alarms = sum(drifted(found) for found in judged(weeks(208, 2), profile, limits))
    assert alarms <= 4 * 2


def test_calibrate__finds_a_column_that_moved() -> None:
    profile, limits = calibrated()
    history = weeks(13, 3)
    moved = history[0] | {"b": history[0]["b"] + 4.0}
    found = measure(profile, together(history[1:]), moved, limits)
    assert found.judged
    assert {column.column for column in found.columns if column.drifted} == {"b"}
    assert found.joint.drifted


def test_calibrate__a_larger_budget_has_lower_thresholds() -> None:
    assert calibrated(budget=20.0)[1].factor < calibrated(budget=1.0)[1].factor


def test_calibrate__same_seed_same_thresholds_and_json() -> None:
    limits = calibrated()[1]
    assert ShiftThresholds.model_validate_json(limits.model_dump_json()) == calibrated()[1]


def test_calibrate__refuses_too_few_windows() -> None:
    windows = judged(weeks(7, 1), profile_of(together(weeks(7, 1)), seed=1))
    with pytest.raises(TooLittleData, match="7 windows"):
        calibrate_thresholds(windows, false_alarms_per_year=2, windows_per_year=52, block=1, seed=1)


def test_thresholds__what_ordinary_weeks_do_is_no_news() -> None:
    chance = np.random.default_rng(5)
    history = [{"holiday": (chance.random(48) < 0.02 * (i % 2)).astype(float), "x": chance.normal(size=48)} for i in range(40)]
    reference = {name: np.concatenate([part[name] for part in history]) for name in ("holiday", "x")}
    profile = profile_of(reference, seed=1)
    windows = [measure(profile, reference, part) for part in history]
    limits = calibrate_thresholds(windows, false_alarms_per_year=2, windows_per_year=52, block=1, seed=1)
    assert "holiday" in limits.constant
    quiet = measure(profile, reference, history[0], limits)
    assert not any(column.drifted for column in quiet.columns)
    silent = history[0] | {"x": np.full(48, np.nan)}
    assert measure(profile, reference, silent, limits).columns[1].drifted == ("missing",)
    assert limits.ratio("ks", "x", limits.limits["ks"]["x"]) == pytest.approx(1.0)
