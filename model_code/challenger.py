"""Building a challenger: judge candidates on the holdout, fit the chosen one, calibrate it, make its bundle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from model_code import drift, faults
from model_code.backtest import Backtest, backtest
from model_code.bundle import BundleContents, BundleRef, Inputs
from model_code.calibration import Calibration
from model_code.cases import Cases, build_cases, origins_of_history
from model_code.data.known import KnownHistory
from model_code.errors import ConfigurationError
from model_code.evaluation import per_origin, row_loss, summary
from model_code.installation import Installation
from model_code.models import Model
from model_code.series import conditions, per_series
from model_code.shift.section import section_of
from model_code.slices import KEYS, SliceProfile
from model_code.specification import Candidate
from model_code.training import fit
from model_code.tuning import Split, split
from model_code.usecase import UseCase

Progress = Callable[[str], None]
GOLDEN_ROWS = 8


@dataclass(frozen=True)
class Judged:
    """A candidate with its walk-forward answers over search window and holdout."""

    candidate: Candidate
    search_loss: float
    holdout: Backtest
    scored: pd.DataFrame

    def row(self) -> dict[str, Any]:
        """One line of the candidates' table."""
        return {
            "family": self.candidate.family,
            "parameters": self.candidate.parameters,
            "half_life_days": self.candidate.half_life_days,
            "search_loss": self.search_loss,
            "holdout_loss": self.holdout.loss,
        }


@dataclass(frozen=True)
class Evaluated:
    """Everything known about a challenger before it is a bundle."""

    candidate: Candidate
    model: Model
    cases: Cases
    judged: list[Judged]
    chosen: Judged


def history_split(usecase: UseCase, history: KnownHistory, now: pd.Timestamp) -> tuple[list[pd.Timestamp], Split]:
    """Every origin whose forecast has ended by `now`, and how the latest of them are used."""
    origins = origins_of_history(usecase, history, now - usecase.spec.horizon.end)
    return origins, split(usecase, origins)


def evaluate(
    usecase: UseCase,
    history: KnownHistory,
    now: pd.Timestamp,
    candidates: Sequence[Candidate],
    *,
    seed: int,
    progress: Progress = lambda _: None,
) -> Evaluated:
    """Walk every candidate through search window and holdout; the least search loss wins; the holdout only tells.

    Raises:
        TooLittleData: Not enough origins.
    """
    origins, parts = history_split(usecase, history, now)
    cases = build_cases(usecase, history, origins)
    judged = []
    for candidate in candidates:
        judged.append(_judge(usecase, candidate, cases, history, parts, now, seed))
        row = judged[-1]
        progress(f"{candidate.family}: search {row.search_loss:.4f}, holdout {row.holdout.loss:.4f} {usecase.spec.target.unit}")
    chosen = min(judged, key=lambda item: item.search_loss)
    model = fit(usecase, chosen.candidate, cases, history, now, seed)
    return Evaluated(chosen.candidate, model, cases, judged, chosen)


def _judge(
    usecase: UseCase,
    candidate: Candidate,
    cases: Cases,
    history: KnownHistory,
    parts: Split,
    now: pd.Timestamp,
    seed: int,
) -> Judged:
    walked = backtest(
        usecase,
        candidate,
        cases,
        history,
        [*parts.search, *parts.holdout],
        truth_at=now,
        refit_every=usecase.spec.backtest.refit_every,
        seed=seed,
    )
    in_holdout = walked.scored["origin"].isin(parts.holdout)
    holdout = walked.scored[in_holdout].reset_index(drop=True)
    search_loss = float(per_origin(walked.scored[~in_holdout], usecase.spec)["loss"].mean())
    return Judged(candidate, search_loss, Backtest(holdout, per_origin(holdout, usecase.spec)), walked.scored)


def bundle_of(
    place: Installation,
    history: KnownHistory,
    now: pd.Timestamp,
    evaluated: Evaluated,
    *,
    seed: int,
    quiet_until: pd.Timestamp | None = None,
) -> BundleRef:
    """Calibrate the chosen candidate on its walk-forward residuals and write its bundle; see `contents_of`."""
    return place.bundles.write(contents_of(place.usecase, history, now, evaluated, seed=seed, quiet_until=quiet_until))


def contents_of(
    usecase: UseCase,
    history: KnownHistory,
    now: pd.Timestamp,
    evaluated: Evaluated,
    *,
    seed: int,
    quiet_until: pd.Timestamp | None = None,
) -> BundleContents:
    """What the bundle of a challenger holds; all that a rebuild needs is in it.

    Args:
        history: As loaded from the store, so that it knows its table versions.
        quiet_until: Origins from here on are not typical (trouble was under way) and calibrate nothing.
    """
    scored = evaluated.chosen.scored
    typical = scored if quiet_until is None else scored[scored["origin"] < quiet_until]
    calibration = Calibration.none()
    if usecase.spec.task == "forecast":
        residual = (typical["truth"] - typical["value"]).to_numpy(float)
        calibration = Calibration.fit(
            usecase.spec.interval, typical["step"].to_numpy(), residual, typical["value"].to_numpy(float)
        )
    golden = evaluated.cases.where(_spread(len(evaluated.cases)))
    quiet = {"quiet_until": None if quiet_until is None else quiet_until.isoformat()}
    return BundleContents(
        usecase=usecase,
        model=evaluated.model,
        feature_columns=list(evaluated.cases.features.columns),
        calibration=calibration,
        profile=profile_of(usecase, history, now, evaluated, typical) | quiet,
        lineage=history.versions,
        trained_until=now.to_pydatetime(),
        seed=seed,
        golden_features=golden.features,
        golden_lead=golden.rows["step"].to_numpy(),
        inputs=Inputs.of(evaluated.cases.features),
        training_parameters=evaluated.candidate.model_dump(mode="json"),
    )


def register(place: Installation, ref: BundleRef, evaluated: Evaluated) -> str:
    """Register a bundle with its metrics and make it the challenger; once more changes nothing.

    Returns:
        Its registry version.

    Raises:
        RegistryError: The registry is unreachable.
    """
    usecase, chosen = place.usecase.name, evaluated.chosen
    with place.registry.start_run(usecase, "train", tags={"kind": "train"}, key=f"train/{ref.hash}") as run:
        run.log_params(evaluated.candidate.model_dump(mode="json"))
        metrics = {"search_loss": chosen.search_loss, "holdout_loss": chosen.holdout.loss}
        run.log_metrics(metrics)
        version = place.registry.register(ref, place.bundle(ref.hash).manifest.model_dump(mode="json"), metrics, run.id)
    place.registry.set_alias(usecase, "challenger", version)
    return version


def profile_of(
    usecase: UseCase, history: KnownHistory, now: pd.Timestamp, evaluated: Evaluated, typical: pd.DataFrame
) -> dict[str, Any]:
    """What is normal for this model: losses, losses by origin, thresholds of the residual test, the candidates' table."""
    holdout, cases = evaluated.chosen.holdout, evaluated.cases
    losses = per_origin(typical, usecase.spec)
    all_origins = [origin for origin in cases.rows["origin"].unique() if origin <= losses["origin"].max()]
    told = conditions(usecase, history, all_origins, now)
    normal = drift.calibrate(per_series(typical, usecase.spec), told, usecase.spec, usecase.spec.seed)
    known = faults.learn(history, usecase.spec, now, faults.Days.of(usecase, history))
    rows = typical.assign(loss=row_loss(typical["value"].to_numpy(float), typical["truth"].to_numpy(float), usecase.spec.task))
    return {
        "unit": usecase.spec.target.unit,
        "loss": float(losses["loss"].mean()),
        "metrics": summary(holdout.scored, usecase.spec),
        "candidates": [judged.row() for judged in evaluated.judged],
        "holdout": [
            {"origin": origin.isoformat(), "loss": float(loss)}
            for origin, loss in zip(holdout.origins["origin"], holdout.origins["loss"], strict=True)
        ],
        "drift": normal.model_copy(update={"faults": known}).model_dump(mode="json"),
        "slices": slices_of(usecase, rows, cases).model_dump(mode="json"),
        "shift": section_of(usecase.spec, cases, evaluated.model.predict(cases.features), typical, told, normal).model_dump(
            mode="json"
        ),
    }


def slices_of(usecase: UseCase, rows: pd.DataFrame, cases: Cases) -> SliceProfile:
    """What the backtest lost in each slice.

    Args:
        rows: origin, entity, time, loss of the backtest.
        cases: Those that it answered, among others.

    Raises:
        ConfigurationError: `slices` names a column that the features do not have.
    """
    columns = list(usecase.spec.slices)
    unknown = [name for name in columns if name not in cases.features]
    if unknown:
        raise ConfigurationError(
            f"{usecase.name}: slices names {', '.join(unknown)}, which are no feature columns",
            hint=f"there are: {', '.join(map(str, cases.features.columns))}",
        )
    cut = rows[KEYS].merge(pd.concat([cases.rows[KEYS], cases.features[columns]], axis=1), on=KEYS, how="left")[columns]
    return SliceProfile.of(rows.reset_index(drop=True), cut, usecase.spec)


def _spread(rows: int) -> np.ndarray:
    wanted = {round(i * (rows - 1) / (GOLDEN_ROWS - 1)) for i in range(GOLDEN_ROWS)}
    return np.array([i in wanted for i in range(rows)])
