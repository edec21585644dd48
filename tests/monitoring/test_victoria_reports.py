"""Reports on Victoria's real winter and spring: what is ordinary breaches nothing, what got worse does."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from model_code.backtest import backtest
from model_code.shift import choose_reference, measure
from model_code.shift.context import context_of
from model_code.shift.section import ShiftSection, expected_rows, section_of, window_origins, with_answers
from model_code.specification import Candidate
from tests.monitoring.victoria import LIVE, SEED, TOLD, Champion, Year

WEEKS = 18


@pytest.fixture(scope="module")
def section(year: Year, champions: dict[str, Champion]) -> ShiftSection:
    """What the bundle of the ridge of 1 July keeps."""
    spec = year.usecase.spec
    origins = [origin for origin in year.conditions["origin"] if origin + TOLD <= LIVE]
    judged = origins[-(spec.backtest.origins + spec.backtest.holdout) :]
    candidate = Candidate(family="ridge", parameters={})
    walked = backtest(
        year.usecase, candidate, year.cases, year.history, judged, truth_at=LIVE, refit_every=spec.backtest.refit_every, seed=SEED
    ).scored  # fmt: skip
    told = year.conditions[year.conditions["origin"].isin(origins)]
    cases = year.cases.of(origins)
    return section_of(spec, cases, champions["ridge"].model.predict(cases.features), walked, told, champions["ridge"].profile)


@pytest.fixture(scope="module")
def scored(year: Year, champions: dict[str, Champion]) -> pd.DataFrame:
    return champions["ridge"].answers(year.cases_of(LIVE, 7 * WEEKS), year.truth)


def quality(year: Year, section: ShiftSection, champion: Champion, rows: pd.DataFrame) -> list[str | None]:
    """The quality's breach of each week."""
    told = expected_rows(year.usecase.spec, rows, year.conditions, champion.profile)
    assert section.quality is not None
    week = (told["origin"] - LIVE) // timedelta(days=7)
    return [
        section.quality.breach(one["value"].mean(), one["expected"].mean(), one["origin"].nunique())
        for _, one in told.groupby(week)
    ]


def test_section__is_calibrated_on_the_history(section: ShiftSection) -> None:
    assert section.thresholds is not None
    assert section.quality is not None
    assert section.thresholds.windows == 60
    assert 1.5 <= section.quality.limit < 2.5
    assert ShiftSection.model_validate_json(section.model_dump_json()) == section


def test_quality__ordinary_weeks_breach_nothing(
    year: Year, section: ShiftSection, champions: dict[str, Champion], scored: pd.DataFrame
) -> None:
    assert quality(year, section, champions["ridge"], scored) == [None] * WEEKS


def test_quality__answers_a_fifth_too_high_breach_in_most_weeks(
    year: Year, section: ShiftSection, champions: dict[str, Champion], scored: pd.DataFrame
) -> None:
    found = quality(year, section, champions["ridge"], scored.assign(value=scored["value"] * 1.2))
    assert sum(told is not None for told in found) >= 0.9 * WEEKS


def test_shift__ordinary_weeks_keep_the_budget_and_a_wrong_unit_is_seen(
    year: Year, section: ShiftSection, champions: dict[str, Champion]
) -> None:
    spec, size = year.usecase.spec, window_origins(year.usecase.spec)
    context = context_of(year.conditions)
    every = sorted(context.index)
    earlier = [origin for origin in every if origin + TOLD <= LIVE]
    alarms, seen = 0, 0
    for week in range(WEEKS):
        window = [origin for origin in every if origin >= LIVE][7 * week : 7 * week + size]
        chosen = choose_reference(earlier, window, context, size=spec.report.reference_origins, timezone=spec.timezone)
        assert chosen.basis == "matched_context"
        features = [year.cases.of(part).features for part in (chosen.origins, window)]
        before, lately = (with_answers(each, champions["ridge"].model.predict(each)) for each in features)
        for current in (lately, lately.assign(temperature_yesterday=lately["temperature_yesterday"] * 1.8 + 32)):
            found = measure(section.profile, before, current, section.thresholds)
            drifted = any(column.drifted for column in found.columns) or bool(found.joint.drifted)
            alarms += drifted and current is lately
            seen += drifted and current is not lately
    assert alarms <= np.ceil(3 * spec.report.false_alarms_per_year * WEEKS / 52)
    assert seen == WEEKS
