"""The bridge's door: who may post, what is read, what is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_code import sql
from monitoring.alert_bridge.app import MAX_BODY_BYTES, Bridge
from monitoring.alert_bridge.incidents import Incidents
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import Sender
from monitoring.alert_bridge.webhook import MAX_ALERTS, WrongWebhook, parse
from tests.bridge_process import alert, webhook
from tests.monitoring.alert_bridge.bridge import SHOWN, TOKEN, Client, Clock
from tests.monitoring.alert_bridge.fake_prefect import PrefectServer


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer käse"])
def test_alerts__without_the_token_are_refused_and_not_kept(client: Client, engine: sa.Engine, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown.encode()}

    answer = client.post("/alerts", content=webhook(alert("demand")), headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert Incidents(engine).all() == []


def test_alerts__too_long_a_body_is_refused(client: Client, engine: sa.Engine) -> None:
    answer = client.post("/alerts", content=b" " * (MAX_BODY_BYTES + 1), headers=SHOWN)

    assert (answer.status_code, answer.json()["title"]) == (413, "Request too large")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
        (b"[]", "version"),
        (b'{"version": "3", "alerts": []}', "version"),
        (b'{"version": "4"}', "alerts"),
        (b'{"version": "4", "alerts": {}}', "alerts"),
        (webhook(*[alert("demand")] * (MAX_ALERTS + 1)), "alerts"),
    ],
)
def test_alerts__that_are_no_webhook_are_refused_in_words(client: Client, body: bytes, told: str) -> None:
    answer = client.post("/alerts", content=body, headers=SHOWN)

    assert (answer.status_code, answer.json()["status"]) == (422, 422)
    assert answer.json()["detail"].startswith(told)


WRONG: dict[str, Any] = {
    "no name": {"labels": {"usecase": "demand"}},
    "name that is none": {"labels": {"alertname": "a b.c", "usecase": "demand"}},
    "use case that is none": {"labels": {"alertname": "Breach", "usecase": "../demand"}},
    "label that is no text": {"labels": {"alertname": "Breach", "usecase": 7}},
    "status": {"status": "maybe"},
    "start without zone": {"startsAt": "2024-07-01T00:00:00"},
    "fingerprint": {"fingerprint": "'; DROP TABLE"},
    "long label": {"labels": {"alertname": "Breach", "note": "x" * 5000}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_alerts__one_that_cannot_be_read_is_refused_and_the_others_are_kept(
    client: Client, engine: sa.Engine, wrong: dict[str, Any]
) -> None:
    answer = client.post("/alerts", content=webhook(alert("demand") | wrong, alert("other")), headers=SHOWN)

    assert answer.status_code == 422
    assert "alerts[0]" in answer.json()["detail"]
    assert [each.usecase for each in Incidents(engine).all()] == ["other"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_parse__of_anything_refuses_in_words_or_reads(made_up: Any) -> None:
    for body in (
        json.dumps(made_up),
        json.dumps({"version": "4", "alerts": made_up}),
        json.dumps({"version": "4", "alerts": [made_up]}),
    ):
        try:
            webhook_ = parse(body.encode())
        except WrongWebhook:
            continue
        assert webhook_.alerts == ()


def test_alerts__are_not_acknowledged_where_they_cannot_be_kept(tmp_path: Path, prefect: PrefectServer, clock: Clock) -> None:
    path = tmp_path / "state" / "evenkeel.db"
    engine = sql.engine(f"sqlite:///{path}")
    with PrefectApi(prefect.url) as api:
        client = Client(Bridge(engine, Sender(engine, api, clock), Pager(engine, list, clock), TOKEN, clock).app())
        engine.dispose()
        path.write_bytes(b"no database" * 100)

        answer, ready = client.post("/alerts", content=webhook(alert("demand")), headers=SHOWN), client.get("/readyz")
    engine.dispose()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert ready.status_code == 503
