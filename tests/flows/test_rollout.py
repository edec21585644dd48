"""Rollouts on this machine: killed in the middle and run again, one at a time, and as a flow run of a real Prefect server."""

import json
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.params import RolloutParams
from flows.rollout import rollout
from flows.rollout_record import Rollout, RolloutRecord
from model_code.installation import Installation
from services.rollout.base import Busy, Wanted
from services.rollout.local.target import LocalTarget
from tests.contenders import NAME, VERSIONS, copy_of
from tests.contenders_served import Served
from tests.flows.rolled import roll, roll_and_be_killed

# Processes start, load and are killed; their installation is a copy of the contenders'.
pytestmark = [pytest.mark.xdist_group("contenders"), pytest.mark.timeout(400)]
PATIENCE = 200.0


@pytest.fixture
def place(contenders: Served, tmp_path: Path) -> Iterator[Installation]:
    """The champion deployed on this machine."""
    made = copy_of(contenders.place, tmp_path / "home")
    target = LocalTarget(made.settings)
    try:
        target.deploy(Wanted(usecase=NAME, version="1", bundle=contenders.bundles["champion"]))
        yield made
    finally:
        target.stop(NAME)
        made.sql.dispose()


def rollouts(place: Installation) -> list[Rollout]:
    return RolloutRecord(place.ledger, NAME, "a test").rollouts()


def test_rollout__killed_in_the_middle_and_run_again_ends_as_if_nothing_had_been(
    place: Installation, contenders: Served, programs: ForkServerContext
) -> None:
    child = programs.Process(target=roll_and_be_killed, args=(place.settings.model_dump(),))
    child.start()
    deadline = time.monotonic() + PATIENCE
    while not rollouts(place):
        assert child.is_alive(), child.exitcode
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(Busy, match="another rollout"):
        roll(place, "better")
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL
    left = LocalTarget(place.settings).status(NAME)
    assert [each.track for each in left.tracks] == ["stable", "canary"]

    outcome = roll(place, "better")

    assert outcome.outcome == "promoted", outcome
    (done,) = rollouts(place)
    assert (done.ended, list(done.passed)) == ("promoted", ["replay"])
    (stable,) = LocalTarget(place.settings).status(NAME).tracks
    assert (stable.version, stable.bundle, stable.ready) == ("2", contenders.bundles["better"], True)


def shown(api: str) -> tuple[list[dict[str, Any]], str | None]:
    """The latest table of a rollout that people see in Prefect, and what stands above it."""
    with SyncPrefectClient(api=api) as client:
        of_rollout = ArtifactFilter(key=ArtifactFilterKey(any_=["tiny-rollout-rollout"]))
        newest = client.read_artifacts(artifact_filter=of_rollout, sort=ArtifactSort.CREATED_DESC, limit=1)[0]
    return json.loads(str(newest.data)), newest.description


def test_flow_rollout__leaves_the_steps_of_a_promotion_as_a_table(
    place: Installation, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.settings.environment().items():
        monkeypatch.setenv(name, value)

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        told = rollout(RolloutParams(usecase=NAME, version=VERSIONS["better"], reason="to see"))

    (replay, end), description = shown(prefect_api)
    assert description == "Version 2 against 1, 28 registered origins"
    assert (replay["step"], replay["decision"]) == ("replay", "go")
    assert replay["seconds"] >= 0
    assert end == {"step": "promoted", "decision": told["reasons"][0], "seconds": ""}
    assert "rolled out: " in end["decision"]


def test_flow_rollout__refuses_the_tenth_worse(
    place: Installation, contenders: Served, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.settings.environment().items():
        monkeypatch.setenv(name, value)

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        told = rollout(RolloutParams(usecase=NAME, version=VERSIONS["worse"], reason="to see"))

    (row,), description = shown(prefect_api)
    assert (row["step"], row["seconds"], description) == ("refused", "", "Version 3 against 1, 28 registered origins")
    assert row["decision"] == told["reasons"][0]
    assert (told["promoted"], told["outcome"]) == (False, "refused")
    assert "paired replay: not sure to be better" in told["reasons"][0]
    (stable,) = LocalTarget(place.settings).status(NAME).tracks
    assert (stable.track, stable.bundle) == ("stable", contenders.bundles["champion"])
