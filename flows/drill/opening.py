"""A home with its first model: searched, trained and promoted through the code that the flows call, without a server."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd

from flows.drill.memory import Remembered
from model_code.challenger import bundle_of, evaluate, register
from model_code.contest import judge
from model_code.data.refresh import refresh
from model_code.data.source import Source
from model_code.data.sources import make_source
from model_code.errors import EvenkeelError
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.study import run_study, searched_candidates

TRIALS = 3  # one of each family
OPERATOR = "operator"


def open_home(home: Path, usecase: str, train_at: datetime, world: Path) -> Remembered:
    """Search, train and promote a first model at `train_at`.

    Args:
        home: A new folder.
        world: World file; nothing in it may begin before `train_at`.
    """
    place = Remembered.open(usecase, Settings(home=home, world_file=world, usecase=usecase))
    assert isinstance(place, Remembered)
    now = pd.Timestamp(train_at).tz_convert("UTC")
    refresh_all(place, train_at)
    run_study(place, now, TRIALS)
    seed = place.usecase.spec.seed
    evaluated = evaluate(place.usecase, place.history(now), now, searched_candidates(place), seed=seed)
    bundle = bundle_of(place, place.history(now), now, evaluated, seed=seed)
    promote(place, now, register(place, bundle, evaluated), "first model")
    place.sql.dispose()
    return place


def sources_of(place: Installation) -> dict[str, Source]:
    """Feed -> where its rows come from."""
    return {feed: make_source(place.usecase, feed, place.settings) for feed in place.usecase.spec.feeds}


def refresh_all(place: Installation, now: datetime, sources: Mapping[str, Source] | None = None) -> dict[str, str]:
    """Every feed up to date, as the refresh flow does it; feed -> why it failed. A failure keeps no other feed from its rows."""
    failed = {}
    for feed, source in (sources or sources_of(place)).items():
        try:
            refresh(place.usecase, feed, source, place.store, now)
        except EvenkeelError as error:
            failed[feed] = str(error)
    return failed


def promote(place: Installation, now: pd.Timestamp, version: str, reason: str, *, force: bool = False) -> None:
    """As the promote flow does it.

    Raises:
        PromotionRefused: The paired verdict is against it and it is not forced.
    """
    champion = place.registry.version_of(place.usecase.name, "champion")
    verdict = judge(place, now, champion, version)
    place.promoter.promote(
        place.usecase.name,
        version,
        OPERATOR,
        reason,
        {},
        now.to_pydatetime(),
        verdict=verdict,
        force=force,
        from_version=champion,
    )
