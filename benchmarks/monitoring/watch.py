"""`python benchmarks/monitoring/watch.py HOME [prepare]`: a monitor run of 50 entities with 90 days of hourly predictions.

`prepare` makes the installation: a use case of hourly load, a trained bundle, its release, observations, predictions. Without
it, one monitor run is measured as the flow does it, without Prefect: findings, evidence, verdict, gauges, pages.
"""

import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from model_code.cases import build_cases
from model_code.challenger import contents_of, evaluate
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.origins import origins_between
from model_code.predictions import Prediction, prediction_id
from model_code.settings import Settings
from model_code.specification import Candidate

NAME = "fifty"
ENTITIES, TRAINED, LIVE = 50, 60, 90  # entities, days before and after the release
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
RELEASED = FIRST + timedelta(days=TRAINED)
NOW = pd.Timestamp(RELEASED + timedelta(days=LIVE, hours=2))
NAMES = [f"zone{number:02}" for number in range(ENTITIES)]
SPEC = f"""
name: {NAME}
title: Load of fifty places
entities: [{", ".join(NAMES)}]
feeds:
  load: {{source: {{kind: python}}, columns: {{load: {{unit: MW}}}}, step: PT1H}}
target: {{feed: load, column: load, unit: MW}}
horizon: {{steps: 24, step: PT1H}}
lookback: P9D
baseline: last_week
backtest: {{origins: 14, holdout: 14, refit_every: 14, min_train: 14}}
present: "{NOW.isoformat()}"
"""
FEATURES = '''"""Load at the same hour of yesterday and of last week, and the level of the last day."""

import numpy as np

from model_code.features import DAY, by_entity, lagged, last_known, mean


def build(known, origin, rows, spec):
    """Float columns, one row for each row."""

    def columns(entity, times):
        load = known.observed("load", entity, "load")
        yesterday, last_week = lagged(load, times, [DAY, 2 * DAY]), lagged(load, times, [7 * DAY])
        return {"yesterday": yesterday, "last_week": last_week, "last_day_mean": mean(last_known(load, origin, DAY))}

    return by_entity(rows, columns)
'''


def settings(home: Path) -> Settings:
    """An installation of its own."""
    return Settings(home=home, usecase_path=str(home / "usecases"))


def prepare(home: Path) -> None:
    """Everything that a monitor run finds."""
    folder = home / "usecases" / NAME
    folder.mkdir(parents=True)
    (folder / "usecase.yaml").write_text(SPEC)
    (folder / "features.py").write_text(FEATURES)
    place = Installation.open(NAME, settings(home))
    place.store.append(NAME, "load", _load())
    then = pd.Timestamp(RELEASED)
    history = place.history(then)
    judged = evaluate(place.usecase, history, then, [Candidate(family="ridge", parameters={"alpha": 10.0})], seed=1)
    ref = place.bundles.write(contents_of(place.usecase, history, then, judged, seed=1))
    place.ledger.append(
        Entry(
            intent="promote 1", phase="done", usecase=NAME, action="promote", actor="benchmark", reason="first", at=RELEASED,
            to_version="1", to_bundle=ref.hash,
        )
    )  # fmt: skip
    place.pointers.move(NAME, ref.hash, None)
    print(f"{place.predictions.add(_answers(place, ref.hash)):,} predictions", file=sys.stderr)


def run(home: Path) -> dict[str, object]:
    """One monitor run, by its parts."""
    began, parts = time.perf_counter(), dict[str, float]()
    from monitoring import judgement
    from monitoring.gauges import GaugeStore
    from monitoring.readings import readings
    from monitoring.reports.publish import find_if_due, report

    def lap(name: str) -> None:
        parts[name] = round(time.perf_counter() - began - sum(parts.values()), 2)

    lap("imports")
    place = Installation.open(NAME, settings(home))
    found = find_if_due(place, NOW, datetime.now(UTC))
    assert found is not None, "a report was due"
    lap("findings, Evidently's import included")
    seen = judgement.look(place, NOW, found.drift, evidently_breach=found.breach)
    lap("evidence and verdict")
    at = NOW.to_pydatetime()
    gauges = GaugeStore(place.sql)
    gauges.write(NAME, readings(seen.evidence, at), datetime.now(UTC))
    lap("gauges")
    kept = report(place, NOW, found, seen.verdict, seen.evidence, made_at=datetime.now(UTC))
    lap("pages")
    assert kept is not None
    assert set(kept.pages) == {"drift", "quality", "data"}
    assert len(seen.evidence.series) == ENTITIES
    assert min(len(series.origins) for series in seen.evidence.series) >= LIVE - 2
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "parts": parts,
        "entities": ENTITIES,
        "origins": LIVE,
        "gauges": len(gauges.read()),
        "verdict": seen.verdict.action,
    }


def _load() -> pd.DataFrame:
    hours = pd.date_range(FIRST, RELEASED + timedelta(days=LIVE, hours=2), freq="h", inclusive="left", unit="us")
    chance, day = np.random.default_rng(3), np.sin(2 * np.pi * np.arange(len(hours)) / 24)
    week = 1 - 0.1 * (hours.dayofweek.to_numpy() >= 5)
    parts = []
    for number, name in enumerate(NAMES):
        load = (100 + 10 * number) * week * (1 + 0.2 * day) * np.exp(0.03 * chance.normal(size=len(hours)))
        parts.append(pd.DataFrame({"entity": name, "time": hours, "known_at": hours + timedelta(hours=1), "load": load}))
    return pd.concat(parts, ignore_index=True)


def _answers(place: Installation, bundle: str) -> list[Prediction]:
    history = place.history(NOW)
    cases = build_cases(place.usecase, history, origins_between(place.usecase.spec, RELEASED, NOW))
    told = place.bundle(bundle).predict(cases.features, cases.rows["step"].to_numpy())
    return [
        Prediction(
            prediction_id=prediction_id(f"{row.origin}", row.entity, row.time), request_id=f"{row.origin}", usecase=NAME,
            entity=row.entity, origin=row.origin, time=row.time, lead_seconds=int((row.time - row.origin).total_seconds()),
            value=told.value[i], lower=told.lower[i], upper=told.upper[i], version="1", bundle=bundle, asked_by="benchmark",
            made_at=row.origin, features_hash="f",
        )
        for i, row in enumerate(cases.rows.itertuples())
    ]  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if len(sys.argv) > 2:
        prepare(target)
    else:
        print(json.dumps(run(target)))
