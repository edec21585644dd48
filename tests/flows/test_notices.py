"""Telling people at the end of a run: over real HTTP, and never a reason for the run to fail."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

from flows.notices import say, tell
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.notify.message import Message
from tests.flows.running import Runs, completed
from tests.flows.small import LATER, NAME, PEOPLE, PRESENT, Stages
from tests.hook_server import HookServer

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in Apprise


def troubled(stages: Stages, home: Path, **changed: Any) -> Installation:
    """An installation whose last look asked for a person."""
    copied = stages.copy("empty", home)
    place = Installation(copied.usecase, copied.settings.model_copy(update=changed))
    verdict = {"action": "hold", "reasons": ["data at fault: there are none"], "side_effects": ["page"]}
    place.ledger.append(
        Entry(phase="note", usecase=NAME, action="verdict", actor="monitor", reason="r", evidence={"verdict": verdict}, at=datetime.now(UTC))
    )  # fmt: skip
    return place


def test_tell__says_it_once_with_links(stages: Stages, tmp_path: Path, hook: HookServer) -> None:
    place = troubled(stages, tmp_path / "home", notify_urls=hook.url, grafana_url="http://grafana")

    (place.settings.home / "reports" / NAME).mkdir(parents=True)

    counts = [tell(place), tell(place)]

    assert counts == [1, 0]
    (message,) = hook.posts
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


def test_say__of_what_fails_in_it_only_warns(stages: Stages, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = troubled(stages, tmp_path / "home", notify_file=tmp_path / "not-there")

    outside_of_a_run = temporary_settings({PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"})
    with outside_of_a_run, caplog.at_level(logging.WARNING):
        assert say(place, Message("asked", "rollback waits for a person", ""), "run 1") == 0

    assert "not told: rollback waits for a person: EVENKEEL_NOTIFY_FILE" in caplog.text
    place.sql.dispose()


@pytest.mark.full
@pytest.mark.timeout(900)
def test_act_flows__forced_by_an_operator_tell_it(runs: Runs, stages: Stages, tmp_path: Path, hook: HookServer) -> None:
    from_stage = {"rollback": ("promoted", PRESENT), "retrain": ("changed", LATER), "recalibrate": ("answered", LATER)}
    begun = {}
    for flow, (stage, now) in from_stage.items():
        copied = stages.copy(stage, tmp_path / flow)
        place = Installation(copied.usecase, copied.settings.model_copy(update={"notify_urls": hook.url_of(flow)}))
        begun[flow] = runs.start(flow, place, now=now.isoformat(), **PEOPLE)

    ended = {flow: completed(runs.end(run)) for flow, run in begun.items()}

    for flow, run in ended.items():
        (message,) = [post for post in hook.posts if post["title"].startswith(f"Evenkeel {NAME}: {flow}")]
        assert f"by {PEOPLE['actor']}" in message["title"]
        assert str(run.id) in message["message"]
    assert len(hook.posts) == len(from_stage)
