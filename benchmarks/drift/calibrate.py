"""Fixes the thresholds on the calibration part, and writes them with the registration's hash where the product reads them."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.drift.counted import Counted, counted
from benchmarks.drift.panels import load
from benchmarks.drift.registered import parts, registration, registration_hash
from benchmarks.drift.walk import TESTS, Test, Told, walked
from model_code.faults.filters import KINDS
from model_code.faults.thresholds import FILE, Thresholds

WEEKS = 52


def normal_weeks() -> dict[Test, list[float]]:
    """Test -> its statistic on each normal week of the calibration part; 0 where the change would be too small to matter."""
    values: dict[Test, list[float]] = {test: [] for test in TESTS}
    for part in parts("calibration"):
        panel = load(part)
        found, _ = walked(panel, part)
        for test, more in quiet_weeks(found, counted(panel, part)).items():
            values[test] += more
    return values


def quiet_weeks(found: Mapping[Test, Told], weeks: Counted) -> dict[Test, list[float]]:
    """The same of one panel's weeks."""
    values: dict[Test, list[float]] = {test: [] for test in TESTS}
    least = registration()["least"]
    for place, last in weeks.weeks:
        for test in TESTS:
            score, whole = (abs(float(np.nan_to_num(one[last, place]))) for one in (found[test].score, found[test].whole))
            values[test].append(score if score > least.get(test.kind, 0.0) * whole else 0.0)
    return values


def calibrated(values: Mapping[Test, Sequence[float]]) -> Thresholds:
    """The least thresholds that keep each test's budget on the calibration's normal weeks, all areas together."""
    budget, weeks = registration()["budget_per_entity_year"], len(values[TESTS[0]])
    limits = {test: round(float(np.quantile(values[test], 1 - budget[test.name] / WEEKS)), 3) for test in TESTS}
    return Thresholds(
        **{kind: {test.days: limits[test] for test in TESTS if test.kind == kind} for kind in KINDS},
        stuck=max(1.0, limits[TESTS[-1]]),  # a run's limit is its own history's
        least=registration()["least"],
        false_alarms_per_year=round(sum(budget.values()), 3),
        entity_years=round(weeks / WEEKS, 1),
        registration=registration_hash(),
    )


def write() -> Thresholds:
    found = calibrated(normal_weeks())
    FILE.write_text(found.model_dump_json(indent=2) + "\n")
    return found
