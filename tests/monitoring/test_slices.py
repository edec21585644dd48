"""Slices: cut by time, lead and named columns; quiet on real months, found where a part of the rows goes bad."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from model_code.challenger import slices_of
from model_code.settings import Settings
from model_code.slices import Normal, SliceProfile, labels
from model_code.specification import UseCaseSpec
from model_code.usecase import load_usecase
from monitoring.slices import Answered, Sums, aligned, departing, latest, slice_evidence
from tests.monitoring.victoria import LIVE, Champion, Year, day

HOUR = pd.Timedelta(hours=1)
HALF_HOURS = 48


@pytest.fixture(scope="module")
def spec() -> UseCaseSpec:
    return load_usecase("demand_victoria", Settings()).spec


def rows(first: str, days: int, loss: Callable[[pd.DataFrame], np.ndarray], seed: int = 1) -> pd.DataFrame:
    """Days of half-hourly answers with a loss of each row, and noise that whole days and neighbouring rows share."""
    chance = np.random.default_rng(seed)
    origins = pd.date_range(pd.Timestamp(f"{first}T00:00:00+10:00").tz_convert("UTC"), periods=days, freq="D")
    table = pd.DataFrame({"origin": np.repeat(origins, HALF_HOURS), "entity": "VIC"})
    table["time"] = table["origin"] + np.tile(np.arange(HALF_HOURS), days) * HOUR / 2
    of_day = np.repeat(chance.lognormal(0, 0.4, days), HALF_HOURS)
    of_hour = np.repeat(chance.lognormal(0, 0.4, 12 * days), 4)
    table["loss"] = loss(table) * of_day * of_hour
    return table.assign(error=table["loss"])


def even(table: pd.DataFrame) -> np.ndarray:
    return np.full(len(table), 0.1)


def hours_of(table: pd.DataFrame) -> pd.Series:
    return table["time"].dt.tz_convert("Etc/GMT-10").dt.hour


def cut(table: pd.DataFrame) -> pd.DataFrame:
    """Named columns of Victoria: a temperature and a flag."""
    hour = hours_of(table).to_numpy()
    return pd.DataFrame(
        {"temperature_last_day_mean": 10 + hour / 2.0, "day_off": (table["time"].dt.dayofweek >= 5).astype(float)}
    )


def judged(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers with their error and loss."""
    return answers.assign(error=answers["truth"] - answers["value"]).assign(loss=lambda rows: rows["error"].abs())


def seen(table: pd.DataFrame, spec: UseCaseSpec, normal: SliceProfile) -> dict[tuple[str, str], bool]:
    found = slice_evidence(Answered(table, cut(table), {}), normal, spec)
    return {(each.dimension, each.value): each.departs for each in found}


@pytest.fixture(scope="module")
def normal(spec: UseCaseSpec) -> SliceProfile:
    history = rows("2014-04-25", 63, even, seed=9)
    return SliceProfile.of(history, cut(history), spec)


def test_labels__cut_by_local_time_lead_and_named_columns(spec: UseCaseSpec, normal: SliceProfile) -> None:
    table = rows("2014-07-05", 1, even)
    named = labels(table, cut(table), normal.bands, spec)
    assert set(named) == {"lead", "hour", "weekday", "season", "temperature_last_day_mean", "day_off"}
    assert (named["hour"].iloc[0], named["weekday"].iloc[0], named["season"].iloc[0]) == ("00", "sat", "jun-aug")
    assert (named["lead"].iloc[0], named["lead"].iloc[-1]) == ("0-2 h", "22-24 h")
    assert named["temperature_last_day_mean"].iloc[0].startswith("<")
    assert named["temperature_last_day_mean"].iloc[-1].startswith(">=")


def test_labels__values_that_are_missing_are_in_no_slice(spec: UseCaseSpec, normal: SliceProfile) -> None:
    table = rows("2014-07-05", 1, even)
    unknown = cut(table).assign(temperature_last_day_mean=np.nan)
    assert labels(table, unknown, normal.bands, spec)["temperature_last_day_mean"].isna().all()


def test_profile__few_origins_are_drawn_towards_the_mean_of_all(spec: UseCaseSpec) -> None:
    table = rows("2014-06-01", 20, lambda t: np.where(t["time"].dt.tz_convert("Etc/GMT-10").dt.dayofweek == 6, 1.0, 0.1))
    profile = SliceProfile.of(table, cut(table), spec)
    sunday, hour = profile.normal["weekday"]["sun"], profile.normal["hour"]["12"]
    own = table.loc[table["time"].dt.tz_convert("Etc/GMT-10").dt.dayofweek == 6, "loss"].mean()
    assert profile.loss < sunday.loss < own
    assert sunday.error > hour.error
    assert (sunday.origins, hour.origins) == (3, 20)


def test_profile__a_slice_that_the_backtest_never_saw_is_expected_to_be_like_all(normal: SliceProfile) -> None:
    assert normal.expected("season", "dec-feb").loss == normal.loss
    assert normal.expected("season", "dec-feb").error > 0.3


@pytest.mark.parametrize("seed", range(12))
def test_slice_evidence__chance_lets_nothing_depart(seed: int, spec: UseCaseSpec, normal: SliceProfile) -> None:
    found = seen(rows("2014-07-10", 42, even, seed=100 + seed), spec, normal)
    assert len(found) > 45
    assert [name for name, departs in found.items() if departs] == []


def test_slice_evidence__a_spell_that_is_hard_for_all_rows_is_no_slices_matter(spec: UseCaseSpec, normal: SliceProfile) -> None:
    found = seen(rows("2014-07-10", 42, lambda table: 5 * even(table)), spec, normal)
    assert not any(found.values())


def test_slice_evidence__an_hour_that_goes_bad_departs_alone(spec: UseCaseSpec, normal: SliceProfile) -> None:
    found = seen(rows("2014-07-10", 42, lambda t: np.where(hours_of(t) == 17, 0.4, 0.1)), spec, normal)
    departed = {name for name, departs in found.items() if departs}
    assert ("hour", "17") in departed
    assert {value for dimension, value in departed if dimension == "hour"} == {"17"}


def test_slice_evidence__a_weekday_that_goes_bad_departs(spec: UseCaseSpec, normal: SliceProfile) -> None:
    sunday = rows("2014-07-10", 42, lambda t: np.where(t["time"].dt.tz_convert("Etc/GMT-10").dt.dayofweek == 6, 0.6, 0.1))
    departed = {name for name, departs in seen(sunday, spec, normal).items() if departs}
    assert ("weekday", "sun") in departed
    assert {value for dimension, value in departed if dimension == "weekday"} == {"sun"}


def test_slice_evidence__compares_the_others_on_the_same_rows(spec: UseCaseSpec, normal: SliceProfile) -> None:
    table = rows("2014-07-10", 14, even)
    baseline = np.full(len(table), 0.2)
    baseline[hours_of(table) == 3] = np.nan
    found = slice_evidence(Answered(table, cut(table), {"baseline": baseline}), normal, spec)
    by_name = {(each.dimension, each.value): each for each in found}
    assert by_name["hour", "04"].baseline_loss == pytest.approx(0.2)
    assert by_name["hour", "03"].baseline_loss is None  # not replayed on all of its rows
    assert by_name["hour", "04"].previous_loss is None
    assert by_name["hour", "04"].loss == pytest.approx(table.loc[hours_of(table) == 4, "loss"].mean())


def test_slice_evidence__nothing_scored_gives_no_slices(spec: UseCaseSpec, normal: SliceProfile) -> None:
    table = rows("2014-07-10", 1, even).head(0)
    assert slice_evidence(Answered(table, cut(table), {}), normal, spec) == ()


def test_slice_evidence__one_day_judges_nobody(spec: UseCaseSpec, normal: SliceProfile) -> None:
    found = seen(rows("2014-07-10", 1, lambda t: np.where(hours_of(t) == 17, 9.0, 0.1)), spec, normal)
    assert not any(found.values())


def test_departing__losses_of_nothing_are_no_departure(spec: UseCaseSpec) -> None:
    nothing = np.zeros((20, 2))
    assert not departing(Sums(nothing, nothing + 1, nothing, nothing + 1), np.array([0.1, 0.1]), spec).any()


def test_latest__keeps_whole_origins_with_truth() -> None:
    table = rows("2014-07-01", 50, even)
    table.loc[table["origin"] == table["origin"].max(), "loss"] = np.nan
    kept = latest(table)
    assert kept["origin"].nunique() == 42
    assert kept["origin"].max() == sorted(table["origin"].unique())[-2]


def test_aligned__joins_by_row_and_leaves_holes() -> None:
    table = rows("2014-07-01", 2, even)
    other = table.head(HALF_HOURS)[["origin", "entity", "time"]].assign(loss=np.arange(HALF_HOURS, dtype=float))
    found = aligned(table, other.sample(frac=1, random_state=1))["loss"]
    assert found.head(HALF_HOURS).tolist() == list(range(HALF_HOURS))
    assert found.tail(HALF_HOURS).isna().all()


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("family", ["naive", "ridge", "xgboost"])
def test_slice_evidence__nothing_departs_on_victoria_as_it_was(
    family: str, spec: UseCaseSpec, year: Year, champions: dict[str, Champion]
) -> None:
    """At any day of four months; what is normal comes of the backtest, as in a bundle: a model knows its own days too well."""
    champion = champions[family]
    profile = slices_of(year.usecase, judged(champion.backtested), year.cases)
    table = judged(champion.answers(year.cases, year.truth))
    beside = year.cases.features[list(spec.slices)]
    for until in pd.date_range(day("07-08"), day("11-09"), freq="D"):
        window = ((table["origin"] >= max(LIVE, until - pd.Timedelta(days=42))) & (table["origin"] < until)).to_numpy()
        part = Answered(table[window].reset_index(drop=True), beside[window].reset_index(drop=True), {})
        found = slice_evidence(part, profile, spec)
        assert [(each.dimension, each.value, until) for each in found if each.departs] == []


def test_normal__is_strict() -> None:
    with pytest.raises(ValueError):
        Normal(loss=0.0, error=0.0, origins=1)
