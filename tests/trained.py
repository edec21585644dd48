"""A tiny use case that is really searched, judged and registered, in about a second."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from model_code.bundle import BundleRef
from model_code.challenger import bundle_of, evaluate, register
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.specification import Candidate
from tests.services import tiny

PRESENT = datetime(2024, 4, 8, 0, 30, tzinfo=UTC)
SMALL = "backtest: {origins: 8, holdout: 8, refit_every: 4, min_train: 10}\ndrift: {reference_origins: 7}\n"
CANDIDATES = (Candidate(family="naive"), Candidate(family="ridge", parameters={"alpha": 2.0}, half_life_days=30.0))


def installation(folder: Path, name: str, mlflow_url: str) -> Installation:
    """An installation with a use case of that name and five weeks of observations in two commits."""
    made = folder / "usecases" / name
    made.mkdir(parents=True)
    spec = tiny.SPEC.replace(f"name: {tiny.NAME}", f"name: {name}").replace(tiny.PRESENT.isoformat(), PRESENT.isoformat())
    (made / "usecase.yaml").write_text(spec + SMALL)
    (made / "features.py").write_text(tiny.FEATURES)
    settings = Settings(home=folder / "home", usecase_path=str(folder / "usecases"), mlflow_url=mlflow_url)
    place = Installation.open(name, settings)
    half = tiny.FIRST + timedelta(days=20)
    place.store.append(name, "load", tiny.load_rows(tiny.FIRST, half))
    place.store.append(name, "load", tiny.load_rows(half, PRESENT.replace(minute=0)))
    return place


def train(
    place: Installation, candidates: Sequence[Candidate] = CANDIDATES, *, quiet_until: datetime | None = None
) -> tuple[str, BundleRef]:
    """Registered version and its bundle, made as the train flow makes them (with `quiet_until`: as a retrain does)."""
    now, seed = place.present(None), place.usecase.spec.seed
    history = place.history(now)
    evaluated = evaluate(place.usecase, history, now, candidates, seed=seed)
    quiet = None if quiet_until is None else pd.Timestamp(quiet_until)
    ref = bundle_of(place, history, now, evaluated, seed=seed, quiet_until=quiet)
    return register(place, ref, evaluated), ref
