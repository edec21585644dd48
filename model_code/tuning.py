"""Hyperparameter search: Optuna over families and parameters, pruned, resumable, never on the holdout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
import pandas as pd

from model_code.backtest import backtest
from model_code.cases import Cases
from model_code.data.known import KnownHistory
from model_code.errors import TooLittleData
from model_code.models import family_class
from model_code.specification import Candidate
from model_code.usecase import UseCase


@dataclass(frozen=True)
class Trial:
    """One candidate that the search tried."""

    number: int
    candidate: Candidate
    loss: float | None
    state: str
    seconds: float


@dataclass(frozen=True)
class Searched:
    """The outcome of a search: every trial, and the best candidate of each family."""

    trials: list[Trial]

    def best(self) -> dict[str, Trial]:
        """Family -> its best completed trial; best family first."""
        done = sorted((trial for trial in self.trials if trial.loss is not None), key=lambda trial: (trial.loss, trial.number))
        chosen: dict[str, Trial] = {}
        for trial in done:
            chosen.setdefault(trial.candidate.family, trial)
        return chosen


@dataclass(frozen=True)
class Split:
    """Origins by purpose, in time order: training only, search, holdout."""

    search: list[pd.Timestamp]
    holdout: list[pd.Timestamp]


def split(usecase: UseCase, origins: Sequence[pd.Timestamp]) -> Split:
    """The last `holdout` origins are never tuned on; the search scores those just before them.

    Raises:
        TooLittleData: Not enough origins for training, search and holdout.
    """
    spec = usecase.spec.backtest
    ordered = sorted(origins)
    needed = spec.min_train + spec.origins + spec.holdout
    if len(ordered) < needed:
        raise TooLittleData(
            f"{usecase.name}: {len(ordered)} origins", hint=f"training, search and holdout need {needed}; backfill more history"
        )
    return Split(ordered[-spec.holdout - spec.origins : -spec.holdout], ordered[-spec.holdout :])


def search(
    usecase: UseCase,
    cases: Cases,
    history: KnownHistory,
    origins: Sequence[pd.Timestamp],
    *,
    truth_at: pd.Timestamp,
    seed: int,
    trials: int | None = None,
    storage: str | None = None,
    study_name: str = "search",
    refit_every: int | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> Searched:
    """Try candidates of every family on `origins` until the number of trials or the time is used up.

    Args:
        trials: How many candidates. Default: as the use case says.
        storage: SQL URL of Optuna's study; given again, a search that was killed goes on where it stopped. One at a time.
        on_trial: Called after each trial (progress, logging), and first for those of an earlier run.
    """
    spec = usecase.spec.search
    study = _study(study_name, storage, seed, spec.families)
    done = _finished(study)

    def objective(trial: optuna.Trial) -> float:
        candidate = _propose(trial, spec.families)
        trial.set_user_attr("candidate", candidate.model_dump(mode="json"))

        def prune(block: int, loss: float) -> None:
            trial.report(loss, block)
            if trial.should_prune():
                raise optuna.TrialPruned()

        result = backtest(
            usecase,
            candidate,
            cases,
            history,
            origins,
            truth_at=truth_at,
            refit_every=refit_every or usecase.spec.backtest.refit_every,
            seed=seed,
            after_block=prune,
        )
        return result.loss

    def report(_: optuna.Study, frozen: optuna.trial.FrozenTrial) -> None:
        if on_trial is not None:
            on_trial(_trial(frozen))

    for frozen in done:  # it may have been killed between the end of a trial and its report
        report(study, frozen)
    wanted = (trials or spec.trials) - len(done)
    if wanted > 0:
        study.optimize(objective, n_trials=wanted, timeout=spec.timeout_seconds, callbacks=[report])
    return Searched([_trial(frozen) for frozen in _finished(study)])


def _study(name: str, storage: str | None, seed: int, families: Sequence[str]) -> optuna.Study:
    """The study, new or resumed; every family is tried once, however short the search."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
    )
    done = _finished(study)
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(done))  # else it would propose again what it tried first
    waiting = study.get_trials(states=[optuna.trial.TrialState.WAITING])
    there = {each.user_attrs["candidate"]["family"] for each in done}
    there |= {each.system_attrs["fixed_params"]["family"] for each in waiting}
    for family in families:
        if family not in there:
            study.enqueue_trial({"family": family})
    return study


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that came to an end; one that a kill cut short stays open for ever and counts for nothing."""
    return [trial for trial in study.trials if trial.state.is_finished() and "candidate" in trial.user_attrs]


def _propose(trial: optuna.Trial, families: Sequence[str]) -> Candidate:
    family = trial.suggest_categorical("family", list(families))
    parameters = family_class(family).suggest(trial)
    half_life = parameters.pop("half_life_days", None)
    return Candidate(family=family, parameters=parameters, half_life_days=half_life)


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    complete = frozen.state == optuna.trial.TrialState.COMPLETE
    seconds = frozen.duration.total_seconds() if frozen.duration else 0.0
    candidate = Candidate.model_validate(frozen.user_attrs["candidate"])
    return Trial(frozen.number, candidate, frozen.value if complete else None, frozen.state.name.lower(), seconds)
