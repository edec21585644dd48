"""What a hasty operator does: trains on an extract in a wrong scale and forces the result through, on record."""

from datetime import datetime

import pandas as pd

from model_code.challenger import bundle_of, evaluate, register
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.specification import Candidate
from model_code.study import searched_candidates


class Extract(KnownHistory):
    """The history, but with the target in another scale."""

    scale = 1.0

    def truth(self, at: datetime) -> pd.DataFrame:
        """The target as known at `at`, multiplied."""
        told = super().truth(at)
        return told.assign(value=told["value"] * self.scale)


def bad_version(place: Installation, now: datetime, scale: float) -> str:
    """Register a bundle that is consistent in itself (its golden answers match) but was trained on the extract."""
    moment = pd.Timestamp(now).tz_convert("UTC")
    extract = Extract.load(place.usecase, place.store, moment)
    extract.scale = scale
    seed = place.usecase.spec.seed
    evaluated = evaluate(place.usecase, extract, moment, [_candidate(place)], seed=seed)
    return register(place, bundle_of(place, extract, moment, evaluated, seed=seed), evaluated)


def _candidate(place: Installation) -> Candidate:
    """What the champion was trained as; where that is naive, the first of the search that learns from its target."""
    pointer = place.pointers.get(place.usecase.name)
    reigning = [] if pointer is None else [place.bundle(pointer.wanted).manifest.training_parameters]
    candidates = [*(Candidate.model_validate(told) for told in reigning), *searched_candidates(place)]
    wanted: Candidate = next(candidate for candidate in candidates if candidate.family != "naive")
    return wanted
