"""A retrain that one entity asked for: who did not ask does not pay for it."""

from pathlib import Path

import pandas as pd
import pytest

from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.retraining import Retrained, retrain
from tests.flows.small import LATER, NAME, PRESENT, Stages

SINCE = pd.Timestamp(PRESENT) - pd.Timedelta(minutes=30)


@pytest.fixture
def place(stages: Stages, tmp_path: Path) -> Installation:
    return stages.copy("changed", tmp_path / "home")


def south_repeats(place: Installation) -> KnownHistory:
    """Only the north is in another world; each day of the south is the one before it, as the naive model says."""
    load, plan = (place.store.revisions(NAME, feed, until=LATER) for feed in ("load", "plan"))
    south, day = load[load["entity"] == "south"], pd.Timestamp(PRESENT).floor("D") - pd.Timedelta(days=1)
    last = south[(south["time"] >= day) & (south["time"] < day + pd.Timedelta(days=1))]
    same = dict(zip(last["time"].dt.hour, last["load"], strict=True))
    after = (load["entity"] == "south") & (load["time"] >= day)
    repeated = load["load"].where(~after, load["time"].dt.hour.map(same))
    return KnownHistory(place.usecase.spec, {"load": load.assign(load=repeated), "plan": plan})


def retrained(place: Installation, scope: tuple[str, ...]) -> Retrained:
    naive, now = place.bundle_of("1"), place.present(LATER)
    return retrain(place.usecase, south_repeats(place), naive, now, SINCE, seed=1, scope=scope)


def test_retrain__better_on_the_whole_but_paid_by_another_entity_is_not_better(place: Installation) -> None:
    whole, scoped = retrained(place, ()).verdict, retrained(place, ("north",)).verdict

    assert whole.better
    assert not scoped.better
    assert scoped.reason.startswith("south would pay for it; better")


def test_retrain__asked_for_by_all_that_pay_is_judged_on_the_whole(place: Installation) -> None:
    assert retrained(place, ("north", "south")).verdict.better
