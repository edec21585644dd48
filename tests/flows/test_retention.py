"""Old predictions go, in batches; what the champion answered since its release stays, however old."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from model_code import retention
from model_code.installation import Installation
from model_code.predictions import PredictionStore
from model_code.retention import drop_old_predictions
from tests.flows.small import LATER, NAME, PEOPLE, PRESENT, Stages
from tests.unit.test_predictions import ORIGIN, predictions

FAR = LATER + timedelta(days=2000)


def kept(place: Installation) -> int:
    return len(place.predictions.between(NAME, PRESENT - timedelta(days=99), FAR))


def test_drop_old_predictions__keeps_all_since_the_release(stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("answered", tmp_path / "home")
    before = kept(place)

    assert drop_old_predictions(place, FAR) == 0
    assert kept(place) == before > 0


def test_drop_old_predictions__drops_in_batches_what_no_champion_is_judged_by(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 7)
    place = stages.copy("answered", tmp_path / "home")
    before = kept(place)
    place.promoter.rollback(NAME, str(PEOPLE["actor"]), str(PEOPLE["reason"]), {}, LATER)

    assert drop_old_predictions(place, LATER) == 0
    assert drop_old_predictions(place, FAR) == before
    assert drop_old_predictions(place, FAR) == 0


def test_prediction_store__drop_takes_no_more_than_asked_and_no_other_use_case(engine: sa.Engine) -> None:
    store, later = PredictionStore(engine), ORIGIN + timedelta(days=1)
    store.add(predictions(5))
    store.add(predictions(5, request="r2", usecase="other"))

    assert store.drop("demand", ORIGIN, 99) == 0
    assert store.drop("demand", later, 3) == 3
    assert store.drop("demand", later, 3) == 2
    assert len(store.by_request("r2")) == 5


def test_drop_old_predictions__before_any_release_nothing_goes(stages: Stages, tmp_path: Path) -> None:
    assert drop_old_predictions(stages.copy("searched", tmp_path / "home"), FAR) == 0
