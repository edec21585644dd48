"""The small use case with a bad release, seen by the policy: what an alert is about, and a rollback is for."""

from datetime import timedelta
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

FIRST_RELEASE, BAD_RELEASE = PRESENT - timedelta(days=6), PRESENT - timedelta(days=5)


def released_badly(stages: Stages, home: Path) -> Installation:
    """Version 1 reigned for a day; then version 2, three times too high, and the truth of its answers is known."""
    place = stages.copy("refreshed", home)
    first = pd.Timestamp(FIRST_RELEASE)
    _release(place, place.history(first), NAIVE, first)
    second = pd.Timestamp(BAD_RELEASE)
    extract = Extract.load(place.usecase, place.store, second)
    extract.scale = 3.0
    bad = _release(place, extract, Candidate(family="ridge", parameters={"alpha": 1.0}), second)
    pointer, now = place.pointers.get(NAME), pd.Timestamp(PRESENT)
    assert pointer is not None
    bundle = place.bundle(pointer.wanted)
    for origin in origins_between(place.usecase.spec, pd.Timestamp(BAD_RELEASE), now):
        place.predictions.add(answer(place, bundle, bad, origin, now))
    return place


def _release(place: Installation, history: KnownHistory, candidate: Candidate, now: pd.Timestamp) -> str:
    seed, champion = place.usecase.spec.seed, place.registry.version_of(NAME, "champion")
    evaluated = evaluate(place.usecase, history, now, [candidate], seed=seed)
    version = register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)
    verdict = judge(place, now, champion, version)
    place.promoter.promote(NAME, version, "a person", "wanted today", {}, now.to_pydatetime(), verdict=verdict, force=True)
    return version
