"""Marks of the ledger in a Grafana that speaks the real one's HTTP: once each, after failures and kills too."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_code import sql
from model_code.errors import ConfigurationError, EvenkeelError
from model_code.ledger import Entry, Ledger
from model_code.settings import Settings
from monitoring import annotations
from monitoring.annotations import Annotator, annotate
from monitoring.grafana.client import Annotations, GrafanaFailed, GrafanaRefused
from monitoring.grafana.dashboard import MARKS
from monitoring.grafana.fake import Failure, FakeGrafana
from monitoring.marks import marks_of
from tests.monitoring.ledger_story import START, STORY, record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[tuple[sa.Engine, Ledger]]:
    made = sql.engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    yield made, Ledger(made)
    made.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGrafana]:
    with FakeGrafana() as running:
        yield running


@pytest.fixture
def grafana(server: FakeGrafana) -> FakeGrafana:
    """The server of this file, emptied."""
    server.reset()
    return server


class Writer(Annotator):
    """Writes to the fake; every run with connections of its own."""

    def __init__(self, engine: sa.Engine, grafana: FakeGrafana, token: str = "") -> None:
        self.client = Annotations(grafana.url, token or grafana.token)
        super().__init__(engine, self.client)

    def write(self, usecase: str) -> int:
        with self.client:
            return super().write(usecase)


def test_annotator__writes_each_mark_once(engine: sa.Engine, grafana: FakeGrafana) -> None:
    ledger = Ledger(engine)
    record(ledger)
    annotator = Writer(engine, grafana)
    assert annotator.write("demand") == 5
    asked = len(grafana.requests)
    assert annotator.write("demand") == 0
    assert len(grafana.requests) == asked, "nothing is asked where nothing is new"
    release = grafana.annotations[1]
    assert release["tags"] == list(marks_of(ledger.entries("demand"))[0].tags)
    assert release["time"] == release["timeEnd"] == START.timestamp() * 1000
    incident = grafana.annotations[3]
    assert incident["timeEnd"] - incident["time"] == timedelta(days=2).total_seconds() * 1000


def test_annotator__an_incident_gets_its_end_later(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    engine, book = ledger
    record(book, STORY[:6])
    annotator = Writer(engine, grafana)
    annotator.write("demand")
    assert grafana.annotations[3]["timeEnd"] == grafana.annotations[3]["time"]
    record(book, STORY[6:])
    assert annotator.write("demand") == 3
    assert len(grafana.annotations) == 5
    assert grafana.annotations[3]["timeEnd"] == (START + timedelta(days=5)).timestamp() * 1000


def test_annotator__goes_on_where_grafana_failed(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1])
    annotator = Writer(ledger[0], grafana)
    assert annotator.write("nobody") == 0
    grafana.fail_next("status", status=503)
    with pytest.raises(GrafanaFailed, match="503"):
        annotator.write("demand")
    assert not grafana.annotations
    assert annotator.write("demand") == 5
    assert len(grafana.annotations) == 5


def test_annotator__an_answer_that_was_lost_doubles_nothing(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1], STORY[:1])
    annotator = Writer(ledger[0], grafana)
    grafana.fail_next("after", method="POST")
    with pytest.raises(GrafanaFailed, match="502"):
        annotator.write("demand")
    assert len(grafana.annotations) == 1
    assert annotator.write("demand") == 1
    assert len(grafana.annotations) == 1


def test_annotator__one_that_is_refused_does_not_stop_the_others(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1])
    annotator = Writer(ledger[0], grafana)
    grafana.fail_next("status", status=400)
    with pytest.raises(GrafanaRefused):
        annotator.write("demand")
    assert len(grafana.annotations) == 4
    assert annotator.write("demand") == 1


@pytest.mark.parametrize(("kind", "method"), [("html", "GET"), ("html", "POST"), ("no_number", "POST")])
def test_annotator__what_is_no_grafana_is_said(
    ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana, kind: Failure, method: str
) -> None:
    record(ledger[1], STORY[:1])
    grafana.fail_next(kind, method=method)
    with pytest.raises(GrafanaFailed, match="EVENKEEL_GRAFANA_URL"):
        Writer(ledger[0], grafana).write("demand")


def test_annotator__what_a_person_removed_stays_away(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1], STORY[:6])
    annotator = Writer(ledger[0], grafana)
    annotator.write("demand")
    removed = httpx.delete(f"{grafana.url}/api/annotations/3", headers={"Authorization": f"Bearer {grafana.token}"})
    assert removed.status_code == 200
    record(ledger[1], STORY[6:])  # the incident ends
    annotator.write("demand")
    assert sorted(grafana.annotations) == [1, 2, 4, 5]
    annotator.forget("demand")
    assert annotator.write("demand") == 5
    assert len(grafana.annotations) == 5


def test_annotator__one_run_is_bounded(
    ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(ledger[1])
    monkeypatch.setattr(annotations, "MOST", 2)
    annotator = Writer(ledger[0], grafana)
    assert [annotator.write("demand") for _ in range(4)] == [2, 2, 1, 0]


STEPS = st.lists(st.sampled_from(["append", "write", "refuse", "lose", "down", "html"]), min_size=5, max_size=25)
ORDERS: dict[str, tuple[Failure, int]] = {
    "refuse": ("status", 400),
    "lose": ("after", 0),
    "down": ("status", 503),
    "html": ("html", 0),
}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_annotator__whatever_fails_in_between_all_stand_there_once_in_the_end(steps: list[str], server: FakeGrafana) -> None:
    server.reset()
    story = iter([told for week in range(4) for told in _later(week)])
    with tempfile.TemporaryDirectory() as folder:
        engine = sql.engine(f"sqlite:///{folder}/evenkeel.db")
        ledger, annotator = Ledger(engine), Writer(engine, server)
        for step in [*steps, "write"]:
            if step == "append":
                ledger.append(next(story))
            elif step == "write":
                with suppress(GrafanaFailed):
                    annotator.write("demand")
            else:
                kind, status = ORDERS[step]
                server.fail_next(kind, status=status)
        server.forget_orders()
        annotator.write("demand")
        wanted = marks_of(ledger.entries("demand"))
        engine.dispose()
    found = {told["tags"][-1]: (told["text"], told["timeEnd"]) for told in server.annotations.values()}
    assert len(server.annotations) == len(wanted)
    assert found == {mark.label: (mark.text, round((mark.until or mark.at).timestamp() * 1000)) for mark in wanted}


def _later(weeks: int) -> list[Entry]:
    """The story once more, some weeks later."""
    moved = timedelta(weeks=weeks)
    return [told.model_copy(update={"at": told.at + moved, "recorded_at": told.at + moved}) for told in STORY]


def test_annotator__writes_what_the_dashboards_ask_for(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1])
    Writer(ledger[0], grafana).write("demand")
    asked = {kind: ["evenkeel", "demand", kind] for _, kind, _ in MARKS}
    headers = {"Authorization": f"Bearer {grafana.token}"}
    found = {
        kind: len(httpx.get(f"{grafana.url}/api/annotations", params={"tags": tags}, headers=headers).json())
        for kind, tags in asked.items()
    }
    assert found == {"release": 2, "action": 2, "incident": 1}


def test_annotations__lie_below_a_path_too(ledger: tuple[sa.Engine, Ledger]) -> None:
    record(ledger[1], STORY[:1])
    with FakeGrafana(below="/grafana") as below:
        assert Writer(ledger[0], below).write("demand") == 1
        assert len(below.annotations) == 1


def test_annotations__a_wrong_token_names_its_setting(ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana) -> None:
    record(ledger[1])
    with pytest.raises(GrafanaFailed, match="EVENKEEL_GRAFANA_TOKEN") as caught:
        Writer(ledger[0], grafana, "another-token").write("demand")
    assert "another-token" not in str(caught.value)


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://g", "http://", "http://admin:admin@g", "http://g/?x=1"])
def test_annotations__an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Annotations(url, "token")


def test_annotate__is_off_without_an_address_and_never_in_the_way(
    ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana, caplog: pytest.LogCaptureFixture
) -> None:
    record(ledger[1])
    assert annotate(Settings(), ledger[0], "demand") == 0
    nobody = Settings(grafana_url="http://127.0.0.1:9", grafana_token="a-secret-token")
    assert annotate(nobody, ledger[0], "demand") == 0
    assert "wait for the next run" in caplog.text
    assert "a-secret-token" not in caplog.text
    assert "a-secret-token" not in repr(nobody)
    assert annotate(Settings(grafana_url=grafana.url), ledger[0], "demand") == 0
    assert annotate(Settings(grafana_url=grafana.url, grafana_token=grafana.token), ledger[0], "demand") == 5


def test_annotator__killed_in_the_middle_it_goes_on_and_doubles_nothing(
    ledger: tuple[sa.Engine, Ledger], grafana: FakeGrafana
) -> None:
    """Killed right after Grafana took a mark, before it was remembered."""
    record(ledger[1])
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "EVENKEEL_SQL_URL": ledger[0].url.render_as_string(),
        "EVENKEEL_GRAFANA_URL": grafana.url,
        "EVENKEEL_GRAFANA_TOKEN": grafana.token,
    }
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(grafana.annotations) == 1
    finished = subprocess.run(
        [sys.executable, "-m", "monitoring.annotations", "demand"], env=environment, cwd=ROOT, capture_output=True, check=False
    )
    assert finished.returncode == 0, finished.stderr.decode()
    assert len(grafana.annotations) == 5
    own = [told["tags"][-1] for told in grafana.annotations.values()]
    assert len(set(own)) == 5


KILLED = """
import os, signal, sys
from monitoring.annotations import Annotator, main
from monitoring.grafana.client import Annotations
add = Annotations.add
def add_and_die(self, mark):
    add(self, mark)
    os.kill(os.getpid(), signal.SIGKILL)
Annotations.add = add_and_die
sys.argv = ["annotations", "demand"]
main()
"""


def test_annotations__the_program_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_SQL_URL", f"sqlite:///{tmp_path / 'a.db'}")
    monkeypatch.setattr(sys, "argv", ["annotations", "demand"])
    with pytest.raises(SystemExit, match="EVENKEEL_GRAFANA_URL"):
        annotations.main()
    assert issubclass(GrafanaFailed, EvenkeelError)
