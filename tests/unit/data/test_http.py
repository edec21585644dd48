"""The JSON client against a real server that misbehaves."""

import logging
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from model_code.data.fakes import FakeServer
from model_code.data.fakes.server import Answer
from model_code.data.http import Http, Limits
from model_code.errors import ConfigurationError, SourceChanged, SourceRefused, SourceUnavailable

SECRET = "s3cr3t-key"


class Plain(FakeServer):
    """Answers `{"ok": true}`, or what the test set."""

    reply = Answer(200, {"ok": True})

    def answer(self, path, query):
        return self.reply

    def refusal(self):
        return Answer(403, {"error": {"code": "API_KEY_INVALID", "message": f"{SECRET} is not a key"}})


@pytest.fixture
def server():
    with Plain() as running:
        yield running


def client(server, sleeps=None, **limits):
    return Http(
        server if isinstance(server, str) else server.url,
        Limits(**{"timeout": 5.0, **limits}),
        secrets=[SECRET],
        refused_hint="set EVENKEEL_EIA_API_KEY",
        sleep=(sleeps if sleeps is not None else []).append,
    )


def ask(http):
    with http.session() as session:
        return session.get_json("/data", [("api_key", SECRET), ("start", "2024-01-01T00")])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_get_json__tries_again_after_a_passing_failure(server, status):
    sleeps = []
    server.fail_next(status=status, times=2)

    assert ask(client(server, sleeps)) == {"ok": True}

    assert len(server.requests) == 3
    assert len(sleeps) == 2
    assert 0.25 <= sleeps[0] <= 0.75
    assert 0.5 <= sleeps[1] <= 1.5


def test_get_json__gives_up_after_the_last_attempt(server):
    server.fail_next(status=503, times=10)

    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1/data: answered 503; gave up after attempt 4"):
        ask(client(server))

    assert len(server.requests) == 4


def test_get_json__jitter_follows_the_seed(server):
    waits = []
    for seed in (1, 1, 2):
        sleeps = []
        server.fail_next(status=500)
        http = client(server, sleeps)
        http.rng = random.Random(seed)
        ask(http)
        waits += sleeps

    assert waits[0] == waits[1]
    assert waits[0] != waits[2]


@pytest.mark.parametrize("as_date", [False, True])
def test_get_json__waits_as_long_as_the_server_asks(server, as_date):
    sleeps = []
    asked = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True) if as_date else "30"
    server.fail_next(status=429, retry_after=asked)

    assert ask(client(server, sleeps)) == {"ok": True}

    assert 15 <= sleeps[0] <= 31  # a date is told in whole seconds, and some pass until it is read


def test_get_json__gives_up_at_once_when_asked_to_wait_too_long(server):
    sleeps = []
    server.fail_next(status=429, retry_after=86400)

    with pytest.raises(SourceUnavailable, match="asks to wait 86400 s; gave up after attempt 1"):
        ask(client(server, sleeps))

    assert sleeps == []


@pytest.mark.parametrize("asked", ["soon", "-5", "Wed, 99 Foo 2024"])
def test_get_json__ignores_a_senseless_retry_after(server, asked):
    sleeps = []
    server.fail_next(status=429, retry_after=asked)

    assert ask(client(server, sleeps)) == {"ok": True}

    assert sleeps[0] < 1


@pytest.mark.parametrize("status", [401, 403])
def test_get_json__does_not_repeat_what_was_refused(server, status):
    server.fail_next(status=status)

    with pytest.raises(SourceRefused, match=rf"answered {status}.*set EVENKEEL_EIA_API_KEY"):
        ask(client(server))

    assert len(server.requests) == 1


def test_get_json__tells_the_reason_of_a_wrong_request(server):
    server.reply = Answer(400, {"error": True, "reason": "Parameter 'end_date' is out of allowed range"})

    with pytest.raises(SourceRefused, match="answered 400: Parameter 'end_date' is out of allowed range"):
        ask(client(server))


def test_get_json__names_a_moved_api(server):
    server.reply = Answer(301, {})

    with pytest.raises(SourceChanged, match="answered 301"):
        ask(client(server))


@pytest.mark.parametrize(("kind", "told"), [("html", "no JSON but text/html"), ("truncated", "no JSON but application/json")])
def test_get_json__refuses_what_is_no_json(server, kind, told):
    server.fail_next(kind)

    with pytest.raises(SourceChanged, match=told):
        ask(client(server))


def test_get_json__tries_again_when_the_connection_breaks(server):
    server.fail_next("cut")

    assert ask(client(server)) == {"ok": True}

    assert len(server.requests) == 2


def test_get_json__bounds_a_server_that_never_answers(server):
    server.fail_next("hang", times=2)

    with pytest.raises(SourceUnavailable, match=r"no answer within 0\.1 s; gave up after attempt 2"):
        ask(client(server, timeout=0.1, attempts=2))


def test_get_json__bounds_an_answer_that_drips(server):
    http = client(server, attempts=1)
    moments = iter([0.0, 0.0])
    http.clock = lambda: next(moments, 100.0)

    with pytest.raises(SourceUnavailable, match="not complete within 5 s"):
        ask(http)


def test_get_json__bounds_the_size_of_an_answer(server):
    server.reply = Answer(200, ["x" * 1000] * 100)

    with pytest.raises(SourceChanged, match="larger than 50000 bytes"):
        ask(client(server, max_bytes=50_000))


def test_get_json__nobody_listens():
    with Plain() as gone:
        address = gone.url

    with pytest.raises(SourceUnavailable, match="connection failed"):
        ask(client(address))


@pytest.mark.parametrize("address", ["api.eia.gov", "ftp://api.eia.gov", "", "http://", "http://[::1"])
def test_session__refuses_what_is_no_address(address):
    with pytest.raises(ConfigurationError, match="is no address"):
        ask(client(address))


def test_get_json__keeps_the_pace(server):
    sleeps = []
    http = client(server, sleeps, pace=2.0)
    http.clock = lambda: 0.0

    with http.session() as session:
        for cost in (1.0, 3.0, 1.0):
            session.get_json("/data", [], cost=cost)

    assert sleeps == [2.0, 8.0]


@pytest.mark.parametrize("kind", ["status", "html", "truncated", "cut", "wrong_key"])
def test_get_json__never_tells_the_key(server, kind, caplog):
    server.reply = Answer(200, {"echo": SECRET})
    server.fail_next(kind, status=500)

    with caplog.at_level(logging.DEBUG):
        try:
            told = str(ask(client(server, attempts=1)) and "answered")
        except (SourceUnavailable, SourceChanged, SourceRefused) as error:
            told = f"{error} {error.__cause__}"

    assert "api_key=***" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in told
    assert SECRET not in repr(client(server))
