"""The service as its callers see it: answers, their records, and what a wrong question is told."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from model_code.cases import build_features
from model_code.errors import InvalidRequest
from model_code.origins import target_rows
from services.client import ForecastClient
from services.forecaster.messages import ForecastAnswer, ForecastValue
from tests.services import tiny
from tests.services.conftest import Served

JSON = {"content-type": "application/json"}


def expected(served: Served, bundle_hash: str, origin: datetime, entities: tuple[str, ...]) -> tuple[ForecastValue, ...]:
    """What the bundle answers on what was known at the origin, computed here."""
    bundle, start = served.place.bundle(bundle_hash), pd.Timestamp(origin)
    rows = target_rows(bundle.spec, start, entities)
    features = build_features(bundle.usecase, served.place.history(tiny.PRESENT).at(start), start, rows)
    given = bundle.predict(features, rows["step"].to_numpy())
    return tuple(
        ForecastValue(
            entity=row.entity,
            time=row.time,
            lead_seconds=3600 * row.step,
            value=given.value[i],
            lower=given.lower[i],
            upper=given.upper[i],
        )
        for i, row in enumerate(rows.itertuples())
    )


def stored(served: Served, answer: ForecastAnswer) -> tuple[ForecastValue, ...]:
    """What the store keeps of an answer."""
    kept = served.stored(answer.request_id, len(answer.values))
    assert {(item.version, item.bundle, item.origin) for item in kept} == {(answer.version, answer.bundle, answer.origin)}
    return tuple(ForecastValue(**item.model_dump(include=set(ForecastValue.model_fields))) for item in kept)


def test_forecast__is_what_the_bundle_says_of_what_was_known_at_the_origin(served: Served, client: ForecastClient) -> None:
    origin = tiny.LATEST - timedelta(days=3)

    answer = client.forecast(entity="south", origin=origin)

    assert answer.values == expected(served, served.ridge, origin, ("south",))
    assert (answer.usecase, answer.version, answer.bundle, answer.unit) == (tiny.NAME, "1", served.ridge, "MW")


def test_forecast__asks_for_all_entities_at_the_latest_due_origin_by_default(served: Served, client: ForecastClient) -> None:
    answer = client.forecast()

    assert answer.origin == tiny.LATEST
    assert answer.entity is None
    assert answer.values == expected(served, served.ridge, tiny.LATEST, tiny.ENTITIES)


def test_forecast__takes_an_empty_body(served: Served) -> None:
    assert httpx.post(f"{served.target.url}/forecast").status_code == 200


def test_forecast__is_in_the_store_as_it_was_sent(served: Served, client: ForecastClient) -> None:
    answer = client.forecast(asked_by="somebody")

    kept = served.stored(answer.request_id, len(answer.values))
    assert stored(served, answer) == answer.values
    assert {item.asked_by for item in kept} == {"somebody"}
    assert len({item.features_hash for item in kept}) == len(kept)


def test_forecast__repeated_request_gets_the_stored_answer_across_a_switch(served: Served, client: ForecastClient) -> None:
    first = client.forecast(request_id="again")
    served.point_at(served.naive, served.ridge)

    second, fresh = client.forecast(request_id="again"), client.forecast()

    assert second == first
    assert fresh.bundle == served.naive
    assert fresh.values != first.values


@pytest.mark.parametrize("other", [{"entity": "north"}, {"origin": tiny.LATEST - timedelta(days=1)}])
def test_forecast__request_id_of_another_question_is_refused(client: ForecastClient, other: dict[str, Any]) -> None:
    client.forecast(request_id="one-question")

    with pytest.raises(InvalidRequest, match=r"422 .*\[request_id\]: request_id 'one-question' was used"):
        client.forecast(request_id="one-question", **other)


def test_forecast__sees_rows_that_arrived_since_the_last_one(served: Served, client: ForecastClient) -> None:
    origin = tiny.FIRST + timedelta(days=6)
    before = client.forecast(entity="north", origin=origin)
    corrected = tiny.load_rows(origin - timedelta(days=1), origin)
    corrected["load"] += 20.0
    corrected["known_at"] += timedelta(minutes=1)
    corrected = corrected[corrected["known_at"] <= origin]
    served.place.store.append(tiny.NAME, "load", corrected)

    after = client.forecast(entity="north", origin=origin)

    assert after.values == expected(served, served.ridge, origin, ("north",))
    assert all(new.value > old.value + 1 for new, old in zip(after.values, before.values, strict=True))


WRONG = [
    ('{"orign": "2024-03-19T00:00:00Z"}', 422, "orign", "Extra inputs"),
    ('{"entity": 3}', 422, "entity", "valid string"),
    ('{"entity": "east"}', 422, "entity", "there are: north, south"),
    ('{"origin": 5}', 422, "origin", "valid datetime"),
    ('{"origin": "2024-03-19T00:00:00"}', 422, "origin", "timezone"),
    ('{"origin": "2024-03-19T01:00:00Z"}', 422, "origin", "the one before it is 2024-03-19T00:00:00"),
    ('{"origin": "2024-03-21T00:00:00Z"}', 422, "origin", "in the future"),
    ('{"origin": "2024-02-01T00:00:00Z"}', 422, "origin", "within the lookback of 3 days"),
    ('{"origin": "0001-01-01T00:00:00Z"}', 422, "origin", "before 1970"),
    ('{"horizon": 5}', 422, "horizon", "tiny_load has 4"),
    ('{"horizon": 0}', 422, "horizon", "greater than or equal to 1"),
    ('{"horizon": "2"}', 422, "horizon", "valid integer"),
    ('{"request_id": ""}', 422, "request_id", "at least 1 character"),
    ("{", 422, "body", "Invalid JSON"),
    ("[]", 422, "body", "object"),
    (" " * 8_388_609, 413, "body", "more than 8388608 bytes"),
]


@pytest.mark.parametrize(("body", "status", "field", "told"), WRONG)
def test_forecast__wrong_question_gets_a_problem_document(served: Served, body: str, status: int, field: str, told: str) -> None:
    answer = httpx.post(f"{served.target.url}/forecast", content=body, headers=JSON)

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["field"]) == (status, status, field)
    assert told in problem["detail"]
    assert problem["title"]


def test_forecast__problem_tells_the_request_id(served: Served) -> None:
    early, late = ('{"request_id": "mine", "entity": 3}', '{"request_id": "mine", "entity": "east"}')

    told = [httpx.post(f"{served.target.url}/forecast", content=body, headers=JSON).json() for body in (early, late)]

    assert [problem["request_id"] for problem in told] == ["mine", "mine"]


def test_forecast__other_content_type_is_refused(served: Served) -> None:
    answer = httpx.post(f"{served.target.url}/forecast", data={"entity": "north"})

    assert answer.status_code == 415
    assert "--json" in answer.json()["detail"]


def test_forecast__is_answered_and_kept_while_the_store_takes_nothing(served: Served, client: ForecastClient) -> None:
    with served.place.sql.connect() as connection:
        connection.execute(sa.text("BEGIN IMMEDIATE"))  # nobody else can write now
        answer = client.forecast(request_id="asked-in-the-dark")
        again = client.forecast(request_id="asked-in-the-dark")
        connection.rollback()

    assert again == answer
    assert stored(served, answer) == answer.values


def test_log__tells_the_switch_but_no_request(served: Served, client: ForecastClient) -> None:
    client.forecast()

    log = Path(served.target.status().log).read_text()
    assert f"serving version 1, bundle {served.ridge}" in log
    assert "/forecast" not in log


def test_model__tells_what_serves(served: Served, client: ForecastClient) -> None:
    told = client.model()

    assert (told.version, told.bundle, told.family, told.usecase) == ("1", served.ridge, "ridge", tiny.NAME)
    assert (told.wanted, told.ready, told.reason) == (served.ridge, True, "")
    assert told.trained_until == tiny.PRESENT
    assert told.backtest_loss is not None
    assert told.backtest_loss > 0
    pointer = served.place.pointers.get(tiny.NAME)
    assert pointer is not None
    assert told.generation == pointer.generation


def test_probes__answer_while_the_wanted_bundle_serves(served: Served, client: ForecastClient) -> None:
    assert client.ready()
    assert httpx.get(f"{served.target.url}/livez").status_code == 200


def test_metrics__count_requests_predictions_and_the_bundle(served: Served, client: ForecastClient) -> None:
    before = samples(served)
    client.forecast()
    httpx.post(f"{served.target.url}/forecast", content="[]", headers=JSON)
    after = samples(served)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted({"usecase": tiny.NAME, **labels}.items())))
        return after[key] - before.get(key, 0.0)

    assert grown("evenkeel_service_requests_total", route="forecast", status="200") == 1
    assert grown("evenkeel_service_requests_total", route="forecast", status="422") == 1
    assert grown("evenkeel_service_latency_seconds_count", route="forecast") == 2
    assert grown("evenkeel_service_predictions_total") == 4 * len(tiny.ENTITIES)
    serving = [
        dict(labels)["bundle"] for (name, labels), value in after.items() if name == "evenkeel_service_bundle_info" and value
    ]
    assert serving == [served.ridge]
    assert after["evenkeel_service_ready", (("usecase", tiny.NAME),)] == 1


def samples(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of `/metrics` by name and labels, as Prometheus would parse it."""
    families = text_string_to_metric_families(httpx.get(f"{served.target.url}/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}
