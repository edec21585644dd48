"""Which thresholds judge a bundle's columns: those that it keeps, and what those of this version were fixed on."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from model_code.faults import FaultProfile, find_faults, shifted_levels
from model_code.faults.filters import KINDS
from model_code.faults.thresholds import FILE, KeptThresholds, thresholds, thresholds_of_before
from model_code.usecase import UseCaseSpec
from tests.unit.faults.panel import LEARNED, NOW, known, last


def stricter(kept: KeptThresholds, times: float) -> KeptThresholds:
    values = kept.values
    told = {kind: {days: times * one for days, one in getattr(values, kind).items()} for kind in KINDS}
    return kept.model_copy(update={"values": values.model_copy(update=told)})


def test_learn__keeps_the_thresholds_with_their_hash(profile: FaultProfile) -> None:
    again = FaultProfile.model_validate_json(profile.model_dump_json())

    assert again.thresholds == KeptThresholds(values=thresholds(), sha256=hashlib.sha256(FILE.read_bytes()).hexdigest())
    assert again.limits == thresholds()


@pytest.mark.parametrize(("times", "told"), [(1.0, True), (50.0, False)])
def test_find_faults__judges_by_the_thresholds_that_the_bundle_keeps(
    times: float, told: bool, profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame
) -> None:
    assert profile.thresholds is not None
    own = profile.model_copy(update={"thresholds": stricter(profile.thresholds, times)})
    changed = loads.copy()
    changed.loc[last(changed), "B"] = changed["B"].shift(1).ffill()
    changed.loc[last(changed), "D"] *= 1.05
    history = known(spec, changed)

    assert bool(find_faults(own, history, spec, NOW)) == told
    assert bool(shifted_levels(own, history, spec, NOW, LEARNED)) == told


def test_fault_profile__of_before_is_judged_by_this_versions_thresholds_and_a_log_says_so_once(
    profile: FaultProfile, spec: UseCaseSpec, loads: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    told_as_json = profile.model_dump(mode="json")
    kept, before = (FaultProfile.model_validate(told_as_json | each) for each in ({}, {"thresholds": None}))
    changed = loads.copy()
    changed.loc[last(changed), "B"] = changed["B"].shift(1).ffill()
    history = known(spec, changed)
    thresholds_of_before.cache_clear()

    told = [find_faults(before, history, spec, NOW) for _ in range(2)]

    assert told == 2 * [find_faults(kept, history, spec, NOW)]
    assert [record.name for record in caplog.records] == ["evenkeel.faults"]


def test_thresholds__were_fixed_on_the_registration_as_it_is() -> None:
    file = Path(__file__).parents[3] / "benchmarks" / "drift" / "registration.json"
    assert thresholds().registration == hashlib.sha256(file.read_bytes()).hexdigest()


def test_registration__scores_other_areas_and_other_years_than_it_calibrates_on() -> None:
    told = json.loads((Path(__file__).parents[3] / "benchmarks" / "drift" / "registration.json").read_text())
    areas, years = (
        {role: {value for part in told[role] for value in pick(part)} for role in ("calibration", "scoring")}
        for pick in (lambda part: part["areas"], lambda part: [day for pair in part["years"] for day in pair])
    )
    assert not areas["calibration"] & areas["scoring"]
    assert max(years["scoring"]) < min(years["calibration"])
