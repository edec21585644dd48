"""One turn of the loop through a real server and worker."""

from pathlib import Path
from uuid import UUID

from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

from model_code.origins import latest_origin
from services.rollout.local.service import LocalService
from tests.flows.running import Runs
from tests.flows.small import LATER, PRESENT, Stages


def names_below(runs: Runs, parent: UUID) -> dict[str, str]:
    """Flow and state of the runs below a run."""
    below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent]))
    return {
        runs.client.read_flow(each.flow_id).name: each.state.type.value
        for each in runs.client.read_flow_runs(flow_run_filter=below)
        if each.state is not None
    }


def test_turn__refreshes_forecasts_and_looks(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")
    target = LocalService(place.settings)
    target.deploy(place.usecase)
    try:
        ended = runs.complete("turn", place)
    finally:
        target.stop()

    assert names_below(runs, ended.id) == dict.fromkeys(("refresh", "forecast", "monitor"), "COMPLETED")
    assert place.predictions.newest(place.usecase.name) == latest_origin(place.usecase.spec, PRESENT)
    assert [entry.at for entry in place.ledger.entries(place.usecase.name) if entry.action == "verdict"] == [PRESENT]


def test_turn__without_a_service_looks_all_the_same_and_fails(runs: Runs, stages: Stages, tmp_path: Path) -> None:
    place = stages.copy("promoted", tmp_path / "home")

    ended = runs.end(runs.start("turn", place, now=LATER.isoformat()))

    assert ended.state is not None
    assert ended.state.is_failed()
    assert "forecast: " in (ended.state.message or "")
    below = names_below(runs, ended.id)
    assert (below["refresh"], below["forecast"], below["monitor"]) == ("COMPLETED", "FAILED", "COMPLETED")
