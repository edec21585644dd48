"""One turn of the loop through a real server and worker."""

from pathlib import Path

from model_code.origins import latest_origin
from services.rollout.local import LocalTarget
from tests.flows.running import Runs
from tests.flows.small import LATER, PRESENT, Stages


def names_below(runs: Runs, parent: str) -> dict[str, str]:
    """Flow and state of the runs below a run."""
    found = runs.client.read_flow_runs(limit=200, offset=0)
    flows = {each.id: runs.client.read_flow(each.flow_id).name for each in found}
    tasks = {each.id: str(each.flow_run_id) for each in runs.client.read_task_runs(limit=200)}
    return {
        flows[each.id]: each.state.type.value
        for each in found
        if each.state is not None and each.parent_task_run_id is not None and tasks.get(each.parent_task_run_id) == parent
    }


def test_turn__refreshes_forecasts_and_looks(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    target = LocalTarget(place.settings)
    target.deploy(place.usecase)
    try:
        ended = runs.complete("turn", place)
    finally:
        target.stop()

    assert names_below(runs, str(ended.id)) == dict.fromkeys(("refresh", "forecast", "monitor"), "COMPLETED")
    assert place.predictions.newest(place.usecase.name) == latest_origin(place.usecase.spec, PRESENT)
    assert [entry.at for entry in place.ledger.entries(place.usecase.name) if entry.action == "verdict"] == [PRESENT]


def test_turn__without_a_service_looks_all_the_same_and_fails(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")

    ended = runs.end(runs.start("turn", place, now=LATER.isoformat()))

    assert ended.state is not None
    assert ended.state.is_failed()
    assert "forecast: " in (ended.state.message or "")
    below = names_below(runs, str(ended.id))
    assert (below["refresh"], below["forecast"], below["monitor"]) == ("COMPLETED", "FAILED", "COMPLETED")
