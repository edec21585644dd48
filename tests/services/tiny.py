"""A tiny real use case: two entities, hourly load, four steps ahead, with bundles that are made in milliseconds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from model_code.bundle import BundleContents, BundleRef, Inputs
from model_code.calibration import Calibration
from model_code.cases import build_cases
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.models import make_model
from model_code.settings import Settings

NAME = "tiny_load"
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
PRESENT = datetime(2024, 3, 20, 0, 30, tzinfo=UTC)
LATEST = datetime(2024, 3, 20, tzinfo=UTC)
ENTITIES = ("north", "south")

SPEC = f"""
name: {NAME}
title: Load of two small places
entities: [north, south]
feeds:
  load:
    source: {{kind: python}}
    columns: {{load: {{unit: MW}}}}
    step: PT1H
target: {{feed: load, column: load, unit: MW}}
horizon: {{steps: 4, step: PT1H}}
lookback: P3D
baseline: yesterday
interval: {{group_steps: 2}}
present: "{PRESENT.isoformat()}"
"""

FEATURES = '''"""Load at the same hour of the two days before."""

import pandas as pd

from model_code.features import DAY, lagged, series


def build(known, origin, rows, spec):
    """One row of float features for each row."""
    parts = []
    for entity, group in rows.groupby("entity", sort=False):
        load, times = series(known["load"], entity, "load"), pd.DatetimeIndex(group["time"])
        columns = {"yesterday": lagged(load, times, [DAY]), "before": lagged(load, times, [2 * DAY])}
        parts.append(pd.DataFrame(columns, index=group.index, dtype=float))
    return pd.concat(parts).reindex(rows.index).reset_index(drop=True)
'''


def write_usecase(root: Path, name: str = NAME, spec: str = SPEC) -> None:
    """The use case's folder below `root`."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "usecase.yaml").write_text(spec)
    (folder / "features.py").write_text(FEATURES)


def settings_for(home: Path, usecases: Path, port: int) -> Settings:
    return Settings(home=home, usecase_path=str(usecases), usecase=NAME, service_port=port)


def load_rows(start: datetime, end: datetime) -> pd.DataFrame:
    """Hourly load in MW, known an hour after each hour began."""
    hours = pd.date_range(start, end, freq="h", inclusive="left", unit="us")
    parts = []
    for number, entity in enumerate(ENTITIES):
        day = np.sin(2 * np.pi * hours.hour.to_numpy() / 24)
        noise = np.random.default_rng(number).normal(0, 1, len(hours))
        load = 50 * (number + 1) + 10 * day + noise
        parts.append(pd.DataFrame({"entity": entity, "time": hours, "known_at": hours + timedelta(hours=1), "load": load}))
    return pd.concat(parts, ignore_index=True)


def make_bundle(
    place: Installation, family: str, *, off: float = 0.0, trained: datetime = PRESENT, **parameters: float
) -> BundleRef:
    """A fitted, calibrated bundle in the bundle store, whose answers are off by so many MW."""
    spec = place.usecase.spec
    history = KnownHistory.load(place.usecase, place.store, trained)
    origins = [pd.Timestamp(FIRST) + pd.Timedelta(days=day) for day in range(4, 18)]
    cases = build_cases(place.usecase, history, origins)
    truth = cases.truth(history.truth(trained))
    model = make_model(family, parameters, baseline=spec.baseline, seed=1)
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
        training_parameters={"family": family},
    )
    return place.bundles.write(contents)


def promotion_of(version: str, bundle: str) -> Entry:
    """What the ledger says once a version was promoted."""
    return Entry(
        intent=f"promotion-{version}",
        phase="done",
        usecase=NAME,
        action="promote",
        actor="test",
        reason="to be served",
        to_version=version,
        to_bundle=bundle,
        at=PRESENT,
    )
