"""Evidence gathered from real stores: Delta tables, predictions and ledger in SQL, bundles on disk."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_code.bundle import BundleContents, Inputs
from model_code.cases import Cases
from model_code.data.set_aside import set_aside
from model_code.errors import DataError
from model_code.evidence import DataFault
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.predictions import Prediction, prediction_id
from model_code.settings import Settings
from monitoring import judgement
from monitoring.evidence import gather
from tests.monitoring.victoria import LIVE, TOLD, Champion, Year, day

RELEASED = day("07-10")
NOW = (day("07-18") + TOLD).to_pydatetime()


def bundle_of(place: Installation, champion: Champion, cases: Cases) -> str:
    golden = cases.where(np.arange(len(cases)) < 4)
    contents = BundleContents(
        usecase=place.usecase,
        model=champion.model,
        feature_columns=list(cases.features.columns),
        calibration=champion.calibration,
        profile={"drift": champion.profile.model_dump(mode="json")},
        lineage={"demand": 0, "weather": 0},
        trained_until=LIVE.to_pydatetime(),
        seed=1,
        golden_features=golden.features,
        golden_lead=golden.rows["step"].to_numpy(),
        inputs=Inputs.of(cases.features),
        training_parameters={},
    )
    return place.bundles.write(contents).hash


def promote(place: Installation, at: datetime, version: str, bundle: str, before: tuple[str, str] | None) -> None:
    entry = Entry(
        intent=f"promote {version}", phase="done", usecase=place.usecase.name, action="promote", actor="t", reason="r", at=at,
        from_version=before[0] if before else None, from_bundle=before[1] if before else None, to_version=version, to_bundle=bundle,
    )  # fmt: skip
    place.ledger.append(entry)
    place.pointers.move(place.usecase.name, bundle, before[1] if before else None)


def answer(
    place: Installation, year: Year, champion: Champion, version: str, bundle: str, start: pd.Timestamp, days: int
) -> None:
    cases = year.cases_of(start, days)
    rows = champion.answers(cases, year.truth)
    told = [
        Prediction(
            prediction_id=prediction_id(f"{version} {row.origin}", row.entity, row.time),
            request_id=f"{version} {row.origin}", usecase=place.usecase.name, entity=row.entity, origin=row.origin, time=row.time,
            lead_seconds=int((row.time - row.origin).total_seconds()), value=row.value, lower=row.lower, upper=row.upper,
            version=version, bundle=bundle, asked_by="forecast", made_at=row.origin, features_hash="f",
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    assert place.predictions.add(told) == len(rows)


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, real: dict[str, pd.DataFrame], year: Year, champions: dict[str, Champion]
) -> Installation:
    """Version 1 (naive) answers from 1 July, version 2 (ridge) from 10 July on."""
    opened = Installation.open("demand_victoria", Settings(home=tmp_path_factory.mktemp("home")))
    for feed, rows in real.items():
        opened.store.append("demand_victoria", feed, rows)
    some = year.cases_of(LIVE, 1)
    first, second = (bundle_of(opened, champions[family], some) for family in ("naive", "ridge"))
    promote(opened, LIVE.to_pydatetime(), "1", first, None)
    answer(opened, year, champions["naive"], "1", first, LIVE, 10)
    promote(opened, RELEASED.to_pydatetime(), "2", second, ("1", first))
    answer(opened, year, champions["ridge"], "2", second, RELEASED, 10)
    return opened


def test_gather__sees_the_champions_origins_since_its_release(
    place: Installation, year: Year, champions: dict[str, Champion]
) -> None:
    seen = gather(place, NOW)
    (series,) = seen.series
    assert [point.origin for point in series.origins] == [(RELEASED + timedelta(days=i)).to_pydatetime() for i in range(9)]
    assert (seen.champion, seen.previous, seen.bad_versions) == ("2", "1", ())
    assert seen.released_at == RELEASED.to_pydatetime()
    rows = champions["ridge"].answers(year.cases_of(RELEASED, 9), year.truth)
    assert [point.loss for point in series.origins] == pytest.approx(
        (rows["truth"] - rows["value"]).abs().groupby(rows["origin"]).mean().tolist()
    )


def test_gather__replays_previous_and_baseline_on_the_same_origins(place: Installation) -> None:
    points = gather(place, NOW).series[0].origins
    assert all(point.previous_loss is not None for point in points)
    # the previous version is the naive model, which answers with the baseline
    assert [point.previous_loss for point in points] == pytest.approx([point.baseline_loss for point in points])
    assert [point.loss for point in points] != pytest.approx([point.baseline_loss for point in points])


def test_gather__knows_nothing_of_later_times(place: Installation) -> None:
    early = gather(place, NOW - timedelta(days=3))
    late = gather(place, NOW)
    assert early.series[0].origins == late.series[0].origins[:6]
    before = gather(place, (RELEASED - timedelta(days=1)).to_pydatetime())
    assert (before.champion, before.previous) == ("1", None)


def test_gather__tells_ages(place: Installation) -> None:
    seen = gather(place, NOW)
    assert timedelta(0) <= (seen.data_age or timedelta(-1)) <= timedelta(hours=2)
    assert seen.prediction_age is not None


def test_gather__without_any_release_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was ever released"):
        gather(Installation.open("demand_victoria", Settings(home=tmp_path)), NOW)


def test_look__holds_on_real_days(place: Installation) -> None:
    verdict = judgement.look(place, pd.Timestamp(NOW)).verdict
    assert verdict.action == "hold"
    assert "even keel" in verdict.reasons[0]


@pytest.mark.parametrize("before", [RELEASED, LIVE], ids=["the latest release", "the first release"])
def test_look__with_a_release_in_the_future_holds(place: Installation, before: pd.Timestamp) -> None:
    seen = judgement.look(place, before - timedelta(days=1))

    assert (seen.verdict.action, seen.verdict.side_effects, seen.verdict.calm) == ("hold", ("page",), False)
    assert (
        f"clocks disagree: the ledger's latest promote is {(RELEASED - before).days * 24 + 24:.1f} h" in seen.verdict.reasons[0]
    )
    assert (seen.evidence.champion, seen.evidence.previous) == ("2", "1")  # as pointer and registry have it


@pytest.mark.parametrize(
    ("ahead", "word", "effects"),
    [(timedelta(hours=6), "clocks disagree", ("page",)), (timedelta(minutes=1), "another run was quicker", ())],
)
def test_look__with_an_action_in_the_future_holds(tmp_path: Path, ahead: timedelta, word: str, effects: tuple[str, ...]) -> None:
    opened = Installation.open("demand_victoria", Settings(home=tmp_path))
    told = Entry(phase="note", usecase="demand_victoria", action="retrain", actor="t", reason="kept the champion", at=NOW + ahead)
    opened.ledger.append(told)

    verdict = judgement.look(opened, pd.Timestamp(NOW)).verdict

    assert (verdict.action, verdict.side_effects) == ("hold", effects)
    assert word in verdict.reasons[0]


def test_gather__revised_truth_counts_when_asked_later(place: Installation, real: dict[str, pd.DataFrame]) -> None:
    before = gather(place, NOW).series[0].origins[-1]
    rows = real["demand"]
    revised = rows[(rows["time"] >= before.origin) & (rows["time"] < before.origin + timedelta(days=1))]
    known = pd.Timestamp(NOW) + timedelta(hours=1)
    place.store.append("demand_victoria", "demand", revised.assign(demand=revised["demand"] + 1.0, known_at=known))
    assert gather(place, NOW).series[0].origins[-1] == before
    after = next(point for point in gather(place, NOW + timedelta(hours=2)).series[0].origins if point.origin == before.origin)
    assert after.bias == pytest.approx(before.bias + 1.0)


def test_gather__tells_widths_anomalies_and_an_estimate(place: Installation) -> None:
    seen = gather(place, NOW - timedelta(hours=5))  # the truth of the last origin is not all there
    points = seen.series[0].origins
    assert all(point.width is not None and point.width > 0 for point in points)
    assert all(point.anomalies is not None and 0 <= point.anomalies < 0.5 for point in points)
    assert seen.estimated_ratio is not None
    assert 0.2 <= seen.estimated_ratio <= 5


def test_gather__bundles_from_before_slices_have_none(place: Installation) -> None:
    assert gather(place, NOW).slices == ()


def test_gather__a_prediction_from_the_future_hides_no_silence(place: Installation) -> None:
    early = NOW - timedelta(hours=5)
    assert place.predictions.newest("demand_victoria") == early + timedelta(hours=3)  # the fixture's last origin
    assert gather(place, early).prediction_age == timedelta(hours=21)


def test_gather__nothing_answered_gives_series_without_origins(place: Installation) -> None:
    seen = gather(place, (RELEASED + timedelta(minutes=1)).to_pydatetime())
    assert [series.origins for series in seen.series] == [()]
    assert (seen.estimated_ratio, seen.estimate_error, seen.slices) == (None, None, ())


def test_gather__days_whose_weather_was_set_aside_judge_nobody(
    tmp_path: Path, real: dict[str, pd.DataFrame], year: Year, champions: dict[str, Champion]
) -> None:
    opened = Installation.open("demand_victoria", Settings(home=tmp_path))
    for feed, rows in real.items():
        opened.store.append("demand_victoria", feed, rows)
    bundle = bundle_of(opened, champions["ridge"], year.cases_of(LIVE, 1))
    promote(opened, LIVE.to_pydatetime(), "1", bundle, None)
    answer(opened, year, champions["ridge"], "1", bundle, LIVE, 8)
    now, stuck = (day("07-08") + TOLD).to_pydatetime(), day("07-04")
    before = {point.origin for point in gather(opened, now).series[0].origins}
    fault = DataFault(
        kind="stuck", feed="weather", entity="VIC", column="temperature", since=stuck, statistic=9, threshold=1, text="one value"
    )
    assert set_aside(opened.store, "demand_victoria", [fault], (stuck + timedelta(days=2)).to_pydatetime()) > 0
    after = {point.origin for point in gather(opened, now).series[0].origins}
    assert before - after == {stuck.to_pydatetime(), (stuck + timedelta(days=1)).to_pydatetime()}
    assert after < before
