"""Search: hyperparameters by pruned trials, every one a run in MLflow; killed and run again, it goes on where it stopped."""

from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import SearchParams
from flows.told import TOLD
from model_code.installation import Installation
from model_code.study import run_study
from model_code.tuning import Trial


@flow(name="search", persist_result=True, result_serializer="json", **TOLD)
def search(params: SearchParams) -> dict[str, Any]:
    """Try candidates of every family on the search window; the holdout behind it is not touched."""
    place, log = Installation.open(params.usecase), get_run_logger()

    def tell(trial: Trial) -> None:
        log.info("trial %d: %s, loss %s, %s", trial.number, trial.candidate.family, _loss(trial), trial.state)

    study = run_study(place, place.present(params.now), params.trials, on_trial=tell)
    best = study.searched.best()
    rows = [_row(trial) for trial in study.searched.trials]
    artifacts.table(params.usecase, "trials", rows, "Every trial of the search")
    unit = place.usecase.spec.target.unit
    artifacts.bars(
        params.usecase, "families", pd.Series({name: trial.loss for name, trial in best.items()}), unit, "Best of each family"
    )
    return {
        "run": study.run,
        "trials": len(rows),
        "pruned": sum(trial.state == "pruned" for trial in study.searched.trials),
        "best": {family: trial.loss for family, trial in best.items()},
        "candidates": [trial.candidate.model_dump(mode="json") for trial in best.values()],
    }


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
