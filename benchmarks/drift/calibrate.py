"""Fixes the thresholds on the calibration part, and writes them with the registration's hash where the product reads them."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.drift.counted import counted
from benchmarks.drift.panels import load
from benchmarks.drift.registered import parts, registration, registration_hash
from benchmarks.drift.walk import TESTS, walked
from model_code.faults.thresholds import FILE, Thresholds

WEEKS = 52


def normal_weeks() -> dict[str, list[float]]:
    """Test -> its statistic on each normal week of the calibration part."""
    values: dict[str, list[float]] = {test: [] for test in TESTS}
    for part in parts("calibration"):
        panel = load(part)
        found, _ = walked(panel, part)
        for place, last in counted(panel, part).weeks:
            for test in TESTS:
                values[test].append(float(np.nan_to_num(found[test][last, place])))
    return values


def calibrated(values: Mapping[str, Sequence[float]]) -> Thresholds:
    """The least thresholds that keep each test's budget on the calibration's normal weeks, all areas together."""
    budget, weeks = registration()["budget_per_entity_year"], len(values["level"])
    limits = {test: float(np.quantile(values[test], 1 - budget[test] / WEEKS)) for test in TESTS}
    limits["stuck"] = max(1.0, limits["stuck"])  # a run's limit is its own history's
    return Thresholds(
        **{test: round(limit, 3) for test, limit in limits.items()},
        false_alarms_per_year=round(sum(budget.values()), 3),
        entity_years=round(weeks / WEEKS, 1),
        registration=registration_hash(),
    )


def write() -> Thresholds:
    found = calibrated(normal_weeks())
    FILE.write_text(found.model_dump_json(indent=2) + "\n")
    return found
