"""A search on record: every trial a run in MLflow; killed and run again, it goes on where it stopped."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from model_code.cases import build_cases
from model_code.challenger import history_split
from model_code.installation import Installation
from model_code.specification import Candidate
from model_code.sql import exclusive
from model_code.tuning import Searched, Trial, search

KIND = "search"
PATIENCE = 3  # times the seconds of a search: how long a second one waits for the first
BEST = "best_"


@dataclass(frozen=True)
class Study:
    """A finished search.

    Attributes:
        run: Its MLflow run; the trials are its children.
        searched: The trials.
    """

    run: str
    searched: Searched


def run_study(
    place: Installation, now: pd.Timestamp, trials: int | None = None, *, on_trial: Callable[[Trial], None] = lambda _: None
) -> Study:
    """Search on the origins before the holdout, which is not touched; the same study again adds only what is missing.

    Args:
        place: The use case's stores.
        now: The present (aware).
        trials: How many candidates. Default: as the use case says.
        on_trial: Called after each trial.

    Raises:
        TooLittleData: Not enough origins.
        RegistryError: MLflow is unreachable.
        Locked: Another search of the use case takes longer than it may.
    """
    study = study_name(place, now, trials)
    patience = PATIENCE * place.usecase.spec.search.timeout_seconds
    with (
        exclusive(place.sql, f"search.{place.usecase.name}", timeout=patience),
        place.registry.start_run(place.usecase.name, KIND, tags={"kind": KIND}, key=study) as parent,
    ):

        def keep(trial: Trial) -> None:
            on_trial(trial)
            _log_trial(place, parent.id, study, trial)

        searched = _search(place, now, study, trials, keep)
        best = searched.best()
        parent.log_metrics({f"loss_{family}": trial.loss for family, trial in best.items() if trial.loss is not None})
        parent.log_params(
            {f"{BEST}{family}": json.dumps(trial.candidate.model_dump(mode="json")) for family, trial in best.items()}
        )
    return Study(parent.id, searched)


def searched_candidates(place: Installation, search_run: str | None = None) -> list[Candidate]:
    """The best candidate of each family of a search.

    Args:
        search_run: Its MLflow run. Default: the newest finished one.

    Raises:
        RegistryError: There is no finished search.
    """
    found = place.registry.run_params(place.usecase.name, kind=KIND, run_id=search_run)
    return [Candidate.model_validate_json(value) for name, value in sorted(found.items()) if name.startswith(BEST)]


def study_name(place: Installation, now: pd.Timestamp, trials: int | None) -> str:
    """What makes two searches the same one: use case, table versions, present, number of trials."""
    lineage = ",".join(f"{feed}@{version}" for feed, version in sorted(place.lineage().items()))
    return f"{place.usecase.name}/{lineage}/{now.isoformat()}/{trials or place.usecase.spec.search.trials}"


def _search(
    place: Installation, now: pd.Timestamp, study: str, trials: int | None, on_trial: Callable[[Trial], None]
) -> Searched:
    usecase, history = place.usecase, place.history(now)
    origins, parts = history_split(usecase, history, now)
    cases = build_cases(usecase, history, [origin for origin in origins if origin < parts.holdout[0]])
    return search(
        usecase,
        cases,
        history,
        parts.search,
        truth_at=now,
        seed=usecase.spec.seed,
        trials=trials,
        storage=f"sqlite:///{place.settings.home.resolve() / 'optuna.db'}",
        study_name=study,
        on_trial=on_trial,
    )


def _log_trial(place: Installation, parent: str, study: str, trial: Trial) -> None:
    with place.registry.start_run(
        place.usecase.name, f"trial {trial.number}", parent=parent, tags={"state": trial.state}, key=f"{study}/{trial.number}"
    ) as run:
        run.log_params(
            {"family": trial.candidate.family, "half_life_days": trial.candidate.half_life_days, **trial.candidate.parameters}
        )
        run.log_metrics({"seconds": trial.seconds} | ({} if trial.loss is None else {"loss": trial.loss}))
