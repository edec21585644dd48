"""Search: hyperparameters by pruned trials, every one a run in MLflow; killed and run again, it goes on where it stopped."""

import json
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import SearchParams
from model_code.cases import build_cases
from model_code.challenger import history_split
from model_code.installation import Installation
from model_code.tuning import Searched, Trial
from model_code.tuning import search as search_candidates

KIND = "search"


@flow(name="search", persist_result=True, result_serializer="json")
def search(params: SearchParams) -> dict[str, Any]:
    """Try candidates of every family on the search window; the holdout behind it is not touched."""
    place, log = Installation.open(params.usecase), get_run_logger()
    now = place.present(params.now)
    study = study_name(place, now, params.trials)
    with place.registry.start_run(params.usecase, KIND, tags={"kind": KIND}, key=study) as parent:

        def keep(trial: Trial) -> None:
            log.info("trial %d: %s, loss %s, %s", trial.number, trial.candidate.family, _loss(trial), trial.state)
            _log_trial(place, parent.id, study, trial)

        searched = _search(place, now, study, params.trials, keep)
        best = searched.best()
        parent.log_metrics({f"loss_{family}": trial.loss for family, trial in best.items() if trial.loss is not None})
        parent.log_params(
            {f"best_{family}": json.dumps(trial.candidate.model_dump(mode="json")) for family, trial in best.items()}
        )
    rows = [_row(trial) for trial in searched.trials]
    artifacts.table(params.usecase, "trials", rows, "Every trial of the search")
    unit = place.usecase.spec.target.unit
    artifacts.bars(
        params.usecase, "families", pd.Series({name: trial.loss for name, trial in best.items()}), unit, "Best of each family"
    )
    return {
        "run": parent.id,
        "trials": len(rows),
        "pruned": sum(trial.state == "pruned" for trial in searched.trials),
        "best": {family: trial.loss for family, trial in best.items()},
        "candidates": [trial.candidate.model_dump(mode="json") for trial in best.values()],
    }


def study_name(place: Installation, now: pd.Timestamp, trials: int | None) -> str:
    """What makes two searches the same one: use case, table versions, present, number of trials."""
    lineage = ",".join(f"{feed}@{version}" for feed, version in sorted(place.lineage().items()))
    return f"{place.usecase.name}/{lineage}/{now.isoformat()}/{trials or place.usecase.spec.search.trials}"


def _search(place: Installation, now: pd.Timestamp, study: str, trials: int | None, keep: Any) -> Searched:
    usecase, history = place.usecase, place.history(now)
    origins, parts = history_split(usecase, history, now)
    cases = build_cases(usecase, history, [origin for origin in origins if origin < parts.holdout[0]])
    return search_candidates(
        usecase,
        cases,
        history,
        parts.search,
        truth_at=now,
        seed=usecase.spec.seed,
        trials=trials,
        storage=f"sqlite:///{place.settings.home.resolve() / 'optuna.db'}",
        study_name=study,
        on_trial=keep,
    )


def _log_trial(place: Installation, parent: str, study: str, trial: Trial) -> None:
    with place.registry.start_run(
        place.usecase.name, f"trial {trial.number}", parent=parent, tags={"state": trial.state}, key=f"{study}/{trial.number}"
    ) as run:
        run.log_params(
            {"family": trial.candidate.family, "half_life_days": trial.candidate.half_life_days, **trial.candidate.parameters}
        )
        run.log_metrics({"seconds": trial.seconds} | ({} if trial.loss is None else {"loss": trial.loss}))


def _row(trial: Trial) -> dict[str, Any]:
    candidate = trial.candidate
    return {
        "trial": trial.number,
        "family": candidate.family,
        "loss": trial.loss,
        "state": trial.state,
        "seconds": trial.seconds,
        "half_life_days": candidate.half_life_days,
        **candidate.parameters,
    }


def _loss(trial: Trial) -> str:
    return "-" if trial.loss is None else f"{trial.loss:.4f}"
