"""A small use case with a champion, a version a tenth better and one a tenth worse, none of which saw the latest four weeks."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from flows.stack.templates import copy_templates
from model_code.bundle import BundleContents, BundleRef, Inputs
from model_code.calibration import Calibration
from model_code.cases import build_cases
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.models import make_model
from model_code.settings import Settings
from tests.conftest import free_port
from tests.services import tiny

NAME = "tiny_rollout"
TRAINED = datetime(2024, 3, 20, 0, 30, tzinfo=UTC)
PRESENT = TRAINED + timedelta(days=31)
ORIGINS = 28
# What every answer is off by, in MW: on these origins, each step is a tenth of the champion's loss.
OFF = {"better": 0.0, "champion": 0.65, "worse": 0.86}
VERSIONS = {"champion": "1", "better": "2", "worse": "3"}
RULES = f"""
rollout:
  weights: [5, 50]
  step_seconds: 1
  patience_seconds: 1
  shadow_requests: 0
  origins: {ORIGINS}
  ready_seconds: 60
"""


def write_usecase(root: Path, name: str = NAME, rules: str = RULES) -> None:
    """The use case's folder below `root`."""
    folder = root / name
    folder.mkdir(parents=True)
    spec = tiny.SPEC.replace(f"name: {tiny.NAME}", f"name: {name}").replace(tiny.PRESENT.isoformat(), PRESENT.isoformat())
    (folder / "usecase.yaml").write_text(spec + rules)
    (folder / "features.py").write_text(tiny.FEATURES)


def with_truth(place: Installation, until: datetime = PRESENT) -> None:
    """Observations up to a moment."""
    place.store.append(place.usecase.name, "load", tiny.load_rows(tiny.FIRST, until))


def contender(place: Installation, off: float, trained: datetime = TRAINED) -> BundleRef:
    """A ridge whose answers are off by so many MW, calibrated like any other."""
    spec, history = place.usecase.spec, KnownHistory.load(place.usecase, place.store, trained)
    origins = [pd.Timestamp(tiny.FIRST) + pd.Timedelta(days=day) for day in range(4, 18)]
    cases = build_cases(place.usecase, history, origins)
    truth = cases.truth(history.truth(trained))
    model = make_model("ridge", {}, baseline=spec.baseline, seed=1)
    model.fit(cases.features, truth + off, None)
    value, steps = model.predict(cases.features), cases.rows["step"].to_numpy()
    contents = BundleContents(
        usecase=place.usecase,
        model=model,
        feature_columns=list(cases.features.columns),
        calibration=Calibration.fit(spec.interval, steps, truth - value, value),
        profile={"unit": "MW", "loss": float(np.abs(truth - value).mean())},
        lineage=place.lineage(),
        trained_until=trained,
        seed=1,
        golden_features=cases.features.head(8),
        golden_lead=steps[:8],
        inputs=Inputs.of(cases.features),
        training_parameters={"family": "ridge"},
    )
    return place.bundles.write(contents)


def register(place: Installation, ref: BundleRef) -> str:
    """The bundle's version in the registry."""
    return place.registry.register(ref, place.bundle(ref.hash).manifest.model_dump(mode="json"), {})


def contest(folder: Path, settings: Settings | None = None, *, name: str = NAME, rules: str = RULES) -> Installation:
    """An installation with the three versions, the champion promoted."""
    write_usecase(folder / "usecases", name, rules)
    given = (settings or Settings()).model_copy(
        update={"home": folder / "home", "usecase_path": str(folder / "usecases"), "usecase": name, "service_port": free_port()}
    )
    place = Installation.open(name, given)
    copy_templates(place.settings)
    with_truth(place)
    for who in VERSIONS:
        version = register(place, contender(place, OFF[who]))
        assert version == VERSIONS[who]
    place.promoter.promote(name, "1", "a person", "the first one", {}, PRESENT - timedelta(days=30), force=True)
    return place


def copy_of(made: Installation, home: Path) -> Installation:
    """The same installation in a home of its own."""
    shutil.copytree(made.settings.home, home)
    settings = made.settings.model_copy(update={"home": home, "service_port": free_port()})
    return Installation.open(made.usecase.name, settings)
