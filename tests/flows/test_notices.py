"""Telling people at the end of a run: over real HTTP, and never a reason for the run to fail."""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

from flows.notices import tell
from model_code.installation import Installation
from model_code.ledger import Entry
from tests.flows.running import Runs, completed
from tests.flows.small import LATER, NAME, PEOPLE, PRESENT, Stages

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in Apprise


class Hook(BaseHTTPRequestHandler):
    posts: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[ThreadingHTTPServer]:
    Hook.posts = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def troubled(stages: Stages, home: Path, **changed: Any) -> Installation:
    """An installation whose last look asked for a person."""
    copied = stages.copy("empty", home)
    place = Installation(copied.usecase, copied.settings.model_copy(update=changed))
    verdict = {"action": "hold", "reasons": ["data at fault: there are none"], "side_effects": ["page"]}
    place.ledger.append(
        Entry(phase="note", usecase=NAME, action="verdict", actor="monitor", reason="r", evidence={"verdict": verdict}, at=datetime.now(UTC))
    )  # fmt: skip
    return place


def test_tell__says_it_once_with_links(stages: Stages, tmp_path: Path, hook: ThreadingHTTPServer) -> None:
    urls = f"json://127.0.0.1:{hook.server_port}/hook"
    place = troubled(stages, tmp_path / "home", notify_urls=urls, grafana_url="http://grafana")

    (place.settings.home / "reports" / NAME).mkdir(parents=True)

    counts = [tell(place), tell(place)]

    assert counts == [1, 0]
    (message,) = Hook.posts
    assert message["title"] == f"Evenkeel {NAME}: hold; a person is asked to look"
    assert "- data at fault: there are none" in message["message"]
    assert f"Dashboard: http://grafana/d/evenkeel-incidents?var-usecase={NAME}" in message["message"]
    assert f"/{NAME}/index.html" in message["message"]
    place.sql.dispose()


def test_tell__of_what_fails_in_it_only_warns(stages: Stages, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = troubled(stages, tmp_path / "home", notify_file=tmp_path / "not-there")

    outside_of_a_run = temporary_settings({PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"})
    with outside_of_a_run, caplog.at_level(logging.WARNING):
        assert tell(place) == 0

    assert "nobody was told, the next run tries again" in caplog.text
    place.sql.dispose()


@pytest.mark.full
@pytest.mark.timeout(900)
def test_act_flows__forced_by_an_operator_tell_it(runs: Runs, stages: Stages, tmp_path: Path, hook: ThreadingHTTPServer) -> None:
    from_stage = {"rollback": ("promoted", PRESENT), "retrain": ("changed", LATER), "recalibrate": ("answered", LATER)}
    begun = {}
    for flow, (stage, now) in from_stage.items():
        copied = stages.copy(stage, tmp_path / flow)
        urls = f"json://127.0.0.1:{hook.server_port}/{flow}"
        place = Installation(copied.usecase, copied.settings.model_copy(update={"notify_urls": urls}))
        begun[flow] = runs.start(flow, place, now=now.isoformat(), **PEOPLE)

    ended = {flow: completed(runs.end(run)) for flow, run in begun.items()}

    for flow, run in ended.items():
        (message,) = [post for post in Hook.posts if post["title"].startswith(f"Evenkeel {NAME}: {flow}")]
        assert f"by {PEOPLE['actor']}" in message["title"]
        assert str(run.id) in message["message"]
    assert len(Hook.posts) == len(from_stage)
