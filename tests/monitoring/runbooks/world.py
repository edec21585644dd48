"""A small use case from day to day: refreshed, forecast and looked at by the code that the flows call, and exported."""

import shutil
from pathlib import Path

import pandas as pd
from prometheus_client import CollectorRegistry, generate_latest

from flows.drill.answers import forecast_due
from flows.drill.opening import promote, refresh_all
from flows.monitor import told
from flows.stack.templates import copy_templates
from model_code.challenger import bundle_of, evaluate, register
from model_code.data.known import KnownHistory
from model_code.data.refresh import refresh
from model_code.data.sources import make_source
from model_code.installation import Installation
from model_code.metrics.promql import EXPORTER_JOB
from model_code.settings import Settings
from model_code.specification import Candidate
from monitoring import judgement
from monitoring.gauges import GaugeStore
from monitoring.notes import note, note_outcome
from monitoring.reports.publish import find_and_export
from monitoring.stored_metrics import StoredMetrics
from monitoring.yardsticks import EVERY_RUN
from tests.conftest import free_port
from tests.monitoring.runbooks.happening import CHANGES, SOURCE, Change
from tests.monitoring.runbooks.scrape import Scrape
from tests.services import tiny

NAME = "drilled_load"
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
STARTED = pd.Timestamp("2024-04-08T05:00:00+00:00")  # each day is looked at when the truth of its forecasts is there
RULES = """
backtest: {origins: 8, holdout: 8, refit_every: 4, min_train: 10}
drift: {reference_origins: 7}
report: {reference_origins: 7, max_rows: 500, keep: 3}
"""
RIDGE = Candidate(family="ridge", parameters={"alpha": 1.0})
TREES = Candidate(family="xgboost", parameters={"n_estimators": 30, "max_depth": 3})


class World:
    """An installation and its present.

    Attributes:
        place: Its stores.
        now: Simulated time.
        changes: What is otherwise at the source of its data.
    """

    def __init__(self, place: Installation, now: pd.Timestamp = STARTED) -> None:
        self.place, self.now = place, now
        self.changes: list[Change] = CHANGES.setdefault(place.settings.home, [])

    @classmethod
    def begun(cls, folder: Path, **given: object) -> "World":
        """Five weeks of observations, and a first version that is champion."""
        usecase = folder / "usecases" / NAME
        usecase.mkdir(parents=True)
        spec = tiny.SPEC.replace(f"name: {tiny.NAME}", f"name: {NAME}").replace("{unit: MW}}", "{unit: MW, minimum: 0}}")
        told_from = f"step: PT1H\n    history_from: '{tiny.FIRST.isoformat()}'"
        (usecase / "usecase.yaml").write_text(spec.replace("step: PT1H", told_from, 1) + RULES)
        (usecase / "features.py").write_text(tiny.FEATURES)
        (usecase / "source.py").write_text(SOURCE)
        settings = Settings(home=folder / "home", usecase_path=str(folder / "usecases"), usecase=NAME, service_port=free_port())
        world = cls(Installation.open(NAME, settings.model_copy(update=given)))
        copy_templates(world.place.settings)
        refresh_all(world.place, world.now.to_pydatetime())
        world.release(RIDGE)
        return world

    def copy(self, home: Path) -> "World":
        """The same, in a home of its own."""
        self.place.sql.dispose()
        shutil.copytree(self.place.settings.home, home)
        settings = self.place.settings.model_copy(update={"home": home, "service_port": free_port()})
        return World(Installation.open(NAME, settings), self.now)

    def registered(self, candidate: Candidate, history: KnownHistory | None = None) -> str:
        """Train and register; the version."""
        place, seed = self.place, self.place.usecase.spec.seed
        known = place.history(self.now) if history is None else history
        evaluated = evaluate(place.usecase, known, self.now, [candidate], seed=seed)
        return register(place, bundle_of(place, known, self.now, evaluated, seed=seed), evaluated)

    def release(self, candidate: Candidate, history: KnownHistory | None = None) -> str:
        """Promote it too, as a hasty person does; the version."""
        version = self.registered(candidate, history)
        promote(self.place, self.now, version, "wanted today", force=True)
        return version

    def refresh(self) -> dict[str, str]:
        """As `make refresh` does it; feed -> why it failed."""
        return refresh_all(self.place, self.now.to_pydatetime())

    def backfill(self, start: pd.Timestamp) -> None:
        """As the backfill flow does it, up to now; somebody gets to it an hour after the last refresh."""
        self.now += HOUR
        source = make_source(self.place.usecase, "load", self.place.settings)
        span = {"start": start.to_pydatetime(), "end": self.now.to_pydatetime()}
        refresh(self.place.usecase, "load", source, self.place.store, self.now.to_pydatetime(), **span)

    def forecast(self) -> int:
        """As the forecast flow does it; how many origins were due."""
        return forecast_due(self.place, self.now, STARTED.to_pydatetime())

    def live(self, days: int) -> None:
        """So many days, each refreshed and forecast."""
        for _ in range(days):
            self.now = self.now.normalize() + DAY + pd.Timedelta(hours=STARTED.hour)
            self.refresh()
            self.forecast()

    def look(self, *, report: bool = False) -> Scrape:
        """As the monitor flow does it, with or without a report; what is exported then."""
        place, at = self.place, self.now.to_pydatetime()
        found = find_and_export(place, self.now, at) if report else None
        drift, breach = (None, None) if found is None else (found.drift, found.breach)
        seen = judgement.look(place, self.now, drift, evidently_breach=breach)
        place.ledger.append(note(NAME, seen, at))
        note_outcome(place, seen, at)
        gauges = GaugeStore(place.sql)
        gauges.write(NAME, told(place, seen, at), at, whole=EVERY_RUN)
        gauges.record_success(NAME, "monitor", at)
        return self.exported()

    def exported(self) -> Scrape:
        """What the exporter tells now."""
        registry = CollectorRegistry()
        registry.register(StoredMetrics(self.place.sql, self.now.timestamp))
        return Scrape.read(EXPORTER_JOB, generate_latest(registry).decode(), at=self.now.timestamp())
