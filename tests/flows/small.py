"""A small use case fed by a fake EIA API, at each stage of the loop: what flows start from, and what they leave."""

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.stack.templates import copy_templates
from model_code.bundle import Bundle
from model_code.cases import build_cases
from model_code.challenger import bundle_of, evaluate, register
from model_code.contest import judge
from model_code.data.fakes import FakeEia
from model_code.data.fakes.server import LONGEST_HANG, Answer, Query
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.prediction import Prediction
from model_code.replay import replay
from model_code.settings import Settings
from model_code.specification import Candidate
from model_code.study import run_study, searched_candidates
from monitoring.gauges import GaugeStore
from tests.conftest import free_port

NAME = "small_load"
LAST_FAILURE = "evenkeel_flow_last_failure_timestamp_seconds"
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
PRESENT = datetime(2024, 4, 8, 0, 30, tzinfo=UTC)
LATER = PRESENT + timedelta(days=12)
TRIALS = 4
NAIVE = Candidate(family="naive")
PEOPLE = {"actor": "an operator", "reason": "wanted today", "force": True}

SPEC = f"""
name: {NAME}
title: Load of two small places
entities: [north, south]
feeds:
  load: &load
    source: &eia {{kind: eia, route: region-data, series: D, codes: {{north: N, south: S}}, column: load}}
    columns: {{load: {{unit: MW, minimum: 0}}}}
    step: PT1H
    publication_delay: PT1H
    history_from: "{FIRST.isoformat()}"
  plan:
    <<: *load
    source: {{<<: *eia, series: DF}}
target: {{feed: load, column: load, unit: MW}}
horizon: {{steps: 4, step: PT1H}}
lookback: P3D
baseline: yesterday
interval: {{group_steps: 2}}
search: {{families: [naive, ridge], trials: {TRIALS}}}
backtest: {{origins: 8, holdout: 8, refit_every: 4, min_train: 10}}
drift: {{reference_origins: 7}}
policy: {{window: 8}}
retrain: {{slate: [{{family: ridge, parameters: {{alpha: 0.1}}, half_life_days: 3}}]}}
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


def eia_series() -> dict[str, pd.Series]:
    """Demand and its day-ahead forecast; an hour of the north is missing, one of the south is nonsense.

    From `PRESENT` on every other day is another world.
    """
    hours = pd.date_range(FIRST, LATER + timedelta(days=2), freq="h")
    changed = (hours > PRESENT) & (hours.day % 2 == 0)
    found = {}
    for number, code in enumerate(("N", "S")):
        plan = 50 * (number + 1) + 10 * np.sin(2 * np.pi * hours.hour.to_numpy() / 24)
        load = plan + np.random.default_rng(number).normal(0, 1, len(hours)) + 20.0 * changed
        load[400 + number] = (np.nan, -200)[number]
        found |= {code: pd.Series(load, hours), f"{code}:DF": pd.Series(plan, hours)}
    return found


class HeldEia(FakeEia):
    """Keeps those who ask for day-ahead forecasts waiting while it is told to: a flow that stands between its two feeds.

    Attributes:
        asked: Set while somebody waits.
    """

    def __init__(self) -> None:
        super().__init__(eia_series())
        self.asked = threading.Event()
        self._open = threading.Event()
        self._open.set()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Answers none of them within the block."""
        self.asked.clear()
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def answer(self, path: str, query: Query) -> Answer:
        if query.get("facets[type][]") == ["DF"] and not self._open.is_set():
            self.asked.set()
            self._open.wait(LONGEST_HANG)
        return super().answer(path, query)


class Stages:
    """One home for each stage of the loop, made when first asked for by the code that the flows call.

    Args:
        folder: For the homes and the use case.
        eia: Where the data come from.
    """

    def __init__(self, folder: Path, eia: FakeEia) -> None:
        self._folder = folder
        self._eia = eia
        usecase = folder / "usecases" / NAME
        usecase.mkdir(parents=True)
        (usecase / "usecase.yaml").write_text(SPEC)
        (usecase / "features.py").write_text(FEATURES)

    def copy(self, stage: str, home: Path) -> Installation:
        """An installation of its own, at that stage."""
        shutil.copytree(getattr(self, stage), home)
        return self.installation(home)

    def installation(self, home: Path) -> Installation:
        """The use case in that home."""
        settings = Settings(
            home=home,
            usecase_path=str(self._folder / "usecases"),
            usecase=NAME,
            service_port=free_port(),
            eia_api_key=self._eia.key,
            eia_url=self._eia.url,
        )
        return Installation.open(NAME, settings)

    @cached_property
    def empty(self) -> Path:
        """Nothing but an empty registry."""
        home = self._folder / "empty"
        place = self.installation(home)
        copy_templates(place.settings)
        place.registry.versions(NAME)
        return home

    @cached_property
    def refreshed(self) -> Path:
        """Observations are there."""
        return self._from("empty", "refreshed", lambda place: refresh_all(place, PRESENT))

    @cached_property
    def searched(self) -> Path:
        """A search is on record."""
        return self._from("refreshed", "searched", lambda place: run_study(place, place.present(None)))

    @cached_property
    def trained(self) -> Path:
        """Version 1, the naive model, is champion; version 2, the best of the search, is challenger."""

        def train(place: Installation) -> None:
            promote(place, trained(place, [NAIVE]))
            trained(place, searched_candidates(place))

        return self._from("searched", "trained", train)

    @cached_property
    def promoted(self) -> Path:
        """Version 2 is champion, version 1 is previous."""
        return self._from("trained", "promoted", lambda place: promote(place, "2"))

    @cached_property
    def changed(self) -> Path:
        """Twelve days later in another world, with version 2 still champion."""
        return self._from("promoted", "changed", lambda place: refresh_all(place, LATER))

    @cached_property
    def answered(self) -> Path:
        """The same, and each origin since is answered by the champion as the service would have."""
        return self._from("changed", "answered", answer_all)

    @cached_property
    def grown(self) -> Path:
        """Promoted, and every table is of several commits."""

        def grow(place: Installation) -> None:
            for feed in place.usecase.spec.feeds:
                rows = place.store.revisions(NAME, feed).tail(50)
                for hours in range(1, 6):
                    later = timedelta(hours=hours)
                    place.store.append(NAME, feed, rows.assign(known_at=rows["known_at"] + later))

        return self._from("promoted", "grown", grow)

    def _from(self, before: str, stage: str, work: Callable[[Installation], object]) -> Path:
        home = self._folder / stage
        place = self.copy(before, home)
        work(place)
        place.sql.dispose()
        return home


def refresh_all(place: Installation, now: datetime) -> None:
    """Every feed, as the refresh flow does it."""
    for feed in place.usecase.spec.feeds:
        refresh(place.usecase, feed, make_source(place.usecase, feed, place.settings), place.store, now)


def answer_all(place: Installation) -> None:
    """The champion's answers to every origin from `PRESENT` to `LATER`, as the service would have given them."""
    place.predictions.add(predictions_of(place, LATER))


def predictions_of(place: Installation, until: datetime) -> list[Prediction]:
    """What the champion answers at the origins from `PRESENT` on."""
    champion = champion_of(place)
    origins = origins_between(place.usecase.spec, pd.Timestamp(PRESENT), pd.Timestamp(until))
    history = place.history(until)
    rows = replay(champion, build_cases(champion.usecase, history, origins), history.truth(until))
    return [_prediction(row, champion) for row in rows.to_dict("records")]


def champion_of(place: Installation) -> Bundle:
    """The bundle that the pointer names."""
    pointer = place.pointers.get(NAME)
    assert pointer is not None
    return place.bundle(pointer.wanted)


def _prediction(row: Mapping[Any, Any], champion: Bundle) -> Prediction:
    key = f"{row['origin'].isoformat()}/{row['entity']}/{row['time'].isoformat()}"
    return Prediction(
        prediction_id=key,
        request_id=row["origin"].isoformat(),
        usecase=NAME,
        entity=row["entity"],
        origin=row["origin"],
        time=row["time"],
        lead_seconds=int((row["time"] - row["origin"]).total_seconds()),
        value=row["value"],
        lower=row["lower"],
        upper=row["upper"],
        version="2",
        bundle=champion.hash,
        asked_by="tests",
        made_at=row["origin"],
        features_hash="0",
    )


def trained(place: Installation, candidates: list[Candidate]) -> str:
    """A registered version, made as the train flow makes it."""
    now, seed = place.present(None), place.usecase.spec.seed
    history = place.history(now)
    evaluated = evaluate(place.usecase, history, now, candidates, seed=seed)
    return register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)


def promote(place: Installation, version: str) -> None:
    """As an operator does it."""
    champion, now = place.registry.version_of(NAME, "champion"), place.present(None)
    verdict = judge(place, now, champion, version)
    place.promoter.promote(
        NAME, version, PEOPLE["actor"], PEOPLE["reason"], {}, now.to_pydatetime(), verdict=verdict, force=True
    )  # fmt: skip


def state(place: Installation) -> dict[str, Any]:
    """All that a flow may leave, without the clock's times: two equal states are the same end."""
    entries = [entry.model_dump(mode="json", exclude={"recorded_at"}) for entry in place.ledger.entries(NAME)]
    predictions = place.predictions.between(NAME, FIRST, PRESENT + timedelta(days=1)).drop(columns="made_at")
    pointer = place.pointers.get(NAME)
    # That a flow failed is told by its own gauge, and is no work of the flow.
    gauges = [gauge for gauge in GaugeStore(place.sql).read() if gauge.name != LAST_FAILURE]
    place.sql.dispose()
    return {
        "observations": {feed: _rows(place, feed) for feed in place.usecase.spec.feeds},
        "refused": {feed: place.store.quarantined(NAME, feed)["row"].tolist() for feed in place.usecase.spec.feeds},
        "runs": mlflow_runs(place.settings.home / "mlflow.db"),
        "versions": [(each.version, each.bundle, sorted(each.aliases)) for each in place.registry.versions(NAME)],
        "bundles": sorted(path.name for path in place.bundles.folder.glob("*")),
        "pointer": pointer and pointer.model_dump(),
        "ledger": entries,
        "predictions": predictions.sort_values("prediction_id").to_dict("records"),
        "gauges": sorted((each.name, *sorted(each.labels.items())) for each in gauges),
    }


def _rows(place: Installation, feed: str) -> list[dict[str, Any]]:
    return place.store.revisions(NAME, feed).to_dict("records") if place.store.exists(NAME, feed) else []


def mlflow_runs(database: Path) -> list[tuple[Any, ...]]:
    """Runs of MLflow with their parameters and losses."""
    query = """
        SELECT name, status, (SELECT group_concat(key || '=' || value, char(10)) FROM
          (SELECT key, value FROM params WHERE params.run_uuid = runs.run_uuid ORDER BY key)),
        (SELECT value FROM latest_metrics WHERE latest_metrics.run_uuid = runs.run_uuid AND key = 'loss')
        FROM runs ORDER BY 1, 2, 3"""
    return asked(database, query)


def asked(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file, read beside whoever writes it; none where there is no such file or table yet."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return []
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []
    finally:
        connection.close()
