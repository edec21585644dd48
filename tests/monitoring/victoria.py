"""Victoria 2014 judged day by day: real data through the production path, in memory, with shifts and bad releases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from model_code.backtest import backtest
from model_code.calibration import Calibration
from model_code.cases import Cases, build_cases
from model_code.data.known import KnownHistory
from model_code.data.sources import make_source
from model_code.drift import DriftProfile, calibrate
from model_code.evidence import Evidence, Release
from model_code.models import Model
from model_code.origins import origins_between
from model_code.policy import Verdict, decide
from model_code.series import conditions, per_series
from model_code.settings import Settings
from model_code.training import Candidate, fit
from model_code.usecase import load_usecase
from monitoring.evidence import Watched, series_evidence

SEED = 5
TOLD = timedelta(days=1, hours=2)  # after an origin, when its whole day is known
FEEDS = {"demand": "demand", "weather": "temperature"}


def day(text: str) -> pd.Timestamp:
    """Midnight in the data's zone (UTC+10), in UTC."""
    return pd.Timestamp(f"2014-{text}T00:00:00+10:00").tz_convert("UTC")


LIVE, END = day("07-01"), day("11-10")


def real_frames() -> dict[str, pd.DataFrame]:
    """Feed -> revisions of the whole year, from the embedded source."""
    usecase, frames = load_usecase("demand_victoria", Settings()), {}
    for feed, delay in ((feed, usecase.spec.feeds[feed].publication_delay) for feed in FEEDS):
        source = make_source(usecase, feed, Settings())
        pages = source.fetch(day("01-01"), day("12-31"), day("12-31") + timedelta(days=9), usecase.spec.entities or ())
        rows = pd.concat(pages, ignore_index=True)
        frames[feed] = rows.assign(known_at=rows["known_at"].fillna(rows["time"] + delay))
    return frames


@dataclass(frozen=True)
class Champion:
    """A fitted model with its profile, the interval of its backtest, and what the backtest scored."""

    model: Model
    profile: DriftProfile
    calibration: Calibration
    backtested: pd.DataFrame

    def answers(self, cases: Cases, truth: pd.DataFrame) -> pd.DataFrame:
        """Scored rows, as production would have them."""
        value = self.model.predict(cases.features)
        lower, upper = self.calibration.apply(value, cases.rows["step"].to_numpy())
        return cases.rows.assign(value=value, lower=lower, upper=upper, truth=cases.truth(truth))


class Year:
    """One course of the year: real, or with its demand multiplied by `factor` from `start` on."""

    def __init__(self, frames: dict[str, pd.DataFrame], *, factor: float = 1.0, start: pd.Timestamp = END) -> None:
        self.usecase = load_usecase("demand_victoria", Settings())
        demand = frames["demand"]
        shifted = demand["demand"] * np.where(demand["time"] >= start, factor, 1.0)
        self.history = KnownHistory(self.usecase.spec, {**frames, "demand": demand.assign(demand=shifted)})
        self.truth = self.history.truth(END + timedelta(days=9))

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """All origins from the first with a full lookback to the end of the live weeks."""
        first = self.history.first_time() + self.usecase.spec.lookback
        return conditions(self.usecase, self.history, origins_between(self.usecase.spec, first, END), END + TOLD)

    @cached_property
    def cases(self) -> Cases:
        """Cases of those origins."""
        return build_cases(self.usecase, self.history, list(self.conditions["origin"]))

    def cases_of(self, start: pd.Timestamp, origins: int) -> Cases:
        """Cases of some origins, without building the whole year."""
        every = self.usecase.spec.origins.every
        return build_cases(self.usecase, self.history, origins_between(self.usecase.spec, start, start + origins * every))

    def champion(self, family: str, released: pd.Timestamp = LIVE, wrong_by: float = 1.0) -> Champion:
        """A model as the train flow makes it, or one that is consistent with itself on targets `wrong_by` times too large."""
        spec, candidate = self.usecase.spec, Candidate(family=family, parameters={})
        history = self.history if wrong_by == 1.0 else _scaled(self, wrong_by)
        origins = [origin for origin in self.conditions["origin"] if origin + TOLD <= released]
        judged = origins[-(spec.backtest.origins + spec.backtest.holdout) :]
        walked = backtest(
            self.usecase,
            candidate,
            self.cases,
            history,
            judged,
            truth_at=released,
            refit_every=spec.backtest.refit_every,
            seed=SEED,
        ).scored
        told = self.conditions[self.conditions["origin"].isin(origins)].assign(level=lambda rows: rows["level"] * wrong_by)
        profile = calibrate(per_series(walked, spec), told, spec, SEED)
        residual = (walked["truth"] - walked["value"]).to_numpy(float)
        calibration = Calibration.fit(spec.interval, walked["step"].to_numpy(), residual, walked["value"].to_numpy(float))
        return Champion(fit(self.usecase, candidate, self.cases, history, released, SEED), profile, calibration, walked)


def _scaled(year: Year, factor: float) -> KnownHistory:
    truth = year.truth.rename(columns={"value": "demand"})
    rows = truth.assign(demand=truth["demand"] * factor, known_at=truth["time"] + timedelta(hours=1))
    return KnownHistory(year.usecase.spec, {"demand": rows})  # for its truth alone


def verdicts(
    year: Year,
    cases: Cases,
    champion: Champion,
    *,
    told: pd.DataFrame,
    previous: Champion | None = None,
    released: pd.Timestamp = LIVE,
    until: pd.Timestamp = END,
) -> Iterator[tuple[pd.Timestamp, Verdict]]:
    """The verdict after each origin's day from the release on, as a monitor flow would find it day by day.

    Args:
        cases: Of the origins that the champion answered.
        told: Conditions of all origins.
        previous: The bundle before, replayed on the same origins.
    """
    spec = year.usecase.spec
    live = per_series(champion.answers(cases, year.truth), spec)
    baseline = cases.rows.assign(value=cases.features[str(spec.baseline)].to_numpy(), truth=cases.truth(year.truth))
    replays = {"baseline": per_series(baseline, spec)}
    if previous is not None:
        replays["previous"] = per_series(previous.answers(cases, year.truth), spec)
    live = live[live["origin"] >= released]
    for origin in live["origin"][live["origin"] < until]:
        seen = Watched(pd.DataFrame(), live[live["origin"] <= origin], told[told["origin"] <= origin], replays, released)
        yield origin, decide(spec.policy, _evidence(seen, champion, origin, previous), (), origin + TOLD)


def _evidence(seen: Watched, champion: Champion, origin: pd.Timestamp, previous: Champion | None) -> Evidence:
    return Evidence(
        usecase="demand_victoria",
        at=(origin + TOLD).to_pydatetime(),
        champion="2",
        previous=None if previous is None else "1",
        releases=(Release(version="2", at=seen.released_at.to_pydatetime()),),
        series=series_evidence(seen, champion.profile),
        data_age=timedelta(hours=1),
        coverage_objective=0.9,
    )


def shifted(told: pd.DataFrame, factor: float, start: pd.Timestamp) -> pd.DataFrame:
    """The conditions of a year whose demand is multiplied from `start` on: only the level differs."""
    return told.assign(level=told["level"] * np.where(told["origin"] >= start, factor, 1.0))


def acted(found: Sequence[tuple[pd.Timestamp, Verdict]]) -> list[tuple[str, str, str]]:
    """What was not held: local date of the origin, action, first reason."""
    zone = "Etc/GMT-10"
    return [(f"{origin.tz_convert(zone):%m-%d}", v.action, v.reasons[0]) for origin, v in found if v.action != "hold"]
