"""The demo's loop in process: real data, tables, models, registry and acts; no server, and time jumps from look to look."""

import shutil
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd

from flows.demo.operator import bad_version
from flows.demo.scenario import USECASE, Scenario
from model_code.bundle import Bundle
from model_code.cases import build_features
from model_code.challenger import bundle_of, evaluate, register
from model_code.contest import judge
from model_code.data.known import Known, KnownHistory
from model_code.data.refresh import RefreshReport, refresh
from model_code.data.sources import make_source
from model_code.installation import Installation
from model_code.origins import entities_at, origins_between, target_rows
from model_code.policy import Verdict
from model_code.predictions import Prediction, prediction_id
from model_code.settings import Settings
from model_code.study import run_study, searched_candidates
from model_code.usecase import UseCase, UseCaseSpec
from monitoring import acting
from monitoring.judgement import Judgement, look, restless

TRIALS = 3  # one of each family
SETTLED = timedelta(days=10)  # longer than anything in the scenario is late or wrong
END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC)


class Settled(KnownHistory):
    """What was known at an origin is read once, and once more when all its corrections are in."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._read: dict[object, Known] = {}

    def at(self, origin: datetime, *, seen_from: datetime | None = None) -> Known:
        settled = seen_from is not None and seen_from - origin > SETTLED
        key = (origin, "settled" if settled else seen_from)
        if key not in self._read:
            self._read[key] = super().at(origin, seen_from=seen_from)
        return self._read[key]


def remembering(features: ModuleType) -> Any:
    """The use case's feature code, asked once for the same knowledge; it can depend on nothing else."""
    told: dict[object, tuple[Known, Any]] = {}  # holds what was known, so that no other gets its id

    def once(ask: Callable[..., Any], known: Known, origin: pd.Timestamp, what: Any, spec: UseCaseSpec) -> Any:
        key = (ask.__name__, id(known), what if isinstance(what, str) else len(what))
        if key not in told:
            told[key] = (known, ask(known, origin, what, spec))
        return copy(told[key][1])

    asked = {name: partial(once, getattr(features, name)) for name in ("build", "context") if hasattr(features, name)}
    return SimpleNamespace(**asked)


class Remembered(Installation):
    """Reads tables and bundles once. Every later read is as known at a moment, so that rows from the future do no harm."""

    def __init__(self, usecase: UseCase, settings: Settings) -> None:
        super().__init__(usecase, settings)
        self._bundles: dict[str, Bundle] = {}
        self._features: dict[str, Any] = {}
        self._remember(usecase)

    @cached_property
    def everything(self) -> KnownHistory:
        return Settled.load(self.usecase, self.store, END_OF_TIME)

    def history(self, until: datetime | pd.Timestamp) -> KnownHistory:
        return self.everything

    def bundle(self, hash_: str) -> Bundle:
        if hash_ not in self._bundles:
            self._bundles[hash_] = super().bundle(hash_)
            self._remember(self._bundles[hash_].usecase)
        return self._bundles[hash_]

    def _remember(self, usecase: UseCase) -> None:
        """All share what was built by the same code."""
        version = usecase.features_version
        if version not in self._features:
            self._features[version] = remembering(usecase.features)
        usecase.__dict__["features"] = self._features[version]


def refresh_all(place: Installation, now: datetime) -> list[RefreshReport]:
    """Every feed up to date, as the refresh flow does it."""
    feeds = place.usecase.spec.feeds
    return [refresh(place.usecase, feed, make_source(place.usecase, feed, place.settings), place.store, now) for feed in feeds]


def start(home: Path, scenario: Scenario) -> Remembered:
    """A home where the first model was searched, trained and promoted at `train_at`, before anything was injected."""
    world = scenario.model_copy(update={"level_shift": None}).write_world(home / "world.json")
    place = Remembered.open(USECASE, Settings(home=home, world_file=world))
    now = pd.Timestamp(scenario.train_at).tz_convert("UTC")
    refresh_all(place, scenario.train_at)
    run_study(place, now, TRIALS)
    evaluated = evaluate(place.usecase, place.history(now), now, searched_candidates(place), seed=place.usecase.spec.seed)
    bundle = bundle_of(place, place.history(now), now, evaluated, seed=place.usecase.spec.seed)
    promote(place, now, register(place, bundle, evaluated), "first model")
    place.sql.dispose()
    return place


def promote(place: Installation, now: pd.Timestamp, version: str, reason: str, *, force: bool = False) -> None:
    """As the promote flow does it."""
    champion = place.registry.version_of(place.usecase.name, "champion")
    verdict = judge(place, now, champion, version)
    place.promoter.promote(
        place.usecase.name,
        version,
        "operator",
        reason,
        {},
        now.to_pydatetime(),
        verdict=verdict,
        force=force,
        from_version=champion,
    )


@dataclass(frozen=True)
class Look:
    """One look and what came of it."""

    now: pd.Timestamp
    seen: Judgement
    acted: acting.Acted | None

    @property
    def verdict(self) -> Verdict:
        return self.seen.verdict

    def __str__(self) -> str:
        outcome = ""
        if self.acted is not None:
            entry = self.acted.entry
            outcome = f" -> {'nothing moved' if entry is None else f'{entry.from_version} to {entry.to_version}'}"
        return f"{self.now.tz_convert('Etc/GMT-10'):%d %b} {self.verdict.action}: {'; '.join(self.verdict.reasons)}{outcome}"


class Simulation:
    """One scenario played from a started home, which it copies.

    Args:
        started: Home of `start`; it stays as it is.
        home: A new folder.
        scenario: What happens from there on.
    """

    def __init__(self, started: Path, home: Path, scenario: Scenario) -> None:
        shutil.copytree(started, home, ignore=shutil.ignore_patterns("store", "world.json"))
        self.scenario = scenario
        self.place = Remembered.open(USECASE, Settings(home=home, world_file=scenario.write_world(home / "world.json")))
        self.looks: list[Look] = []
        self.released: str | None = None
        refresh_all(self.place, scenario.end)

    def play(self) -> list[Look]:
        """Every look of the scenario."""
        release, policy = self.scenario.bad_release, self.place.usecase.spec.policy
        tick = self.scenario.next_look(self.scenario.train_at, soon=False)
        while True:
            now = pd.Timestamp(tick).tz_convert("UTC")
            self._forecast(now)
            if release is not None and release.at <= tick and self.released is None:
                self.released = bad_version(self.place, tick, release.scale)
                promote(self.place, now, self.released, "demand needs it today", force=True)
            seen = look(self.place, now)
            self.looks.append(Look(now, seen, self._act(seen.verdict.action, now)))
            if tick >= self.scenario.end:
                break
            tick = self.scenario.next_look(tick, restless(seen.evidence, policy) or seen.verdict.action != "hold")
        return self.looks

    @property
    def actions(self) -> list[Look]:
        """The looks that were followed by more than holding still."""
        return [each for each in self.looks if each.verdict.action != "hold"]

    @property
    def champion(self) -> str | None:
        """Version that reigns at the end."""
        return self.place.registry.version_of(USECASE, "champion")

    def _act(self, action: str, now: pd.Timestamp) -> acting.Acted | None:
        request = acting.Request("evenkeel", f"breach.{action}")
        if action == "rollback":
            return acting.roll_back(self.place, now, request)
        return acting.retrain(self.place, now, request) if action == "retrain" else None

    def _forecast(self, now: pd.Timestamp) -> None:
        """Answer every origin that is due, as the service answers it."""
        pointer, usecase = self.place.pointers.get(USECASE), self.place.usecase
        assert pointer is not None
        bundle = self.place.bundle(pointer.wanted)
        version = next(each.version for each in self.place.registry.versions(USECASE) if each.bundle == bundle.hash)
        newest = self.place.predictions.newest(USECASE)
        first = pd.Timestamp(self.scenario.train_at if newest is None else newest) + pd.Timedelta(microseconds=1)
        for origin in origins_between(usecase.spec, first, now + pd.Timedelta(microseconds=1)):
            self.place.predictions.add(answer(self.place, bundle, version, origin, now))


def answer(place: Installation, bundle: Bundle, version: str, origin: pd.Timestamp, now: pd.Timestamp) -> list[Prediction]:
    """What the service would keep of its answer at `now` to a question about `origin`."""
    spec, known = bundle.spec, place.history(now).at(origin)
    rows = target_rows(spec, origin, entities_at(spec, known, origin))
    features = build_features(bundle.usecase, known, origin, rows)
    told = bundle.predict(features, rows["step"].to_numpy())
    request = f"forecast/{spec.name}/{origin.isoformat()}"
    numbers = zip(rows["entity"], rows["time"], told.value.tolist(), told.lower.tolist(), told.upper.tolist(), strict=True)
    return [
        Prediction(
            prediction_id=prediction_id(request, entity, time),
            request_id=request,
            usecase=spec.name,
            entity=entity,
            origin=origin,
            time=time,
            lead_seconds=round((time - origin).total_seconds()),
            value=value,
            lower=lower,
            upper=upper,
            version=version,
            bundle=bundle.hash,
            asked_by="forecast",
            made_at=now,
            features_hash="",
        )
        for entity, time, value, lower, upper in numbers
    ]
