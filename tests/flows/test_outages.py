"""What flows need is absent, answers wrongly, or goes away in the middle of a run: a clear failure, nothing half-written."""

from pathlib import Path

import psutil

from flows.stack import LocalStack
from flows.stack.local import CORE
from model_code.installation import Installation
from tests.conftest import free_port
from tests.flows.running import Runs
from tests.flows.small import LATER, NAME, PEOPLE, HeldEia, Stages, state
from tests.waiting import until

STARTS = {"train": ("searched", {}), "promote": ("trained", PEOPLE), "rollback": ("promoted", PEOPLE)}


def without_mlflow(place: Installation) -> Installation:
    """The same installation, pointed at an MLflow server that is not there."""
    changed = place.settings.model_copy(update={"mlflow_url": f"http://127.0.0.1:{free_port()}"})
    return Installation(place.usecase, changed)


def test_flows__without_mlflow_fail_in_words_and_work_after(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    places = {flow: stages.copy(stage, tmp_path / flow) for flow, (stage, _) in STARTS.items()}
    before = {flow: state(place) for flow, place in places.items()}

    begun = [runs.start(flow, without_mlflow(place), **STARTS[flow][1]) for flow, place in places.items()]
    failed = [runs.end(run).state for run in begun]

    for ended in failed:
        assert ended.is_failed()
        assert "RegistryError: MLflow at http://127.0.0.1:" in ended.message
        assert "is EVENKEEL_MLFLOW_URL right" in ended.message
    assert {flow: state(place) for flow, place in places.items()} == before
    runs.complete("promote", places["promote"], **PEOPLE)
    assert places["promote"].registry.version_of(NAME, "champion") == "2"


def test_refresh__of_a_source_that_keeps_failing_is_loud_and_changes_nothing(
    runs: Runs, stages: Stages, tmp_path: Path, eia: HeldEia
) -> None:
    place, later = stages.copy("refreshed", tmp_path / "home"), LATER.isoformat()
    before = state(place)
    eia.fail_next("status", status=500, times=4)  # all that one request is tried

    failed = runs.end(runs.start("refresh", place, now=later))

    assert failed.state.is_failed()
    assert "SourceUnavailable" in failed.state.message
    assert "500" in failed.state.message
    assert state(place) == before
    runs.complete("refresh", place, now=later)
    assert len(state(place)["observations"]["load"]) > len(before["observations"]["load"])


def test_refresh__outlives_a_restart_of_the_prefect_server(
    runs: Runs, stages: Stages, tmp_path: Path, eia: HeldEia, local_stack: LocalStack
) -> None:
    place, undisturbed = (stages.copy("empty", tmp_path / name) for name in ("home", "undisturbed"))
    runs.wait_for_processes()
    with eia.holding():
        run = runs.start("refresh", place)
        until(eia.asked.is_set)
        kill_server(local_stack)
        local_stack.up(CORE)

    ended = runs.end(run)

    runs.wait_for_processes()
    assert ended.state.is_completed(), ended.state
    worked = state(place)
    runs.complete("refresh", undisturbed)
    runs.complete("refresh", place)
    assert worked == state(place) == state(undisturbed)


def kill_server(stack: LocalStack) -> None:
    """SIGKILL to the Prefect server with all its processes."""
    (server,) = stack.status(["prefect"])
    top = psutil.Process(server.pid)
    family = [top, *top.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)
