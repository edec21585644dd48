"""Gathers what the policy reads: scored predictions of the champion, drift of the level, replays, freshness, releases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from model_code.bundle import Bundle
from model_code.cases import build_cases
from model_code.data.known import KnownHistory
from model_code.drift import DriftProfile, SeriesProfile, expected_loss, walk
from model_code.errors import DataError
from model_code.evidence import Evidence, OriginEvidence, SeriesEvidence
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.replay import cases_of, replay, replay_baseline
from model_code.series import conditions, per_series
from model_code.standing import standing
from monitoring.releases import releases_of
from monitoring.truth import score

WARM_UP = 3  # reference windows before the release that the level test runs through
REPLAYED = 21  # latest origins that previous bundle and baseline are replayed on


@dataclass(frozen=True)
class Watched:
    """The per-origin tables behind one use case's evidence.

    Attributes:
        scored: From `truth.score`; only what the champion answered since its release.
        live: From `series.per_series` of `scored`: origin, series, loss, bias, coverage, …
        conditions: From `series.conditions`.
        replays: `previous`, `baseline` -> per_series of their answers on the same origins.
        released_at: When the champion became champion.
    """

    scored: pd.DataFrame
    live: pd.DataFrame
    conditions: pd.DataFrame
    replays: Mapping[str, pd.DataFrame]
    released_at: pd.Timestamp


def gather(place: Installation, now: datetime, *, drifted_share: float | None = None, quarantined_share: float = 0.0) -> Evidence:
    """Everything that the verdict at `now` rests on.

    Args:
        place: The use case's stores.
        now: The moment of judging (aware); nothing that was not known then is used.
        drifted_share: Evidently's share of drifted columns, if a report was made.
        quarantined_share: Share of recent rows in quarantine.

    Raises:
        TooLittleData: The target's feed has no table yet.
        DataError: There is no champion yet.
    """
    entries = [entry for entry in place.ledger.entries(place.usecase.name) if entry.at <= now]
    pointer = place.pointers.get(place.usecase.name)
    releases, reached = releases_of(entries), standing(entries)
    if pointer is None or not releases:
        raise DataError(f"{place.usecase.name}: nothing was ever released", hint="run the train flow first")
    history, moment = place.history(now), pd.Timestamp(now)
    champion = place.bundle(pointer.wanted)
    previous = place.bundle(pointer.previous) if pointer.previous else None
    watched = watch(place, history, champion, previous, moment, pd.Timestamp(releases[-1].at))
    newest_prediction = place.predictions.newest(place.usecase.name)
    return Evidence(
        usecase=place.usecase.name,
        at=now,
        champion=releases[-1].version,
        previous=reached.previous,
        bad_versions=tuple(sorted(reached.bad)),
        releases=releases,
        series=series_evidence(watched, DriftProfile.model_validate(champion.profile["drift"])),
        data_age=_data_age(history, moment),
        prediction_age=None if newest_prediction is None else max(now - newest_prediction, timedelta(0)),
        quarantined_share=quarantined_share,
        coverage_objective=place.usecase.spec.interval.coverage if place.usecase.spec.task == "forecast" else None,
        drifted_share=drifted_share,
    )


def watch(
    place: Installation,
    history: KnownHistory,
    champion: Bundle,
    previous: Bundle | None,
    now: pd.Timestamp,
    released_at: pd.Timestamp,
) -> Watched:
    """The tables: what the champion answered since its release, and what the others would have."""
    usecase, spec = place.usecase, place.usecase.spec
    truth = history.truth(now)
    answered = place.predictions.between(usecase.name, released_at, now, by="origin")
    scored = score(answered[answered["bundle"] == champion.hash], truth, spec)
    live = per_series(scored, spec)
    start = max(released_at - WARM_UP * spec.drift.reference_origins * spec.origins.every, history.first_time() + spec.lookback)
    told = conditions(champion.usecase, history, origins_between(spec, start, now), now)
    replays: dict[str, pd.DataFrame] = {}
    latest = sorted(live["origin"].unique())[-REPLAYED:]
    if latest:
        cases = build_cases(usecase, history, latest)
        answers = {
            "previous": None if previous is None else replay(previous, cases_of(previous, usecase, history, cases), truth),
            "baseline": replay_baseline(usecase, cases, truth),
        }
        replays = {name: per_series(rows, spec) for name, rows in answers.items() if rows is not None}
    return Watched(scored, live, told, replays, released_at)


def series_evidence(watched: Watched, profile: DriftProfile) -> tuple[SeriesEvidence, ...]:
    """One record for each series of the profile."""
    return tuple(_series(name, watched, normal) for name, normal in sorted(profile.series.items()))


def _series(name: str, watched: Watched, profile: SeriesProfile) -> SeriesEvidence:
    told = _of(watched.conditions, name)
    if told.empty:
        return SeriesEvidence(name=name, backtest_loss=profile.backtest_loss)
    released = int((told["origin"] < watched.released_at).sum())
    walked = walk(profile.level, profile.level.residuals(told), released)
    table = pd.DataFrame(
        {
            "origin": told["origin"],
            "expected_loss": expected_loss(profile, told),
            "level_z": walked.z,
            "cusum": walked.cusum,
            "alarm": walked.alarm,
        }
    ).merge(_of(watched.live, name), on="origin", how="inner")
    for other, column in (("previous", "previous_loss"), ("baseline", "baseline_loss")):
        losses = (
            _of(watched.replays[other], name).set_index("origin")["loss"] if other in watched.replays else pd.Series(dtype=float)
        )
        table[column] = table["origin"].map(losses)
    since = None if walked.since is None else told["origin"].iloc[walked.since].to_pydatetime()
    points = tuple(_point(row) for row in table.sort_values("origin").to_dict("records"))
    return SeriesEvidence(name=name, backtest_loss=profile.backtest_loss, origins=points, level_since=since)


def _point(row: Mapping[Any, Any]) -> OriginEvidence:
    fields = {name: row.get(name) for name in OriginEvidence.model_fields if name in row}
    fields |= {name: None for name, value in fields.items() if isinstance(value, float) and np.isnan(value)}
    return OriginEvidence.model_validate(fields)


def _of(table: pd.DataFrame, series: str) -> pd.DataFrame:
    return table[table["series"] == series].sort_values("origin").reset_index(drop=True)


def _data_age(history: KnownHistory, now: pd.Timestamp) -> timedelta | None:
    truth = history.truth(now)
    return None if truth.empty else (now - truth["time"].max()).to_pytimedelta()
