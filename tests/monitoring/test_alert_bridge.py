"""The alert bridge: who may post, what is read, what is kept, what is sent, and what becomes of it when Prefect is away."""

import asyncio
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from model_code import sql
from model_code.errors import ConfigurationError
from model_code.ledger import Entry, Ledger
from model_code.settings import Settings
from monitoring import judgement
from monitoring.alert_bridge import precedence as precedence_module
from monitoring.alert_bridge.app import MAX_BODY_BYTES, Bridge
from monitoring.alert_bridge.incidents import Incidents
from monitoring.alert_bridge.precedence import HEAD_START, SETTLED, precedence
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import ACTING, FIRST_RESEND, LEASE, MOST_SENT, RUN_IS_DEAD, Sender, event_id
from monitoring.alert_bridge.token import ensure_token, token_file
from monitoring.alert_bridge.webhook import MAX_ALERTS, WrongWebhook, parse
from tests.bridge_process import BridgeProcess, alert, webhook
from tests.conftest import free_port

TOKEN = "a-token-of-more-than-sixteen-characters"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)


class Clock:
    """A wall clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, span: timedelta) -> None:
        self.now += span


class Client:
    """Asks the application directly; its lifespan does not run."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **given_: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, **given_))

    async def _ask(self, method: str, path: str, **given_: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://bridge") as client:
            return await client.request(method, path, **given_)


class FakePrefect(BaseHTTPRequestHandler):
    """Takes events, and tells of the runs that it is said to have; `broken` answers 500."""

    server: "PrefectServer"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.broken:
            self._answer(500, {"detail": "on fire"})
        elif self.path == "/api/events":
            self.server.events += body
            self._answer(204, None)
        else:
            self._answer(200, self.server.runs)

    def _answer(self, status: int, body: Any) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class PrefectServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakePrefect)
        self.events: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


@contextmanager
def prefect_server() -> Iterator[PrefectServer]:
    server = PrefectServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def prefect() -> Iterator[PrefectServer]:
    with prefect_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(engine: sa.Engine, prefect: PrefectServer, clock: Clock) -> Iterator[Sender]:
    with PrefectApi(prefect.url) as api:
        yield Sender(engine, api, clock)


@pytest.fixture
def client(engine: sa.Engine, sender: Sender, clock: Clock) -> Client:
    """The bridge without its lifespan: nothing is sent behind the test's back."""
    return Client(Bridge(engine, sender, TOKEN, clock).app())


def kept(engine: sa.Engine, clock: Clock, *alerts: dict[str, Any]) -> Incidents:
    incidents = Incidents(engine)
    incidents.keep(parse(webhook(*alerts)).alerts, clock())
    return incidents


# The door ---------------------------------------------------------------------------------------------------------------


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
        client = Client(Bridge(engine, Sender(engine, api, clock), TOKEN, clock).app())
        engine.dispose()
        path.write_bytes(b"no database" * 100)

        answer, ready = client.post("/alerts", content=webhook(alert("demand")), headers=SHOWN), client.get("/readyz")
    engine.dispose()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert ready.status_code == 503


# What is kept -----------------------------------------------------------------------------------------------------------


def test_alerts__the_same_twenty_times_are_one_incident(client: Client, engine: sa.Engine) -> None:
    answers = [client.post("/alerts", content=webhook(alert("demand")), headers=SHOWN) for _ in range(20)]

    assert [answer.status_code for answer in answers] == [202] * 20
    assert [answer.json()["new"] for answer in answers] == [1] + [0] * 19
    assert len(Incidents(engine).all()) == 1


def test_incidents__end_and_begin_anew(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"))
    clock.forward(timedelta(minutes=1))
    kept(engine, clock, alert("demand", status="resolved"))
    (ended,) = incidents.all()

    kept(engine, clock, alert("demand"))
    (same,) = incidents.all()
    kept(engine, clock, alert("demand") | {"startsAt": NOON.isoformat()})

    assert (ended.ended_at, same.ended_at) == (clock.now, None)
    assert len(incidents.all()) == 2


def test_incidents__of_a_resolved_alert_that_nobody_knew_are_none(engine: sa.Engine, clock: Clock) -> None:
    assert kept(engine, clock, alert("demand", status="resolved")).all() == []


def test_claim__gives_each_to_one_and_again_when_the_lease_is_over(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"))

    mine, others = incidents.claim(clock(), LEASE), Incidents(engine).claim(clock(), LEASE)
    clock.forward(LEASE)

    assert (len(mine), len(others), len(incidents.claim(clock(), LEASE))) == (1, 0, 1)


def test_looked__deals_with_what_came_before_the_look_began(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("other"))
    began = clock.now
    clock.forward(timedelta(seconds=1))
    kept(engine, clock, alert("demand", "EvenkeelBadOrigins"))

    assert incidents.looked("demand", began, "flow run 1", clock.now) == 1

    assert [each.alertname for each in incidents.all(waiting=True) if each.usecase == "demand"] == ["EvenkeelBadOrigins"]


def test_forget__drops_only_what_is_old_and_done(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("other"))
    incidents.looked("demand", clock.now, "flow run 1", clock.now)

    assert incidents.forget(clock.now) == 0
    assert incidents.forget(clock.now + timedelta(seconds=1)) == 1
    assert [each.usecase for each in incidents.all()] == ["other"]


def run(usecase: str, state: str = "RUNNING", began: datetime | None = None) -> dict[str, Any]:
    """A flow run as Prefect tells of it."""
    expected = (began or datetime.now(UTC)).isoformat()
    return {"parameters": {"params": {"usecase": usecase}}, "state_type": state, "expected_start_time": expected}


def test_looks_under_way__counts_what_waits_for_a_person_however_long(prefect: PrefectServer) -> None:
    long_ago = datetime.now(UTC) - 2 * RUN_IS_DEAD
    with PrefectApi(prefect.url) as api:
        prefect.runs = [run("demand", began=long_ago)]
        dead = api.looks_under_way(ACTING, "demand", RUN_IS_DEAD)
        prefect.runs = [run("demand", "PAUSED", began=long_ago)]

        assert (dead, api.looks_under_way(ACTING, "demand", RUN_IS_DEAD)) == (False, True)


# What is sent -----------------------------------------------------------------------------------------------------------


def test_send_due__makes_one_event_that_says_where_to_look(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    kept(engine, clock, alert("demand", series="VIC"))

    assert (sender.send_due(), sender.send_due()) == (1, 0)

    (event,) = prefect.events
    assert event["event"] == "evenkeel.alert.EvenkeelLossRatioBreach"
    assert event["resource"] == {"prefect.resource.id": "evenkeel.usecase.demand", "evenkeel.usecase": "demand"}
    assert (event["payload"]["severity"], event["payload"]["labels"]["series"]) == ("page", "VIC")
    assert event["payload"]["annotations"] == {"summary": "EvenkeelLossRatioBreach of demand"}


def test_send_due__with_prefect_away_tries_again_later_and_loses_nothing(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    prefect.broken = True
    waits = []
    for _ in range(8):
        sender.send_due()
        (incident,) = incidents.all()
        assert incident.due_at is not None
        waits.append((incident.due_at - clock.now).total_seconds())
        clock.now = incident.due_at

    prefect.broken = False
    sender.send_due()

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (incident.failures, "on fire" in str(incident.error)) == (8, True)
    assert len(prefect.events) == 1
    assert incidents.all()[0].error is None


def test_send_due__with_prefect_away_asks_it_once_for_a_flock(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, *[alert(f"demand{letter}") for letter in "abcde"])
    prefect.broken = True

    sender.send_due()

    assert sum(each.failures for each in incidents.all()) == 1
    assert {each.due_at for each in incidents.all()} == {clock.now + timedelta(seconds=1)}


def test_send_due__after_a_lost_answer_sends_the_same_event(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    (before,) = incidents.claim(clock(), LEASE)  # who was killed right after Prefect took the event
    clock.forward(LEASE)

    sender.send_due()

    assert prefect.events[0]["id"] == str(event_id(before))


def test_send_due__waits_for_a_run_under_way(engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock) -> None:
    kept(engine, clock, alert("demand"))
    prefect.runs = [run("demand")]
    sender.send_due()
    waited = len(prefect.events)
    clock.forward(timedelta(seconds=1))
    prefect.runs = [run("another"), run("demand", began=datetime.now(UTC) - RUN_IS_DEAD)]
    sender.send_due()

    assert (waited, len(prefect.events)) == (0, 1)


def test_send_due__sends_again_until_a_flow_has_looked(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    sender.send_due()
    clock.forward(FIRST_RESEND)
    sender.send_due()
    incidents.looked("demand", clock.now, "flow run 1", clock.now)
    clock.forward(timedelta(days=1))

    assert sender.send_due() == 0
    assert len({event["id"] for event in prefect.events}) == len(prefect.events) == 2


def test_send_due__gives_up_after_many_events_and_says_so(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    for _ in range(MOST_SENT + 1):
        sender.send_due()
        clock.forward(timedelta(hours=1))

    assert len(prefect.events) == MOST_SENT
    assert "no flow looked at it" in str(incidents.all()[0].error)
    assert incidents.all(waiting=True) == []


def test_overdue_since__is_told_of_what_prefect_never_took_or_no_run_came_of(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    told = [incidents.overdue_since()]
    for _ in range(MOST_SENT + 1):
        sender.send_due()
        told.append(incidents.overdue_since())
        clock.forward(timedelta(hours=1))
    kept(engine, clock, alert("demand", status="resolved"))

    assert told == [NOON, None, None, *[NOON] * (MOST_SENT - 1)]
    assert incidents.overdue_since() is None


def test_send_due__of_an_alert_of_no_use_case_waits_for_no_look(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert(None, "EvenkeelExporterDown"))

    sender.send_due()

    assert prefect.events[0]["resource"] == {"prefect.resource.id": "evenkeel.installation"}
    assert incidents.all(waiting=True) == []


def test_send_due__of_one_resolved_in_time_is_not_repeated(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    kept(engine, clock, alert("demand"))
    sender.send_due()
    kept(engine, clock, alert("demand", status="resolved"))
    clock.forward(FIRST_RESEND)
    sender.send_due()

    assert len(prefect.events) == 1


# Who goes first ---------------------------------------------------------------------------------------------------------


def entry(action: str, phase: str, at: datetime, verdict: str = "") -> Entry:
    evidence: dict[str, Any] = {"verdict": {"action": verdict}} if verdict else {}
    return Entry.model_validate(
        {"phase": phase, "usecase": "demand", "action": action, "actor": "t", "reason": "", "evidence": evidence, "at": at, "recorded_at": at}
    )  # fmt: skip


SECOND = timedelta(seconds=1)
CASES: dict[str, tuple[list[Entry], str]] = {
    "nothing happened": ([], "go"),
    "a verdict to hold": ([entry("verdict", "note", NOON - SECOND, "hold")], "go"),
    "a verdict that acts": ([entry("verdict", "note", NOON - SECOND, "rollback")], "wait"),
    "a verdict that nobody followed": ([entry("verdict", "note", NOON - HEAD_START - SECOND, "rollback")], "go"),
    "an action under way": (
        [entry("verdict", "note", NOON - SECOND, "rollback"), entry("rollback", "intent", NOON)],
        "wait",
    ),
    "an action that was done": (
        [entry("verdict", "note", NOON - SECOND, "rollback"), entry("rollback", "done", NOON)],
        "dealt with",
    ),
    "a retrain that kept the champion": ([entry("retrain", "note", NOON - SECOND)], "dealt with"),
    "an action some time ago": ([entry("rollback", "done", NOON - SETTLED)], "go"),
    "a release by a person": ([entry("promote", "done", NOON - SECOND)], "go"),
}


@pytest.mark.parametrize(("entries", "told"), CASES.values(), ids=CASES)
def test_precedence__follows_the_ledger(engine: sa.Engine, entries: list[Entry], told: str) -> None:
    ledger = Ledger(engine)
    for each in entries:
        ledger.append(each)

    assert precedence(engine, "demand", NOON) == told
    assert precedence(engine, "another", NOON) == "go"


def test_precedence__knows_a_verdict_by_the_monitors_word() -> None:
    assert precedence_module.VERDICT == judgement.VERDICT


# Token, metrics, process ------------------------------------------------------------------------------------------------


def test_ensure_token__makes_it_once_for_its_owner_alone(tmp_path: Path) -> None:
    given_ = Settings(home=tmp_path)

    first, second = ensure_token(given_), ensure_token(given_)

    assert first == second == token_file(given_).read_text().strip()
    assert len(first) >= 32
    assert stat.S_IMODE(token_file(given_).stat().st_mode) == 0o600
    assert [path.name for path in token_file(given_).parent.iterdir()] == ["bridge.token"]


def test_ensure_token__from_the_environment_is_what_alertmanager_reads_too(tmp_path: Path) -> None:
    ensure_token(Settings(home=tmp_path))
    given_ = Settings(home=tmp_path, bridge_token=TOKEN)

    assert ensure_token(given_) == token_file(given_).read_text().strip() == TOKEN
    assert TOKEN not in repr(given_)


def test_ensure_token__open_to_others_or_too_short_is_refused(tmp_path: Path) -> None:
    given_ = Settings(home=tmp_path)
    ensure_token(given_)
    token_file(given_).chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        ensure_token(given_)

    with pytest.raises(ConfigurationError, match="fewer than 16"):
        ensure_token(Settings(home=tmp_path / "other", bridge_token="short"))


def test_metrics__tell_what_waits(client: Client, sender: Sender, prefect: PrefectServer, clock: Clock) -> None:
    client.post("/alerts", content=webhook(alert("demand"), alert("other")), headers=SHOWN)
    clock.forward(timedelta(seconds=5))
    prefect.broken = True
    sender.send_due()

    families = text_string_to_metric_families(client.get("/metrics").text)
    values = {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}

    assert values["evenkeel_bridge_alerts_total", "new"] == 2
    assert values["evenkeel_bridge_alerts_total", "refused"] == 0
    assert values["evenkeel_bridge_waiting_incidents",] == 2
    assert values["evenkeel_bridge_oldest_waiting_seconds",] == 5
    assert values["evenkeel_bridge_prefect_up",] == 0


def test_bridge__as_a_process_survives_a_kill_and_sends_what_was_kept(tmp_path: Path, prefect: PrefectServer) -> None:
    given_ = Settings(home=tmp_path, bridge_port=free_port(), log_format="json")
    with BridgeProcess(given_, f"http://127.0.0.1:{free_port()}/api") as bridge:
        assert bridge.post(alert("demand")).status_code == 202
        assert httpx.post(f"{bridge.url}/alerts", content=webhook(alert("demand"))).status_code == 401
        bridge.kill()
    with BridgeProcess(given_, prefect.url) as bridge:
        again = bridge.post(alert("demand"))
        waited = threading.Event()
        while not prefect.events:
            waited.wait(0.05)

    assert again.json() == {"new": 0, "known": 1, "ended": 0}
    assert len(prefect.events) == 1
    lines = [json.loads(line) for line in bridge.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert ensure_token(given_) not in bridge.log
