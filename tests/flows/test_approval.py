"""A use case that asks for a person: who refuses, or does not answer, keeps the champion where it is."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_runs import resume_flow_run
from prefect.states import Scheduled

from flows.cluster.second_chance import AWAITING
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.predictions import Prediction
from model_code.specification import Approval
from monitoring.acting import ALREADY, Request, roll_back
from monitoring.consent import NOBODY, Answer, Proposal, is_needed
from monitoring.judgement import look
from tests.conftest import free_port
from tests.flows.running import Runs, completed
from tests.flows.small import NAME, PEOPLE, PRESENT, Stages, predictions_of
from tests.hook_server import HookServer
from tests.waiting import until

MONITOR = Request("monitor", "event 1")
NOW = PRESENT + timedelta(days=4)
Make = Callable[..., Installation]


@pytest.fixture
def make(stages: Stages, tmp_path: Path) -> Make:
    """A use case that asks before a rollback, with a release that is far off since."""

    def make(timeout: str = "PT1H", notify_urls: str = "") -> Installation:
        place = stages.copy("changed", tmp_path / "home")
        folder = tmp_path / "usecases" / NAME
        folder.mkdir(parents=True)
        source = place.usecase.folder
        asked = f"approval: {{rollback: true, promotion: true, timeout: {timeout}}}\n"
        (folder / "usecase.yaml").write_text((source / "usecase.yaml").read_text() + asked)
        (folder / "features.py").write_bytes((source / "features.py").read_bytes())
        settings = place.settings.model_copy(update={"usecase_path": str(tmp_path / "usecases"), "notify_urls": notify_urls})
        asking = Installation.open(NAME, settings)
        asking.predictions.add(_far_off(each) for each in predictions_of(place, NOW))
        return asking

    return make


def _far_off(answer: Prediction) -> Prediction:
    return answer.model_copy(update={"value": answer.value + 500, "lower": 400.0, "upper": 900.0})


def notes(place: Installation) -> list[Entry]:
    return [entry for entry in place.ledger.entries(NAME) if entry.phase == "note" and entry.action in ("approval", "rollback")]


def champion(place: Installation) -> str | None:
    return place.registry.version_of(NAME, "champion")


def at(moment: Any) -> pd.Timestamp:
    return pd.Timestamp(moment)


def test_roll_back__a_refusal_keeps_the_champion_and_starts_the_cooldown(make: Make) -> None:
    place, asked = make(), list[Proposal]()

    def refuse(proposal: Proposal) -> Answer:
        asked.append(proposal)
        return Answer(False, "Ada", "the sensor was changed")

    done = roll_back(place, at(NOW), MONITOR, ask=refuse)

    assert (done.entry, champion(place)) == (None, "2")
    assert [(each.action, each.from_version, each.to_version) for each in asked] == [("rollback", "2", "1")]
    assert [(note.action, note.actor, note.reason) for note in notes(place)] == [
        ("rollback", "Ada", "not approved by Ada: the sensor was changed")
    ]
    assert "cooling down" in look(place, at(NOW + timedelta(hours=1))).verdict.reasons[0]


def test_roll_back__approved_goes_back_with_a_note(make: Make) -> None:
    place = make()

    done = roll_back(place, at(NOW), MONITOR, ask=lambda _: Answer(True, "Ada", ""))

    assert done.entry is not None
    assert (champion(place), [(note.action, note.reason) for note in notes(place)]) == ("1", [("approval", "approved by Ada")])


def test_roll_back__without_anybody_to_ask_stays_closed(make: Make) -> None:
    place = make()

    assert roll_back(place, at(NOW), MONITOR).entry is None
    assert NOBODY in notes(place)[0].reason


def test_roll_back__while_a_person_is_asked_another_event_asks_nobody(make: Make) -> None:
    place, others = make(), list[str]()

    def ask(_: Proposal) -> Answer:
        for event in ("event 2", "event 3"):
            done = roll_back(place, at(NOW), Request("monitor", event), ask=unexpected)
            others.append(str(done.answer))
        return Answer(True, "Ada", "")

    done = roll_back(place, at(NOW), MONITOR, ask=ask)

    assert done.entry is not None
    assert others == [f"not approved: {ALREADY}"] * 2
    assert len(notes(place)) == 1


def test_roll_back__killed_while_it_waited_asks_again(make: Make) -> None:
    place = make()

    def die(_: Proposal) -> Answer:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_back(place, at(NOW), MONITOR, ask=die)

    assert roll_back(place, at(NOW), MONITOR, ask=lambda _: Answer(True, "Ada", "")).entry is not None


def unexpected(_: Proposal) -> Answer:
    raise AssertionError("nobody should be asked")


def test_roll_back__forced_by_a_person_asks_nobody(make: Make) -> None:
    place = make()

    done = roll_back(place, at(NOW), Request(**PEOPLE), ask=unexpected)  # type: ignore[arg-type]

    assert done.entry is not None
    assert notes(place) == []


def test_is_needed__rollback_and_promotion_each_for_itself() -> None:
    actions = ("promote", "retrain", "recalibrate", "rollback")
    assert [is_needed(Approval(rollback=True), action) for action in actions] == [False, False, False, True]
    assert [is_needed(Approval(promotion=True), action) for action in actions] == [True, True, True, False]


def state_of(runs: Runs, run: FlowRun) -> State:
    found = runs.client.read_flow_run(run.id).state
    assert found is not None
    return found


def paused(runs: Runs, run: FlowRun) -> FlowRun:
    """The run once it waits for a person."""

    def ask() -> FlowRun | None:
        found = runs.client.read_flow_run(run.id)
        assert found.state is not None
        assert not found.state.is_final(), found.state
        return found if found.state.is_paused() else None

    waiting: FlowRun = until(ask, 0.2)
    return waiting


def test_rollback__waits_in_the_ui_until_approved(runs: Runs, make: Make, prefect_api: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    place = make()
    waiting = paused(runs, runs.start("rollback", place, now=NOW.isoformat(), reason="event 1"))
    before = champion(place)

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        resume_flow_run(waiting.id, run_input={"approve": True, "who": "Ada", "words": "seen"})
    ended = completed(runs.end(waiting))

    assert (before, champion(place)) == ("2", "1")
    assert [note.reason for note in notes(place)] == ["approved by Ada: seen"]
    assert {each.key for each in runs.artifacts(ended)} >= {"small-load-approval", "small-load-rollback"}


def test_rollback__people_hear_once_that_one_of_them_is_awaited(
    runs: Runs, make: Make, prefect_api: str, hook: HookServer
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    place = make(notify_urls=hook.url)
    waiting = paused(runs, runs.start("rollback", place, now=NOW.isoformat(), reason="event 1"))
    (asked,) = [*hook.posts]

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        resume_flow_run(waiting.id, run_input={"approve": True, "who": "Ada", "words": "seen"})
    completed(runs.end(waiting))

    assert asked["title"] == f"Evenkeel {NAME}: rollback, version 2 → 1 waits for a person"
    assert "Until: " in asked["message"]
    assert "version 2 loses" in asked["message"]
    assert f"/flow-runs/flow-run/{waiting.id}" in asked["message"]
    assert [post["title"] for post in hook.posts].count(asked["title"]) == 1
    assert not [post for post in hook.posts if "not approved in time" in post["title"]]


def test_rollback__killed_while_it_waited_and_run_again_waits_again(
    runs: Runs, make: Make, prefect_api: str, hook: HookServer
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    place = make(notify_urls=hook.url)
    runs.wait_for_processes()
    run = runs.start("rollback", place, now=NOW.isoformat(), reason="event 1")
    runs.kill(run, lambda: state_of(runs, run).is_paused())
    time.sleep(5)  # the worker tells of the crash a second time, whatever the run's state is by then
    runs.client.set_flow_run_state(run.id, Scheduled(name=AWAITING), force=True)  # as the Automation on Kubernetes does
    waiting = paused(runs, run)

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        resume_flow_run(waiting.id, run_input={"approve": True, "who": "Ada", "words": "seen"})
    completed(runs.end(waiting))

    assert champion(place) == "1"
    assert [note.reason for note in notes(place)] == ["approved by Ada: seen"]
    assert len([post for post in hook.posts if "waits for a person" in post["title"]]) == 1


def test_rollback__nobody_answers_in_time_and_it_stays_closed(runs: Runs, make: Make, hook: HookServer) -> None:
    nowhere = f"json://127.0.0.1:{free_port()}/hook"  # who cannot be told keeps the run from nothing
    place = make("PT2S", f"{nowhere} {hook.url}")

    ended = runs.end(runs.start("rollback", place, now=NOW.isoformat(), reason="event 1"))

    until(lambda: notes(place), 0.2)  # the server may end the run before the run itself has noted why
    assert ended.state is not None
    assert champion(place) == "2"
    assert [note.reason for note in notes(place)] == ["not approved: not in time"]
    proposed = f"Evenkeel {NAME}: rollback, version 2 → 1"
    assert [post["title"] for post in hook.posts][:2] == [
        f"{proposed} waits for a person",
        f"{proposed} was not approved in time",
    ]
