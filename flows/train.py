"""Train: judge the searched candidates on the holdout, fit the best, register it as challenger."""

from typing import Any

from prefect import flow, get_run_logger

from flows import artifacts
from flows.params import TrainParams
from flows.told import TOLD
from model_code.challenger import bundle_of, evaluate, register
from model_code.installation import Installation
from model_code.study import searched_candidates


@flow(name="train", persist_result=True, result_serializer="json", **TOLD)
def train(params: TrainParams) -> dict[str, Any]:
    """Fit what the search found best on everything known, and register it; nothing is promoted here."""
    place, log = Installation.open(params.usecase), get_run_logger()
    now, seed = place.present(params.now), place.usecase.spec.seed
    candidates = searched_candidates(place, params.search_run)
    history = place.history(now)
    evaluated = evaluate(place.usecase, history, now, candidates, seed=seed, progress=log.info)
    version = register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)
    rows = [judged.row() for judged in evaluated.judged]
    artifacts.table(params.usecase, "candidates", rows, "Backtest of the candidates; the holdout was never tuned on")
    return {"version": version, "family": evaluated.candidate.family, "candidates": rows}
