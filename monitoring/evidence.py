"""Gathers what the policy reads: scored predictions of the champion, drift of the level, replays, freshness, releases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_code.bundle import Bundle
from model_code.cases import Cases, build_cases
from model_code.data.known import KnownHistory
from model_code.data.observed import microseconds
from model_code.data.set_aside import aside_at
from model_code.drift import DriftProfile, SeriesProfile, expected_loss, walk
from model_code.errors import DataError
from model_code.evaluation import row_loss
from model_code.evidence import Evidence, OriginEvidence, SeriesEvidence, SliceEvidence
from model_code.faults import Days, Faulty, LevelShift, alarmed, find_faults, shifted_levels
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.replay import replay_baseline
from model_code.series import ALL, conditions, per_series, series_names
from model_code.slices import KEYS, SliceProfile
from model_code.specification import UseCaseSpec
from model_code.standing import standing
from monitoring.estimate import Estimate, estimate, mean_of
from monitoring.previous import is_divisible, previous_parts, replayed
from monitoring.reigns import Reign, answered_by, own_part, reigns_of
from monitoring.releases import releases_of
from monitoring.slices import LATEST, Answered, aligned, latest, slice_evidence
from monitoring.truth import score

WARM_UP = 3  # reference windows before the release that the level test runs through
REPLAYED = LATEST  # latest origins that previous bundle and baseline are replayed on
WIDE = 2.0  # times the interval's bound: truth further off is an anomaly


@dataclass(frozen=True)
class Watched:
    """The per-origin tables behind one use case's evidence.

    Attributes:
        scored: From `truth.score`; only what the champion answered since its release.
        live: From `series.per_series` of `scored`: origin, series, loss, bias, coverage, …
        conditions: From `series.conditions`.
        replays: `previous`, `baseline` -> per_series of their answers on the same origins.
        released_at: When the champion became champion.
        answered: Rows of the latest origins, to be cut into slices; None before there are any.
        reigns: Series -> what answers for it, since when; `released_at` for all others.
    """

    scored: pd.DataFrame
    live: pd.DataFrame
    conditions: pd.DataFrame
    replays: Mapping[str, pd.DataFrame]
    released_at: pd.Timestamp
    answered: Answered | None = None
    reigns: Mapping[str, Reign] = field(default_factory=dict)

    def released(self, series: str) -> pd.Timestamp:
        """When what answers for a series became what answers for it."""
        return self.reigns[series].since if series in self.reigns else self.released_at


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
    normal = DriftProfile.model_validate(champion.profile["drift"])
    reigns = reigns_of(entries, [*normal.series, ALL])
    before = previous_parts(place, reigns, pointer.previous)
    faulty = on_faulty_data(place, moment)
    watched = watch(place, history, champion, before, moment, pd.Timestamp(releases[-1].at), reigns, faulty)
    newest_prediction = _newest_prediction(place, watched, now)
    released = {name: watched.released(name).to_pydatetime() for name in normal.series}
    days = Days.of(champion.usecase, history, faulty)
    series = alarmed(series_evidence(watched, normal), shifts_since(released, normal, history, now, days))
    series = tuple(each.model_copy(update={"part": own_part(each.name, reigns, releases, reached)}) for each in series)
    estimated = estimates(series, watched)
    return Evidence(
        usecase=place.usecase.name,
        at=now,
        champion=releases[-1].version,
        previous=reached.previous,
        bad_versions=tuple(sorted(reached.bad)),
        releases=releases,
        series=series,
        divisible=is_divisible(place.usecase.spec, champion, before.values()),
        slices=slices_seen(watched, champion),
        estimated_ratio=estimated.ratio,
        estimate_error=estimated.error,
        data_age=_data_age(history, moment),
        prediction_age=None if newest_prediction is None else max(now - newest_prediction, timedelta(0)),
        quarantined_share=quarantined_share,
        coverage_objective=place.usecase.spec.interval.coverage if place.usecase.spec.task == "forecast" else None,
        drifted_share=drifted_share,
        data_faults=find_faults(normal.faults, history, place.usecase.spec, now, days),
        has_baseline=place.usecase.spec.baseline is not None,
    )


def shifts_since(
    released: Mapping[str, datetime], normal: DriftProfile, history: KnownHistory, now: datetime, days: Days | None
) -> dict[str, LevelShift]:
    """Shifts of an entity's level against its neighbours', each since the release that concerns the entity."""
    found: dict[str, LevelShift] = {}
    for moment in sorted(set(released.values())):
        shifts = shifted_levels(normal.faults, history, history.spec, now, moment, days)
        found |= {name: shift for name, shift in shifts.items() if released.get(name, moment) == moment}
    return found


def watch(
    place: Installation,
    history: KnownHistory,
    champion: Bundle,
    previous: Mapping[str, Bundle],
    now: pd.Timestamp,
    released_at: pd.Timestamp,
    reigns: Mapping[str, Reign],
    faulty: Faulty,
) -> Watched:
    """The tables: what the champion answered since its release, and what the others would have.

    Args:
        previous: Series -> the bundle before.
        reigns: Series -> what answers for it, since when.
        faulty: Which origins are told by faulty conditions.
    """
    usecase, spec = place.usecase, place.usecase.spec
    first = min((reign.since for reign in reigns.values()), default=released_at)
    truth = history.truth(now)
    answered = place.predictions.between(usecase.name, first, now, by="origin")
    scored = score(answered[answered_by(answered, reigns)], truth, spec)
    live = per_series(scored, spec)
    live = live if live.empty else live.merge(intervals(scored, spec), on=["origin", "series"], how="left")
    start = max(first - WARM_UP * spec.drift.reference_origins * spec.origins.every, history.first_time() + spec.lookback)
    told = conditions(champion.usecase, history, origins_between(spec, start, now), now)
    told = told[~faulty(told)].reset_index(drop=True)
    judged = latest(scored)
    latest_origins = sorted(judged["origin"].unique())[-REPLAYED:]
    if not latest_origins:
        return Watched(scored, live, told, {}, released_at, reigns=reigns)
    cases = build_cases(usecase, history, latest_origins)
    answers = {
        "previous": replayed(previous, usecase, history, cases, truth),
        "baseline": replay_baseline(usecase, cases, truth),
    }
    rows = {name: given for name, given in answers.items() if given is not None}
    replays = {name: per_series(given, spec) for name, given in rows.items()}
    return Watched(scored, live, told, replays, released_at, _to_cut(judged, cases, rows, champion.spec), reigns)


def on_faulty_data(place: Installation, now: pd.Timestamp) -> Faulty:
    """Tells which origins rest on conditions that were set aside as faulty: they judge neither the model nor the level.

    The target's own rows that were set aside are no truth, and need no mention here.

    Args:
        place: Whose feeds; what is set aside of them is read once.
        now: The moment of judging.
    """
    spec = place.usecase.spec
    horizon = spec.horizon.end // timedelta(microseconds=1)
    aside = [
        (entity, np.sort(microseconds(pd.DatetimeIndex(rows["time"]))))
        for feed in spec.feeds
        if feed != spec.target.feed
        for entity, rows in aside_at(place.store.quarantined(spec.name, feed), now).groupby("entity")
    ]

    def faulty(told: pd.DataFrame) -> NDArray[np.bool_]:
        found = np.zeros(len(told), dtype=bool)
        origins = microseconds(pd.DatetimeIndex(told["origin"])) if len(told) else np.empty(0, dtype=np.int64)
        for entity, times in aside:
            within = times.searchsorted(origins + horizon) > times.searchsorted(origins)
            found |= within & told["series"].isin([entity, ALL]).to_numpy()
        return found

    return faulty


def _to_cut(judged: pd.DataFrame, cases: Cases, replayed: Mapping[str, pd.DataFrame], spec: UseCaseSpec) -> Answered:
    """The champion's rows with the columns and the others' losses beside them."""
    columns = [name for name in spec.slices if name in cases.features]
    beside = pd.concat([cases.rows[KEYS], cases.features[columns]], axis=1)
    others = {}
    for name, rows in replayed.items():
        losses = rows[KEYS].assign(loss=row_loss(rows["value"].to_numpy(float), rows["truth"].to_numpy(float), spec.task))
        others[name] = aligned(judged, losses)["loss"].to_numpy(float)
    return Answered(judged[[*KEYS, "loss", "error"]], aligned(judged, beside), others)


def intervals(scored: pd.DataFrame, spec: UseCaseSpec) -> pd.DataFrame:
    """How wide the intervals are, and how much of the truth lies far outside.

    Returns:
        origin, series, width (mean, in the target's unit), anomalies (share of the rows with truth); NaN without intervals.
    """
    value, truth = scored["value"].to_numpy(float), scored["truth"].to_numpy(float)
    lower, upper = scored["lower"].to_numpy(float), scored["upper"].to_numpy(float)
    far = (truth > value + WIDE * (upper - value)) | (truth < value - WIDE * (value - lower))
    rows = scored[["origin"]].assign(
        series=series_names(scored["entity"], spec),
        width=upper - lower,
        anomalies=np.where(np.isfinite(truth) & np.isfinite(lower) & np.isfinite(upper), far, np.nan),
    )
    return pd.DataFrame(rows.groupby(["origin", "series"], as_index=False)[["width", "anomalies"]].mean())


def slices_seen(watched: Watched, champion: Bundle) -> tuple[SliceEvidence, ...]:
    """The slices; none where nothing is scored yet, or where the bundle is older than slices."""
    normal = champion.profile.get("slices")
    if watched.answered is None or normal is None:
        return ()
    return slice_evidence(watched.answered, SliceProfile.model_validate(normal), champion.spec)


def estimates(series: Sequence[SeriesEvidence], watched: Watched) -> Estimate:
    """What is estimated of the origins that wait for their truth, over all series."""
    found = []
    for each in series:
        points = [{"ratio": point.ratio, "width": point.width, "level_z": point.level_z} for point in each.origins]
        table = pd.DataFrame(points, columns=["ratio", "width", "level_z"], dtype=float)
        told = {point.origin for point in each.origins}
        rows = watched.scored if each.name == ALL else watched.scored[watched.scored["entity"] == each.name]
        width = (rows["upper"] - rows["lower"]).groupby(rows["origin"]).mean()
        waiting = width[[origin for origin in width.index if origin.to_pydatetime() not in told]]
        found.append(estimate(table, waiting.rename("width").reset_index()))
    return mean_of(found)


def series_evidence(watched: Watched, profile: DriftProfile) -> tuple[SeriesEvidence, ...]:
    """One record for each series of the profile."""
    return tuple(_series(name, watched, normal) for name, normal in sorted(profile.series.items()))


def _series(name: str, watched: Watched, profile: SeriesProfile) -> SeriesEvidence:
    told = _of(watched.conditions, name)
    if told.empty:
        return SeriesEvidence(name=name, backtest_loss=profile.backtest_loss)
    released = int((told["origin"] < watched.released(name)).sum())
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


def _newest_prediction(place: Installation, watched: Watched, now: datetime) -> datetime | None:
    """The latest predicted origin; one from after `now` (a clock jumped) hides no silence."""
    newest = place.predictions.newest(place.usecase.name)
    if newest is None or newest <= now:
        return newest
    known = watched.scored["origin"]
    return None if known.empty else pd.Timestamp(known.max()).to_pydatetime()


def _data_age(history: KnownHistory, now: pd.Timestamp) -> timedelta | None:
    seen = history.observations(history.spec.target.feed, now)  # what is set aside is no truth, but it came
    return None if seen.empty else (now - seen["time"].max()).to_pytimedelta()
