"""What a rollout asks itself is kept, and is no evidence of what callers met."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from model_code.prediction import Prediction
from model_code.predictions import PredictionStore
from model_code.rehearsal import asked_by, request_id

ORIGIN = datetime(2014, 7, 1, tzinfo=UTC)
USECASE = "demand"


def prediction(
    request: str, *, asker: str = "a caller", origin: datetime = ORIGIN, seconds: int = 1, bundle: str = "aa"
) -> Prediction:
    return Prediction(
        prediction_id=request,
        request_id=request,
        usecase=USECASE,
        entity="victoria",
        origin=origin,
        time=origin + timedelta(minutes=30),
        lead_seconds=1800,
        value=4.5,
        version="1",
        bundle=bundle,
        asked_by=asker,
        made_at=ORIGIN + timedelta(seconds=seconds),
        features_hash="ff",
    )


@pytest.fixture
def store(engine: sa.Engine) -> PredictionStore:
    made = PredictionStore(engine)
    later = ORIGIN + timedelta(days=1)
    rehearsed = [
        prediction(request_id("4f2a", step, "x"), asker=asked_by(step), origin=later, seconds=2)
        for step in ("shadow", "replay/stable")
    ]
    made.add([prediction("live"), prediction("of another", bundle="bb"), *rehearsed])
    return made


def test_between__leaves_out_what_a_rollout_asked(store: PredictionStore) -> None:
    found = store.between(USECASE, ORIGIN, ORIGIN + timedelta(days=2))

    assert set(found["request_id"]) == {"live", "of another"}
    assert store.by_request(request_id("4f2a", "shadow", "x"), USECASE)


def test_newest__is_not_hidden_by_a_rollout(store: PredictionStore) -> None:
    assert store.newest(USECASE) == ORIGIN


def test_live_since__is_what_one_bundle_answered_to_callers(store: PredictionStore) -> None:
    store.add([prediction("later", seconds=5), prediction("older", seconds=-5)])

    assert [each.request_id for each in store.live_since(USECASE, "aa", ORIGIN, 10)] == ["live", "later"]
    assert [each.request_id for each in store.live_since(USECASE, "aa", ORIGIN, 1)] == ["live"]
    assert store.live_since("other", "aa", ORIGIN, 10) == []
