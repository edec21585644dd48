"""New intervals for the same model: calibrated on its latest residuals, judged walk-forward on origins that it did not see.

At each of the latest live origins the intervals are calibrated anew on what was known *then*, and their interval score is
paired with that of the intervals which were served. Nothing is judged on what it was fitted on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from model_code.backtest import backtest
from model_code.bundle import Bundle, BundleContents
from model_code.bundle.golden import Golden
from model_code.bundle.manifest import GOLDEN
from model_code.calibration import Calibration
from model_code.cases import build_cases
from model_code.challenger import history_split
from model_code.data.known import KnownHistory
from model_code.data.store import ObservationStore
from model_code.errors import TooLittleData
from model_code.specification import Candidate
from model_code.usecase import UseCaseSpec
from model_code.verdict import PairedVerdict, paired_verdict

KEY = ["entity", "time"]
SCORES = ["champion", "challenger", "covered_champion", "covered_challenger"]


@dataclass(frozen=True)
class Recalibrated:
    """A calibration with the verdict that decides about it.

    Attributes:
        calibration: Fitted on everything known now.
        verdict: On the paired interval scores, less is better.
        scores: origin, champion, challenger (mean interval score in the target's unit), covered_champion, covered_challenger.
        origins: How many origins the calibration rests on.
    """

    calibration: Calibration
    verdict: PairedVerdict
    scores: pd.DataFrame
    origins: int


def recalibrate(
    spec: UseCaseSpec, answered: pd.DataFrame, backtested: pd.DataFrame, history: KnownHistory, now: pd.Timestamp
) -> Recalibrated:
    """Calibrate on the latest `recalibrate.origins` origins, and judge that on the latest `recalibrate.judged` live ones.

    Args:
        answered: What the champion answered live: origin, entity, time, step, value, lower, upper.
        backtested: What it answered in its backtest: origin, entity, time, step, value.
        history: Observations known by `now`.
        now: The moment whose knowledge of the truth counts (aware).

    Raises:
        TooLittleData: Not enough residuals.
    """
    known = _with_truth(answered, history, now)
    judged = sorted(known["origin"].unique())[-spec.recalibrate.judged :]
    pool = pd.concat([backtested, answered], ignore_index=True)
    rows = [_scored(spec, known[known["origin"] == origin], _fitted(spec, pool, history, origin)[0]) for origin in judged]
    scored = pd.concat(rows, ignore_index=True) if rows else known.assign(**dict.fromkeys(SCORES, 0.0))
    calibration, origins = _fitted(spec, pool, history, now)
    return Recalibrated(calibration, _verdict(spec, scored), _by_origin(scored), origins)


def backtested_by(champion: Bundle, store: ObservationStore, origins: int) -> pd.DataFrame:
    """The latest answers of the champion's backtest, walked again on the tables that it was trained on.

    Returns:
        origin, entity, time, step, value; none where the bundle names no tables, or no origins are asked for.

    Raises:
        StoreError: A table version that it was trained on is gone.
    """
    usecase, manifest, rule = champion.usecase, champion.manifest, champion.spec.backtest
    columns = ["origin", *KEY, "step", "value"]
    if origins < 1 or set(champion.spec.feeds) - set(manifest.lineage):
        return pd.DataFrame(columns=columns)
    trained = pd.Timestamp(manifest.trained_until).tz_convert("UTC")
    history = KnownHistory.load(usecase, store, trained, versions=manifest.lineage)
    told, parts = history_split(usecase, history, trained)
    quiet = champion.profile.get("quiet_until")
    typical = [each for each in (*parts.search, *parts.holdout) if quiet is None or each < pd.Timestamp(quiet)]
    candidate = Candidate.model_validate(manifest.training_parameters)
    walked = backtest(
        usecase,
        candidate,
        build_cases(usecase, history, told),
        history,
        typical[-origins:],
        truth_at=trained,
        refit_every=rule.refit_every,
        seed=manifest.seed,
    )
    return walked.scored[columns]


def contents_with(champion: Bundle, made: Recalibrated, now: pd.Timestamp) -> BundleContents:
    """The champion's bundle with another calibration; its profile tells which bundle it comes from.

    Raises:
        BundleError: The champion's model cannot be loaded.
    """
    manifest = champion.manifest
    golden = Golden.model_validate_json((champion.path / GOLDEN).read_bytes())
    matrix, lead = golden.requests(manifest.feature_columns)
    origin = {"from": champion.hash, "known_until": now.isoformat(), "origins": made.origins}
    return BundleContents(
        usecase=champion.usecase,
        model=champion.model,
        feature_columns=list(manifest.feature_columns),
        calibration=made.calibration,
        profile=champion.profile | {"recalibrated": origin},
        lineage=manifest.lineage,
        trained_until=manifest.trained_until,
        seed=manifest.seed,
        golden_features=pd.DataFrame(matrix, columns=list(manifest.feature_columns)),
        golden_lead=lead,
        inputs=champion.inputs,
        training_parameters=manifest.training_parameters,
    )


def _fitted(spec: UseCaseSpec, pool: pd.DataFrame, history: KnownHistory, at: pd.Timestamp) -> tuple[Calibration, int]:
    """A calibration on the latest origins whose truth was known then, and how many those are."""
    told = _with_truth(pool[pool["origin"] < at], history, at)
    latest = sorted(told["origin"].unique())[-spec.recalibrate.origins :]
    told = told[told["origin"].isin(latest)]
    value, truth = told["value"].to_numpy(float), told["truth"].to_numpy(float)
    return Calibration.fit(spec.interval, told["step"].to_numpy(int), truth - value, value), len(latest)


def _with_truth(rows: pd.DataFrame, history: KnownHistory, at: pd.Timestamp) -> pd.DataFrame:
    """The rows whose truth was known at a moment, with it."""
    truth = history.truth(at).rename(columns={"value": "truth"})
    joined = rows.merge(truth, on=KEY, how="left", validate="many_to_one")
    return joined[joined["truth"].notna()].reset_index(drop=True)


def _scored(spec: UseCaseSpec, rows: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    lower, upper = calibration.apply(rows["value"].to_numpy(float), rows["step"].to_numpy(int))
    bounds = {"champion": (rows["lower"].to_numpy(float), rows["upper"].to_numpy(float)), "challenger": (lower, upper)}
    truth = rows["truth"].to_numpy(float)
    columns: dict[str, np.ndarray] = {}
    for name, (low, high) in bounds.items():
        outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        columns |= {
            name: high - low + 2 / (1 - spec.interval.coverage) * outside,
            f"covered_{name}": (outside == 0).astype(float),
        }
    return rows.assign(**columns)


def _by_origin(scored: pd.DataFrame) -> pd.DataFrame:
    return scored.groupby("origin", sort=True)[SCORES].mean().reset_index()


def _verdict(spec: UseCaseSpec, scored: pd.DataFrame) -> PairedVerdict:
    """Better only if the interval score is, for sure, the coverage comes closer, and no entity pays for the others."""
    strict = spec.promotion.model_copy(update={"confidence": spec.retrain.confidence})
    table = _by_origin(scored)
    verdict = paired_verdict(table["champion"].to_numpy(float), table["challenger"].to_numpy(float), strict)
    if not verdict.better:
        return verdict
    before, after = (float(scored[f"covered_{name}"].mean()) for name in ("champion", "challenger"))
    told = f"coverage {before:.0%} before, {after:.0%} after, {spec.interval.coverage:.0%} is the objective"
    if abs(after - spec.interval.coverage) >= abs(before - spec.interval.coverage):
        return verdict.model_copy(update={"better": False, "reason": f"no closer to the objective: {told}"})
    means = scored.groupby("entity")[["champion", "challenger"]].mean()
    paying = means[means["challenger"] > (1 + spec.policy.scope_tolerance) * means["champion"]]
    if spec.entities is not None and len(paying):
        names = ", ".join(sorted(paying.index))
        return verdict.model_copy(update={"better": False, "reason": f"{names} would pay for the others; {told}"})
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {told}"})


def require_intervals(spec: UseCaseSpec) -> None:
    """There is something to calibrate.

    Raises:
        TooLittleData: A classification answers without intervals.
    """
    if spec.task == "classification":
        raise TooLittleData(f"{spec.name} answers without intervals", hint="there is nothing to recalibrate")
