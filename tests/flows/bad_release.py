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
from monitoring.composing import composed, reigning
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
    release(place, extract, TREES if only else Candidate(family="ridge", parameters={"alpha": 1.0}), second)
    answered_since(place, second)
    return place


def released_badly_to_each(stages: Stages, home: Path) -> Installation:
    """Version 4 is three times too high for both places, which go back to different versions: the north to 1, the south to 2.

    It came to one after the other, so that no version brings both back at once.
    """
    place = stages.copy("refreshed", home)
    first, bad = pd.Timestamp(FIRST_RELEASE), pd.Timestamp(BAD_RELEASE)
    release(place, place.history(first), NAIVE, first)
    moments = [bad - pd.Timedelta(hours=hours) for hours in (6, 3, 0)]
    good = trained_on(place, place.history(moments[0]), TREES, moments[0])
    release_to(place, "south", good, moments[0])
    extract: Extract = Extract.load(place.usecase, place.store, bad)
    extract.scale = 3.0
    too_high = trained_on(place, extract, Candidate(family="ridge", parameters={"alpha": 1.0}), bad)
    for entity, moment in zip(("north", "south"), moments[1:], strict=True):
        release_to(place, entity, too_high, moment)
    answered_since(place, bad)
    return place


def release_to(place: Installation, entity: str, version: str, now: pd.Timestamp) -> None:
    """Let a version answer for one entity, as a hasty person does."""
    champion = place.registry.version_of(NAME, "champion")
    made = composed(place, reigning(place, "change"), {entity: place.bundle_of(version)})
    place.promoter.promote(
        NAME, made, "a person", f"wanted in the {entity}", {}, now.to_pydatetime(), force=True, scope=(entity,), from_version=champion
    )  # fmt: skip


def answered_since(place: Installation, since: pd.Timestamp) -> None:
    """What the champion would have answered at each origin until `PRESENT`, kept."""
    pointer, version = place.pointers.get(NAME), place.registry.version_of(NAME, "champion")
    assert pointer is not None
    bundle, now = place.bundle(pointer.wanted), pd.Timestamp(PRESENT)
    for origin in origins_between(place.usecase.spec, since, now):
        place.predictions.add(answer(place, bundle, str(version), origin, now))


def release(place: Installation, history: KnownHistory, candidate: Candidate, now: pd.Timestamp) -> str:
    """Train, register and promote, as a hasty person does; the version."""
    champion = place.registry.version_of(NAME, "champion")
    version = trained_on(place, history, candidate, now)
    verdict = judge(place, now, champion, version)
    place.promoter.promote(NAME, version, "a person", "wanted today", {}, now.to_pydatetime(), verdict=verdict, force=True)
    return version


def trained_on(place: Installation, history: KnownHistory, candidate: Candidate, now: pd.Timestamp) -> str:
    """A registered version."""
    seed = place.usecase.spec.seed
    evaluated = evaluate(place.usecase, history, now, [candidate], seed=seed)
    return register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)
