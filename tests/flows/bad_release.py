"""The small use case with a bad release, seen by the policy: what an alert is about, and a rollback is for."""

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from flows.demo.operator import Extract
from flows.drill.answers import answer
from model_code.challenger import bundle_of, evaluate, register
from model_code.contest import judge
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.origins import origins_between
from model_code.specification import Candidate
from tests.flows.small import NAIVE, NAME, PRESENT, Stages

TREES = Candidate(family="xgboost", parameters={"n_estimators": 30, "max_depth": 3})  # tells the two places apart
FIRST_RELEASE, BAD_RELEASE = PRESENT - timedelta(days=6), PRESENT - timedelta(days=5)


class OfOne(Extract):
    """The extract in which one entity alone is in another scale."""

    only = ""

    def truth(self, at: datetime) -> pd.DataFrame:
        """The target as known at `at`, multiplied for that entity."""
        told = KnownHistory.truth(self, at)
        return told.assign(value=told["value"].where(told["entity"] != self.only, told["value"] * self.scale))


def released_badly(stages: Stages, home: Path, only: str = "") -> Installation:
    """Version 1 reigned for a day; then version 2, three times too high, and the truth of its answers is known.

    Args:
        only: Entity that it is too high for. Default: for all of them.
    """
    place = stages.copy("refreshed", home)
    first = pd.Timestamp(FIRST_RELEASE)
    release(place, place.history(first), NAIVE, first)
    second = pd.Timestamp(BAD_RELEASE)
    extract: Extract = (
        OfOne.load(place.usecase, place.store, second) if only else Extract.load(place.usecase, place.store, second)
    )
    extract.scale = 3.0
    if isinstance(extract, OfOne):
        extract.only = only
    bad = release(place, extract, TREES if only else Candidate(family="ridge", parameters={"alpha": 1.0}), second)
    pointer, now = place.pointers.get(NAME), pd.Timestamp(PRESENT)
    assert pointer is not None
    bundle = place.bundle(pointer.wanted)
    for origin in origins_between(place.usecase.spec, pd.Timestamp(BAD_RELEASE), now):
        place.predictions.add(answer(place, bundle, bad, origin, now))
    return place


def release(place: Installation, history: KnownHistory, candidate: Candidate, now: pd.Timestamp) -> str:
    """Train, register and promote, as a hasty person does; the version."""
    seed, champion = place.usecase.spec.seed, place.registry.version_of(NAME, "champion")
    evaluated = evaluate(place.usecase, history, now, [candidate], seed=seed)
    version = register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)
    verdict = judge(place, now, champion, version)
    place.promoter.promote(NAME, version, "a person", "wanted today", {}, now.to_pydatetime(), verdict=verdict, force=True)
    return version
